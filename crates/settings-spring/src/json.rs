//! Settings in JSON: `spring.application.json`, whose rank is between the environment and the command
//! line, and values of a config server that are lists or objects.

use serde_json::{Map, Value};

use crate::environment;
use crate::inputs::Inputs;
use crate::layers::{Entry, Layer, Origin};
use crate::locations::APPLICATION_JSON;
use crate::names::folded;
use crate::problems::Problem;

/// The settings in `spring.application.json`, which is an option or a variable. A problem does not
/// repeat any part of it.
pub(crate) fn layer(inputs: &Inputs) -> Result<Layer, Problem> {
    let name = APPLICATION_JSON.row.name;
    let option = inputs.options.iter().rev().find(|(option, _)| folded(option) == name);
    let option = option.map(|(_, text)| (text.as_str(), Origin::CommandLine));
    let variable = environment::variable(&inputs.environment, name);
    let variable = variable.map(|(variable, text)| (text, Origin::Environment(variable.into())));
    let Some((text, origin)) = option.or(variable).filter(|(text, _)| !text.trim().is_empty())
    else {
        return Ok(Layer::new());
    };
    let members: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let complaint = format!("is not a JSON object: line {line}, column {column}");
        Problem::new(name, Some(origin), complaint)
    })?;
    let mut values = Vec::new();
    for (name, value) in members {
        flatten(name, value, &mut values);
    }
    let entry = |(name, value)| Entry { name, value, origin: Origin::ApplicationJson };
    Ok(values.into_iter().map(entry).collect())
}

/// The plain values in a value, by their names: dots before the members of objects, and an index
/// behind the elements of lists. As in Spring, a null is no value, and what a lower layer says stays.
pub(crate) fn flatten(name: String, value: Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::String(text) => into.push((name, text)),
        Value::Number(number) => into.push((name, number.to_string())),
        Value::Bool(truth) => into.push((name, truth.to_string())),
        Value::Array(elements) if elements.is_empty() => into.push((name, String::new())),
        Value::Array(elements) => {
            for (index, element) in elements.into_iter().enumerate() {
                flatten(format!("{name}[{index}]"), element, into);
            }
        }
        Value::Object(members) => {
            for (member, value) in members {
                flatten(format!("{name}.{member}"), value, into);
            }
        }
    }
}
