//! What a config server answers: property sources, the first of which wins, with flat names. What a
//! name means, and which of them a server may set at all, is not here but in `remote.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::layers::{Entry, Layer, Origin};
use crate::settings::mask::masked;

/// The settings of an application under its profiles.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// The commit, where the server's store has such a thing.
    pub(crate) version: Option<String>,
    /// The first wins.
    sources: Vec<Source>,
}

/// One file, mostly.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    name: String,
    entries: BTreeMap<String, Property>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Property {
    text: String,
    /// The line in the server's file, where the server tells.
    line: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: Option<String>,
    property_sources: Vec<AnsweredSource>,
}

#[derive(Deserialize)]
struct AnsweredSource {
    name: String,
    source: BTreeMap<String, Value>,
}

impl Document {
    /// Reads an answer. What is wrong with it is said without repeating any of it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let answer: Answer = serde_json::from_slice(bytes).map_err(|error| {
            let (what, line, column) = (error.classify(), error.line(), error.column());
            format!("{what:?} error in line {line}, column {column}")
        })?;
        let sources = answer.property_sources.into_iter().map(|source| {
            let entries: Option<BTreeMap<_, _>> = source
                .source
                .into_iter()
                .map(|(name, value)| Some((name, property(value)?)))
                .collect();
            let entries = entries.ok_or("a value in it is neither a text nor a number")?;
            Ok(Source { name: source.name, entries })
        });
        let sources: Result<_, &str> = sources.collect();
        Ok(Self { version: answer.version, sources: sources? })
    }

    /// Whether the server knows nothing of the application.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.entries.is_empty())
    }

    /// As layers, the lowest first.
    pub(super) fn layers(&self, copy: bool) -> Vec<Layer> {
        self.sources.iter().rev().map(|source| source.layer(copy)).collect()
    }
}

impl Source {
    fn layer(&self, copy: bool) -> Layer {
        // The name may be that of a repository, with a password in it.
        let source: Arc<str> = masked(&self.name.replace(char::is_control, " ")).into();
        self.entries
            .iter()
            .map(|(name, property)| Entry {
                name: name.clone(),
                value: property.text.clone(),
                origin: Origin::ConfigServer {
                    source: Arc::clone(&source),
                    line: property.line,
                    copy,
                },
            })
            .collect()
    }
}

/// A plain value, or one with the place it comes from.
fn property(value: Value) -> Option<Property> {
    let Value::Object(mut members) = value else {
        return Some(Property { text: text(value)?, line: None });
    };
    let place = members.get("origin").and_then(Value::as_str);
    let line = place.and_then(|place| place.split(':').next()?.parse().ok());
    Some(Property { text: text(members.remove("value")?)?, line })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
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
        let layers = document.layers(copy);
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
                 config server: first.yml; n= config server: first.yml; t=true config server: \
                 first.yml"
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
            r#"{"propertySources": [{"name": "n", "source": {"pl4nted": ["pl4nted"]}}]}"#,
            r#"{"propertySources": [{"name": "n", "source": {"a": {"origin": "1:1"}}}]}"#,
            r#"{"propertySources": [{"name": "n", "source": {"a": "pl4nted"#,
        ] {
            let Err(said) = Document::parse(wrong.as_bytes()) else { panic!("{wrong}") };
            assert!(!said.contains("pl4nted"), "{said}");
        }
    }

    #[test]
    fn a_server_that_knows_nothing_is_told_apart() {
        assert!(Document::parse(br#"{"propertySources":[]}"#).unwrap().is_empty());
        assert!(!Document::parse(PLAIN.as_bytes()).unwrap().is_empty());
    }
}
