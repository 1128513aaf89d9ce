//! Eureka's JSON, which is translated from XML: a list of one may be the element itself, numbers and
//! flags may be texts, and maps carry the names of Java classes. Each field is read by itself, so an
//! odd one costs no other.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::instance::{Instance, Status};

/// The answer to `/apps`.
#[derive(Debug, Deserialize)]
pub(crate) struct AppsDocument {
    pub(crate) applications: Apps,
}

/// All applications.
#[derive(Debug, Deserialize)]
pub(crate) struct Apps {
    #[serde(default, deserialize_with = "one_or_many")]
    application: Vec<App>,
}

#[derive(Debug, Deserialize)]
struct App {
    #[serde(default, deserialize_with = "one_or_many")]
    instance: Vec<InstanceBody>,
}

/// The answer to `/apps/{APP}/{id}`.
#[derive(Debug, Deserialize)]
pub(crate) struct InstanceDocument {
    instance: InstanceBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct InstanceBody {
    instance_id: Value,
    app: Value,
    host_name: Value,
    vip_address: Value,
    secure_vip_address: Value,
    status: Value,
    #[serde(alias = "overriddenstatus")]
    overridden_status: Value,
    port: Value,
    secure_port: Value,
    metadata: Value,
    last_dirty_timestamp: Value,
}

impl Apps {
    /// Every instance with an application and an id.
    pub(crate) fn into_instances(self) -> impl Iterator<Item = Instance> {
        let bodies = self.application.into_iter().flat_map(|app| app.instance);
        bodies.filter_map(|body| read(&body))
    }
}

impl InstanceDocument {
    /// The instance, if it has an application and an id.
    pub(crate) fn into_instance(self) -> Option<Instance> {
        read(&self.instance)
    }
}

fn read(body: &InstanceBody) -> Option<Instance> {
    let host = text(&body.host_name).unwrap_or_default();
    // For old clients, the host is the id.
    let id = text(&body.instance_id).or_else(|| text(&body.host_name))?;
    let names = [&body.vip_address, &body.secure_vip_address].into_iter().filter_map(text);
    let mut virtual_host_names: Vec<_> = names
        .flat_map(|names| names.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>())
        .filter(|name| !name.is_empty())
        .collect();
    virtual_host_names.dedup();
    let status = |value| text(value).map(|name| Status::named(&name));
    Some(Instance {
        app: text(&body.app)?.to_uppercase(),
        id,
        host,
        virtual_host_names,
        status: status(&body.status).unwrap_or(Status::Unknown),
        overridden: status(&body.overridden_status).filter(|status| *status != Status::Unknown),
        port: port(&body.port),
        secure_port: port(&body.secure_port),
        metadata: metadata(&body.metadata),
        last_dirty_millis: text(&body.last_dirty_timestamp).and_then(|text| text.parse().ok()),
    })
}

/// A text, a number or a flag as a text; `None` for an empty text and everything else.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// `{"$": 8082, "@enabled": "true"}`; `None` unless it is enabled.
fn port(value: &Value) -> Option<u16> {
    let is_enabled = value.get("@enabled").and_then(text).as_deref() == Some("true");
    let number = value.get("$").and_then(text)?.parse().ok()?;
    (is_enabled && number > 0).then_some(number)
}

fn metadata(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    // `{"@class": "java.util.Collections$EmptyMap"}` is an empty map.
    let entries = entries.filter(|(key, _)| *key != "@class");
    entries
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key.clone(), text.clone())),
            value => Some((key.clone(), text(value)?)),
        })
        .collect()
}

/// A list, its only element, or null.
fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(PhantomData<T>);

    impl<'de, T: DeserializeOwned> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list or one of its elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
            Deserialize::deserialize(SeqAccessDeserializer::new(list))
        }

        fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(one)).map(|one| vec![one])
        }

        fn visit_unit<E>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }
    }

    from.deserialize_any(OneOrMany(PhantomData))
}

#[cfg(test)]
mod tests;
