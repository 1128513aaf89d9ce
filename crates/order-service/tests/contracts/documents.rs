//! Finds what a new OpenAPI or AsyncAPI document, or a new schema of messages, breaks in an old one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::schema::Flow::{In, Out};
use crate::schema::{Comparison, Flow, by_name, object, resolved};

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OpenApi,
    AsyncApi,
    /// A JSON Schema of values that the service writes.
    Schema,
    /// A JSON Schema of values that the service reads.
    ReadSchema,
}

/// Everything that the new document breaks, each with its pointer.
pub(crate) fn breaks(kind: Kind, old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison::of(old, new);
    match kind {
        Kind::OpenApi => comparison.openapi(),
        Kind::AsyncApi => comparison.asyncapi(),
        Kind::Schema | Kind::ReadSchema => {
            comparison.same("", "$id", old, new);
            comparison.schema("", old, new, if kind == Kind::Schema { Out } else { In });
        }
    }
    comparison.breaks
}

impl<'a> Comparison<'a> {
    /// Every entry of the old object, with the new entry of its name; notes those that are missing.
    fn entries(
        &mut self,
        at: &str,
        old: &'a Value,
        new: &'a Value,
    ) -> Vec<(String, &'a Value, &'a Value)> {
        let news = object(new);
        let mut both = Vec::new();
        for (name, old) in object(old) {
            match news.get(name) {
                Some(new) => both.push((
                    format!("{at} {name}").trim().to_owned(),
                    resolved(self.old, old),
                    resolved(self.new, new),
                )),
                None => self.broken(at, format!("{name} was removed")),
            }
        }
        both
    }

    fn openapi(&mut self) {
        for (path, old, new) in self.entries("", &self.old["paths"], &self.new["paths"]) {
            for (at, old, new) in self.entries(&path, old, new) {
                self.operation(&at, old, new);
            }
        }
    }

    fn operation(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        // Generated clients name their methods after it.
        self.same(at, "operationId", old, new);
        self.same(at, "security", old, new);
        self.parameters(at, old, new);
        let (old_body, new_body) = (&old["requestBody"], &new["requestBody"]);
        if new_body["required"] == true && old_body["required"] != true {
            self.broken(at, "a body is required now");
        }
        self.content(at, old_body, new_body, In);
        for (at, old, new) in self.entries(at, &old["responses"], &new["responses"]) {
            for (at, old, new) in self.entries(&at, &old["headers"], &new["headers"]) {
                if old["required"] == true && new["required"] != true {
                    self.broken(&at, "the header may be absent now");
                }
                self.schema(&at, &old["schema"], &new["schema"], Out);
            }
            self.content(&at, old, new, Out);
        }
    }

    fn content(&mut self, at: &str, old: &'a Value, new: &'a Value, flow: Flow) {
        for (at, old, new) in self.entries(at, &old["content"], &new["content"]) {
            self.schema(&at, &old["schema"], &new["schema"], flow);
        }
    }

    fn parameters(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        let name = |parameter: &Value| format!("{} {}", parameter["in"], parameter["name"]);
        let olds = by_name(&old["parameters"], name);
        let news = by_name(&new["parameters"], name);
        for (name, new) in &news {
            let was_required = olds.get(name).is_some_and(|old| old["required"] == true);
            if new["required"] == true && !was_required {
                self.broken(at, format!("the parameter {name} is required now"));
            }
        }
        for (name, old) in olds {
            let Some(new) = news.get(&name) else {
                self.broken(at, format!("the parameter {name} was removed"));
                continue;
            };
            let at = format!("{at} {name}");
            self.same(&at, "style", old, new);
            self.same(&at, "explode", old, new);
            self.schema(&at, &old["schema"], &new["schema"], In);
        }
    }

    fn asyncapi(&mut self) {
        for (at, old, new) in self.entries("channel", &self.old["channels"], &self.new["channels"])
        {
            self.same(&at, "address", old, new);
            self.same(&at, "bindings", old, new);
            let parameters = self.entries(&at, &old["parameters"], &new["parameters"]);
            for (at, old, new) in parameters {
                let news = new["enum"].as_array().cloned().unwrap_or_default();
                for value in old["enum"].as_array().into_iter().flatten() {
                    if !news.contains(value) {
                        self.broken(&at, format!("the value {value} was removed"));
                    }
                }
            }
            let flows = self.flows(&at);
            for (at, old, new) in self.entries(&at, &old["messages"], &new["messages"]) {
                for flow in &flows {
                    self.message(&at, old, new, *flow);
                }
            }
        }
        let operations =
            self.entries("operation", &self.old["operations"], &self.new["operations"]);
        for (at, old, new) in operations {
            self.same(&at, "action", old, new);
            self.same(&at, "channel", old, new);
            self.messages_stay(&at, old, new);
            let (old, new, at) = (&old["reply"], &new["reply"], format!("{at} reply"));
            self.same(&at, "channel", old, new);
            self.messages_stay(&at, old, new);
        }
    }

    /// Who writes what is on a channel of the old document: the service, as long as no operation receives.
    fn flows(&self, channel: &str) -> BTreeSet<Flow> {
        let reference = format!("#/channels/{}", channel.trim_start_matches("channel "));
        let on_it = |operation: &&Value| operation["channel"]["$ref"] == reference;
        let operations = object(&self.old["operations"]).values().filter(on_it);
        let flow = |operation: &Value| if operation["action"] == "receive" { In } else { Out };
        let flows: BTreeSet<_> = operations.map(flow).collect();
        if flows.is_empty() { BTreeSet::from([Out]) } else { flows }
    }

    fn messages_stay(&mut self, at: &str, old: &Value, new: &Value) {
        let news = new["messages"].as_array().cloned().unwrap_or_default();
        for message in old["messages"].as_array().into_iter().flatten() {
            if !news.contains(message) {
                self.broken(at, format!("{} was removed", message["$ref"]));
            }
        }
    }

    fn message(&mut self, at: &str, old: &'a Value, new: &'a Value, flow: Flow) {
        self.same(at, "name", old, new);
        self.same(at, "contentType", old, new);
        self.same(at, "correlationId", old, new);
        for part in ["headers", "payload"] {
            self.schema(&format!("{at} {part}"), &old[part], &new[part], flow);
        }
        let (old, new) = (&old["bindings"]["kafka"], &new["bindings"]["kafka"]);
        self.schema(&format!("{at} key"), &old["key"], &new["key"], flow);
    }
}
