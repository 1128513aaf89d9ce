//! What a config server answers: property sources with flat names; the first source wins. Which names
//! a server may set is decided in `config_server.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::server::Failure;
use crate::bounds::{Room, shortened};
use crate::catalogue::Catalogue;
use crate::json;
use crate::layers::{Entry, Layer, Origin};

/// The most values that an answer may have: settings, and what is around them.
const MOST_VALUES: usize = 50_000;

/// The settings of an application under its profiles.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    /// The commit that the server read, if it has commits.
    pub(super) version: Option<String>,
    /// The first wins.
    sources: Vec<Source>,
}

/// A property source: in most cases a file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    name: String,
    entries: BTreeMap<String, Property>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Property {
    text: String,
    /// The line in the server's file, if the answer has it.
    line: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    version: Value,
    property_sources: Vec<AnsweredSource>,
}

#[derive(Deserialize)]
struct AnsweredSource {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    source: Option<BTreeMap<String, Value>>,
}

impl Document {
    /// Reads an answer. An error does not repeat any part of it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        if json::values_in(bytes) > MOST_VALUES {
            return Err(Failure::Excessive("it has more than 50000 values"));
        }
        let answer: Answer = serde_json::from_slice(bytes).map_err(|error| {
            let (what, line, column) = (error.classify(), error.line(), error.column());
            Failure::Garbage(format!("{what:?} error in line {line}, column {column}"))
        })?;
        let mut room = Room::default();
        let mut sources = Vec::new();
        for AnsweredSource { name, source } in answer.property_sources {
            let mut entries = BTreeMap::new();
            for member in source.unwrap_or_default() {
                entries.extend(properties(member, &mut room).map_err(Failure::Excessive)?);
            }
            let name = shortened(name.as_str().unwrap_or("a source without a name"));
            sources.push(Source { name, entries });
        }
        let version = answer.version.as_str().map(shortened);
        Ok(Self { version, sources })
    }

    /// Whether the server has no settings of the application.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.entries.is_empty())
    }

    /// The sources as layers, the lowest first. `copy` tells that this is the last good copy.
    pub(super) fn layers(&self, copy: bool, catalogue: &Catalogue) -> Vec<Layer> {
        self.sources.iter().rev().map(|source| source.layer(copy, catalogue)).collect()
    }
}

impl Source {
    fn layer(&self, copy: bool, catalogue: &Catalogue) -> Layer {
        // The name may be the URL of a repository with a password in it.
        let name = catalogue.masked(&self.name.replace(char::is_control, " "));
        let source: Arc<str> = name.into();
        let entry = |(name, property): (&String, &Property)| {
            let (source, line) = (Arc::clone(&source), property.line);
            Entry::new(name, &property.text, Origin::ConfigServer { source, line, copy })
        };
        self.entries.iter().map(entry).collect()
    }
}

/// The properties of a member: a value, or an object of a value and its origin (`line:column`). A list
/// or another object has several; a null has none, so that a lower source counts.
fn properties(
    (name, value): (String, Value),
    room: &mut Room,
) -> Result<Vec<(String, Property)>, &'static str> {
    let (value, line) = match value {
        Value::Object(mut members) if members.len() == 2 && members.contains_key("origin") => {
            let origin = members.get("origin").and_then(Value::as_str);
            let line = origin.and_then(|origin| origin.split(':').next()?.parse().ok());
            match members.remove("value") {
                Some(value) => (value, line),
                None => (Value::Object(members), None),
            }
        }
        value => (value, None),
    };
    let mut values = Vec::new();
    json::flatten(name, value, room, &mut values)?;
    Ok(values.into_iter().map(|(name, text)| (name, Property { text, line })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"name":"a","profiles":["p"],"label":null,"version":"c0ffee","state":null,
        "propertySources":[
          {"name":"first.yml","source":{"a.b":1,"a.l[0]":"x","a.l[1]":"y","t":true,"n":null}},
          {"name":"https://u:pl4nted@git/r.git/second.yml","source":{"a.b":{"value":2.5,"origin":"3:7"}}}
        ]}"#;

    fn shown(document: &Document, copy: bool) -> Vec<String> {
        let layers = document.layers(copy, &Catalogue::new(&[]));
        layers
            .iter()
            .map(|layer| {
                let entries = layer.iter().map(|e| format!("{}={} {}", e.name, e.value, e.origin));
                entries.collect::<Vec<_>>().join("; ")
            })
            .collect()
    }

    #[test]
    fn the_first_source_is_the_highest_layer() {
        let document = Document::parse(PLAIN.as_bytes()).unwrap();
        assert_eq!(
            shown(&document, false),
            [
                "a.b=2.5 config server: https://******@git/r.git/second.yml:3",
                "a.b=1 config server: first.yml; a.l[0]=x config server: first.yml; a.l[1]=y \
                 config server: first.yml; t=true config server: first.yml"
            ]
        );
        assert_eq!(document.version.as_deref(), Some("c0ffee"));
        let copied = serde_json::to_string(&document).unwrap();
        let copied: Document = serde_json::from_str(&copied).unwrap();
        let [lowest, _] = &shown(&copied, true)[..] else { panic!("two") };
        assert!(lowest.ends_with(
            "last good copy of the config server: https://******@git/r.git/second.yml:3"
        ));
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        for wrong in [
            "",
            "<html>pl4nted</html>",
            "[]",
            r#"{"pl4nted": 1}"#,
            r#"{"propertySources": null}"#,
            r#"{"propertySources": ["pl4nted"]}"#,
            r#"{"propertySources": [{"name": "n", "source": "pl4nted"}]}"#,
            r#"{"propertySources": [{"name": "n", "source": {"a": "pl4nted"#,
        ] {
            let Err(said) = Document::parse(wrong.as_bytes()) else { panic!("{wrong}") };
            assert!(!said.to_string().contains("pl4nted"), "{said}");
        }
    }

    #[test]
    fn lists_objects_nulls_and_what_is_not_known_are_taken_as_spring_takes_them() {
        let document = Document::parse(
            br#"{"version": 7, "new": {"x": []}, "propertySources": [
                  {"source": {"a": [1, {"b": null, "c": "x"}], "d": {"e": {"f": true}}, "g": null,
                    "h": {"value": ["y"], "origin": "3:1"}, "i": {"origin": "1:1", "k": 2}, "l": []}},
                  {"name": null, "source": null, "new": 1}]}"#,
        )
        .unwrap();
        let [_, entries] = &shown(&document, false)[..] else { panic!("two") };
        let entries = entries.replace(" config server: a source without a name", "");
        assert_eq!(entries, "a[0]=1; a[1].c=x; d.e.f=true; h[0]=y:3; i.k=2; i.origin=1:1; l=");
        assert_eq!(document.version, None);
    }

    #[test]
    fn a_document_that_would_grow_is_refused_before_it_does() {
        let around =
            |source: &str| format!(r#"{{"propertySources":[{{"name":"n","source":{source}}}]}}"#);
        let many = |text: &str, times: usize| vec![text; times].join(",");
        let long = "k".repeat(1_001);
        let halves = format!(
            r#"{{"{0}":{{{1}}}}}"#,
            "k".repeat(990),
            (0..5_000).map(|at| format!(r#""{at}":0"#)).collect::<Vec<_>>().join(",")
        );
        let deep =
            format!(r#"{{"a":{}0{}}}"#, r#"{"kkkkkkkkkkkkkkkk":"#.repeat(100), "}".repeat(100));
        for (source, why) in [
            (format!(r#"{{"a":[{}]}}"#, many("{}", 60_000)), "more than 50000 values"),
            (format!(r#"{{"{long}":1}}"#), "a name has more than 1000 bytes"),
            (format!(r#"{{"a":{{"{long}":[1]}}}}"#), "a name has more than 1000 bytes"),
            (deep, "a name has more than 1000 bytes"),
            (halves, "more than 4 MiB"),
            (format!(r#"{{"a":{}{}}}"#, "[".repeat(40_000), "]".repeat(40_000)), "Syntax error"),
        ] {
            let Err(said) = Document::parse(around(&source).as_bytes()) else { panic!("{why}") };
            assert!(said.to_string().contains(why), "{said}");
        }
        let flat = r#"{"a[999999999]":1,"a[0][0][0]":2,"[":3,"]]":4,"":5}"#;
        assert!(Document::parse(around(flat).as_bytes()).is_ok());
    }

    #[test]
    fn a_document_without_settings_is_recognised() {
        assert!(Document::parse(br#"{"propertySources":[]}"#).unwrap().is_empty());
        assert!(!Document::parse(PLAIN.as_bytes()).unwrap().is_empty());
    }
}
