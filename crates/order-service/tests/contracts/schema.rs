//! Compares a JSON Schema with an earlier one. Schemas of requests may only become wider, schemas of
//! answers and events only narrower. In requests, a schema takes what its `x-also-accepts` takes, too. A keyword that is not known here must not change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Who writes the values of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flow {
    /// Clients: every value that was accepted must still be.
    In,
    /// The service: every promise about its values must stay.
    Out,
}

use Flow::{In, Out};

/// Two documents, and what the new one breaks.
pub(crate) struct Comparison<'a> {
    pub(crate) old: &'a Value,
    pub(crate) new: &'a Value,
    pub(crate) breaks: Vec<String>,
    /// Pairs of references that have been looked at.
    seen: BTreeSet<(String, String, Flow)>,
}

const LOWER: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/// Keywords whose value is one restriction: it is there or not, never weaker or stronger.
const EXACT: [&str; 5] = ["format", "pattern", "multipleOf", "uniqueItems", "allOf"];
/// What requests may have beside what a schema says, as a schema of its own.
const ALSO: &str = "x-also-accepts";
/// Keywords that have their own functions here, or say nothing about values.
const HANDLED: [&str; 23] = [
    "$ref",
    "type",
    "enum",
    "const",
    "x-extensible-enum",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "anyOf",
    "oneOf",
    "title",
    "description",
    "example",
    "examples",
    "deprecated",
    "$id",
    "$schema",
    "$defs",
    "$comment",
    "nullable",
    "readOnly",
    ALSO,
];

impl<'a> Comparison<'a> {
    pub(crate) fn of(old: &'a Value, new: &'a Value) -> Self {
        Self { old, new, breaks: Vec::new(), seen: BTreeSet::new() }
    }

    pub(crate) fn broken(&mut self, at: &str, what: impl AsRef<str>) {
        self.breaks.push(format!("{at}: {}", what.as_ref()));
    }

    /// Notes a break when a member has changed.
    pub(crate) fn same(&mut self, at: &str, name: &str, old: &Value, new: &Value) {
        if old.get(name) != new.get(name) {
            self.broken(at, format!("{name} changed"));
        }
    }

    /// Compares two schemas.
    pub(crate) fn schema(&mut self, at: &str, old: &'a Value, new: &'a Value, flow: Flow) {
        let (old_name, new_name) = (reference(old), reference(new));
        if let (Some(old_name), Some(new_name)) = (old_name, new_name)
            && !self.seen.insert((old_name.to_owned(), new_name.to_owned(), flow))
        {
            return;
        }
        if is_choice(self.old, old, flow) || is_choice(self.new, new, flow) {
            return self.choice(at, old, new, flow);
        }
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        self.types(at, old, new, flow);
        self.values(at, old, new, flow);
        self.limits(at, old, new, flow);
        self.members(at, old, new, flow);
        self.items(at, old, new, flow);
        self.unknown(at, old, new);
    }

    /// Each alternative must be covered by one alternative of the other side.
    fn choice(&mut self, at: &str, old: &'a Value, new: &'a Value, flow: Flow) {
        let olds = alternatives(self.old, old, flow);
        let news = alternatives(self.new, new, flow);
        let (needed, offered) = if flow == In { (&olds, &news) } else { (&news, &olds) };
        for (number, need) in needed.iter().enumerate() {
            let fits = offered.iter().any(|offer| {
                let (old, new) = if flow == In { (*need, *offer) } else { (*offer, *need) };
                let mut attempt = Comparison::of(self.old, self.new);
                attempt.schema(at, old, new, flow);
                attempt.breaks.is_empty()
            });
            if !fits {
                let what = if flow == In { "is not taken any more" } else { "may come now" };
                self.broken(at, format!("alternative {number} {what}"));
            }
        }
    }

    fn types(&mut self, at: &str, old: &Value, new: &Value, flow: Flow) {
        let (old, new) = (types(old), types(new));
        let (inner, outer) = if flow == In { (old, new) } else { (new, old) };
        let covered =
            |kind: &String| outer.contains(kind) || (kind == "integer" && outer.contains("number"));
        if !inner.iter().all(covered) {
            self.broken(at, "the type changed");
        }
    }

    fn values(&mut self, at: &str, old: &Value, new: &Value, flow: Flow) {
        match (values(old), values(new), flow) {
            (Some(old), Some(new), _) => {
                for value in old.iter().filter(|value| !new.contains(value)) {
                    self.broken(at, format!("the value {value} was removed"));
                }
                if flow == Out && new.iter().any(|value| !old.contains(value)) {
                    self.broken(at, "values that nobody expects were added to a closed list");
                }
            }
            (None, Some(_), In) => self.broken(at, "only some values are taken now"),
            (Some(_), None, Out) => self.broken(at, "any value may come now"),
            _ => {}
        }
        let known = |schema: &Value| schema["x-extensible-enum"].as_array().cloned();
        if let Some(old) = known(old) {
            let new = known(new).unwrap_or_default();
            for value in old.iter().filter(|value| !new.contains(value)) {
                self.broken(at, format!("the value {value} was removed"));
            }
        }
    }

    fn limits(&mut self, at: &str, old: &Value, new: &Value, flow: Flow) {
        for (names, tighter) in [(LOWER, 1.0), (UPPER, -1.0)] {
            for name in names {
                let limit = |schema: &Value| schema[name].as_f64().map(|limit| limit * tighter);
                // Without the keyword, every value is allowed.
                let (old, new) = (limit(old), limit(new));
                if flow == In && new > old {
                    self.broken(at, format!("{name} became narrower"));
                }
                if flow == Out && new < old {
                    self.broken(at, format!("{name} became wider"));
                }
            }
        }
        for name in EXACT {
            let (old, new) = (old.get(name), new.get(name));
            let dropped = new.is_none() && flow == In;
            let added = old.is_none() && flow == Out;
            let wider = if flow == In { (old, new) } else { (new, old) };
            if old != new && !dropped && !added && !is_among(wider) {
                self.broken(at, format!("{name} changed"));
            }
        }
        // A request without the parameter would mean something else.
        self.same(at, "default", old, new);
    }

    fn members(&mut self, at: &str, old: &'a Value, new: &'a Value, flow: Flow) {
        let (needs, has) = (required(old), required(new));
        if flow == In {
            for name in has.difference(&needs) {
                self.broken(at, format!("{name} is required now"));
            }
        } else {
            for name in needs.difference(&has) {
                self.broken(at, format!("{name} may be absent now"));
            }
        }
        let (olds, news) = (object(&old["properties"]), object(&new["properties"]));
        for (name, old) in olds {
            match news.get(name) {
                Some(new) => self.schema(&format!("{at}/{name}"), old, new, flow),
                None => self.broken(at, format!("{name} was removed")),
            }
        }
        let rest = "additionalProperties";
        let closed = |schema: &Value| schema.get(rest) == Some(&json!(false));
        if flow == In && closed(new) && !closed(old) {
            self.broken(at, "other fields are refused now");
        }
        if flow == Out && closed(old) {
            if !closed(new) {
                self.broken(at, "other fields may come now");
            }
            for name in news.keys().filter(|name| !olds.contains_key(*name)) {
                self.broken(at, format!("{name} was added where nothing else was to come"));
            }
        }
        if let (Some(old @ Value::Object(_)), Some(new @ Value::Object(_))) =
            (old.get(rest), new.get(rest))
        {
            self.schema(&format!("{at}/*"), old, new, flow);
        }
    }

    fn items(&mut self, at: &str, old: &'a Value, new: &'a Value, flow: Flow) {
        match (old.get("items"), new.get("items"), flow) {
            (Some(old), Some(new), _) => self.schema(&format!("{at}[]"), old, new, flow),
            (None, Some(_), In) => self.broken(at, "not all items are taken any more"),
            (Some(_), None, Out) => self.broken(at, "any items may come now"),
            _ => {}
        }
    }

    fn unknown(&mut self, at: &str, old: &Value, new: &Value) {
        let empty = Map::new();
        let members = |schema: &'_ Value| schema.as_object().unwrap_or(&empty).clone();
        let (old, new) = (members(old), members(new));
        let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for name in names {
            let judged = [&LOWER[..], &UPPER, &EXACT, &HANDLED, &["default"]].concat();
            if !judged.contains(&name.as_str()) && old.get(name) != new.get(name) {
                self.broken(at, format!("{name} changed, and this cannot be judged"));
            }
        }
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str)
}

/// The target of a reference in its document.
pub(crate) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    while let Some(place) = reference(value) {
        let pointer = place.strip_prefix('#').unwrap();
        value = document.pointer(pointer).unwrap_or_else(|| panic!("{place} leads nowhere"));
    }
    value
}

pub(crate) fn object(value: &Value) -> &Map<String, Value> {
    static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NOTHING)
}

fn is_choice(document: &Value, schema: &Value, flow: Flow) -> bool {
    let target = resolved(document, schema);
    let more = [schema, target].iter().any(|schema| schema.get(ALSO).is_some());
    target.get("anyOf").is_some() || target.get("oneOf").is_some() || (more && flow == In)
}

/// The plain schemas that a schema is made of: it takes what any of them takes.
fn alternatives<'a>(document: &'a Value, schema: &'a Value, flow: Flow) -> Vec<&'a Value> {
    let target = resolved(document, schema);
    let choice = target.get("anyOf").or_else(|| target.get("oneOf")).and_then(Value::as_array);
    let mut all = match choice {
        Some(choice) => choice.iter().flat_map(|one| alternatives(document, one, flow)).collect(),
        None => plain(target),
    };
    // A reference may have more than its target.
    let more = if reference(schema).is_some() { vec![schema, target] } else { vec![target] };
    if flow == In {
        let more = more.into_iter().filter_map(|schema| schema.get(ALSO));
        all.extend(more.flat_map(|one| alternatives(document, one, flow)));
    }
    all
}

/// A schema without a choice as one schema for each type, and for each outcome of its `if`. They live
/// as long as the test.
fn plain(schema: &Value) -> Vec<&'static Value> {
    let mut branches = vec![schema.clone()];
    if let Some(Value::Object(other)) = schema.get("else").map(|other| &other["properties"]) {
        let mut otherwise = schema.clone();
        for (name, schema) in other {
            otherwise["properties"][name] = schema.clone();
        }
        branches.push(otherwise);
    }
    let mut all = Vec::new();
    for mut branch in branches {
        for name in [ALSO, "if", "else"] {
            branch.as_object_mut().unwrap().remove(name);
        }
        match branch["type"].as_array().cloned() {
            None => all.push(branch),
            Some(types) => all.extend(types.into_iter().map(|kind| of_type(&branch, kind))),
        }
    }
    all.into_iter().map(|schema| &*Box::leak(Box::new(schema))).collect()
}

fn of_type(schema: &Value, kind: Value) -> Value {
    if kind == "null" {
        return json!({"type": kind});
    }
    let mut one = schema.clone();
    one["type"] = kind;
    if let Some(Value::Array(values)) = one.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    one
}

/// Whether all words of a pattern are among those of another one.
fn is_among((inner, outer): (Option<&Value>, Option<&Value>)) -> bool {
    let words = |pattern: Option<&Value>| -> Option<BTreeSet<String>> {
        let words = pattern?.as_str()?.strip_prefix("^(")?.strip_suffix(")$")?;
        let plain = !words.contains(['(', ')', '*', '+', '?', '{']);
        plain.then(|| words.split('|').map(str::to_owned).collect())
    };
    words(inner).zip(words(outer)).is_some_and(|(inner, outer)| inner.is_subset(&outer))
}

fn types(schema: &Value) -> BTreeSet<String> {
    const ALL: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
    let own = |names: &[Value]| names.iter().map(|n| n.as_str().unwrap().to_owned()).collect();
    match &schema["type"] {
        Value::Array(names) => own(names),
        name @ Value::String(_) => own(std::slice::from_ref(name)),
        _ => ALL.map(str::to_owned).into(),
    }
}

fn values(schema: &Value) -> Option<Vec<Value>> {
    let one = schema.get("const").map(|value| vec![value.clone()]);
    schema["enum"].as_array().cloned().or(one)
}

fn required(schema: &Value) -> BTreeSet<String> {
    let names = schema["required"].as_array().into_iter().flatten();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The entries of a list, by their names.
pub(crate) fn by_name(list: &Value, name: impl Fn(&Value) -> String) -> BTreeMap<String, &Value> {
    list.as_array().into_iter().flatten().map(|entry| (name(entry), entry)).collect()
}
