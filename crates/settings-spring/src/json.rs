//! Settings in JSON: `spring.application.json`, whose rank is between the environment and the command
//! line, and values of a config server that are lists or objects.

use serde_json::{Map, Value};

use crate::bounds::Room;
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
        Problem::new(name, Some(origin.clone()), complaint)
    })?;
    let (mut values, mut room) = (Vec::new(), Room::default());
    for (member, value) in members {
        flatten(member, value, &mut room, &mut values)
            .map_err(|reason| Problem::new(name, Some(origin.clone()), reason))?;
    }
    let entry = |(name, value)| Entry { name, value, origin: Origin::ApplicationJson };
    Ok(values.into_iter().map(entry).collect())
}

/// The plain values in a value, by their names: dots before the members of objects, and an index
/// behind the elements of lists. As in Spring, a null is no value, and what a lower layer says stays. An error says in words
/// what is too large.
pub(crate) fn flatten(
    name: String,
    value: Value,
    room: &mut Room,
    into: &mut Vec<(String, String)>,
) -> Result<(), &'static str> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(elements) if elements.is_empty() => String::new(),
        Value::Array(elements) => {
            room.take(&name, "")?;
            return elements.into_iter().enumerate().try_for_each(|(index, element)| {
                flatten(format!("{name}[{index}]"), element, room, into)
            });
        }
        Value::Object(members) => {
            room.take(&name, "")?;
            return members.into_iter().try_for_each(|(member, value)| {
                flatten(format!("{name}.{member}"), value, room, into)
            });
        }
    };
    room.take(&name, &text)?;
    into.push((name, text));
    Ok(())
}

/// How many values a text in JSON has at most, by the signs between them. It is counted before anything is made of them:
/// an empty object takes a hundred times the memory of its text.
pub(crate) fn values_in(text: &[u8]) -> usize {
    let (mut count, mut is_string, mut is_escaped) = (1_usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b',' | b'[' | b'{' if !is_string => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (text, most) in [
            ("1", 1),
            (r#"{"a":1,"b":[2,3]}"#, 5),
            (r#"{"a":"[,{","b":"\\"}"#, 3),
            (r#"{"a":"\"[,{"}"#, 2),
        ] {
            assert_eq!(values_in(text.as_bytes()), most, "{text}");
        }
    }
}
