//! How a body is declared: one table of its fields, from which come its reader, its schema in the
//! OpenAPI document, and its part of the fingerprint.
//!
//! A row is the field's description, its name in JSON, `required` or `optional`, and the field of
//! the Rust type that it is read into. What a value must be follows from that field's type, see
//! `values.rs`.

use serde_json::{Map, Value as Json, json};

use super::reader::{Fields, Noted, Reading, Value};
use crate::problem::Problem;
use crate::schema::also;

/// A body, or an object inside one.
pub(super) trait Body: Sized {
    /// Its name in the OpenAPI document.
    const NAME: &'static str;

    /// Reads all fields, and notes everything that is wrong with them.
    fn read(fields: Fields<'_>, reading: &mut Reading) -> Result<Self, Noted>;

    fn schema() -> Json;
}

/// Reads a whole body.
pub(super) fn read<B: Body>(bytes: &[u8]) -> Result<B, Problem> {
    let mut reading = Reading::default();
    let body = B::read(Fields::of_body(bytes)?, &mut reading);
    reading.end(body)
}

/// The schema of an object, field by field.
#[derive(Default)]
pub(super) struct Schema {
    properties: Map<String, Json>,
    required: Vec<&'static str>,
}

impl Schema {
    pub(super) fn required<B, T: Value>(
        &mut self,
        name: &'static str,
        about: &str,
        _: impl Fn(&B) -> &T,
    ) {
        self.required.push(name);
        self.property(name, about, T::schema());
    }

    /// A field that may be left out, or be null, which generated clients need not know.
    pub(super) fn optional<B, T: Value>(
        &mut self,
        name: &'static str,
        about: &str,
        _: impl Fn(&B) -> &Option<T>,
    ) {
        self.property(name, about, or_null(T::schema()));
    }

    fn property(&mut self, name: &str, about: &str, mut schema: Json) {
        if let Some(members) = schema.as_object_mut() {
            members.insert("description".to_owned(), text(about).into());
        }
        self.properties.insert(name.to_owned(), schema);
    }

    pub(super) fn finish(self, about: &str) -> Json {
        let mut schema = json!({
            "type": "object",
            "description": text(about),
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty()
            && let Some(members) = schema.as_object_mut()
        {
            members.insert("required".to_owned(), self.required.into());
        }
        schema
    }
}

/// Adds to the schema of a body a field that only answers need.
pub(super) fn describe(body: &mut Json, name: &str, about: &str, value: Json) {
    let mut schema = or_null(value);
    if let (Some(members), Some(Json::Object(properties))) =
        (schema.as_object_mut(), body.get_mut("properties"))
    {
        members.insert("description".to_owned(), about.into());
        members.insert("readOnly".to_owned(), true.into());
        properties.insert(name.to_owned(), schema);
    }
}

/// Null is the same as absent. A list says so by its type: clients that openapi-generator writes in
/// Java send an empty list in place of an absent one, unless it may be null.
fn or_null(mut schema: Json) -> Json {
    match schema.get_mut("type") {
        Some(kind) if *kind == "array" => {
            *kind = json!(["array", "null"]);
            schema
        }
        _ => also(schema, json!({"type": "null"})),
    }
}

/// The text of a doc comment.
fn text(lines: &str) -> String {
    let lines: Vec<_> = lines.lines().map(str::trim).collect();
    lines.join("\n")
}

/// Declares how a type is read from JSON. `digested` makes it a part of fingerprints, field by field
/// in the order of the rows.
macro_rules! body {
    ($type:ident as $schema:literal, digested: $(#[doc = $about:literal])+ {
        $($(#[doc = $doc:literal])+ $name:literal $presence:ident $field:ident;)+
    }) => {
        $crate::body::declaration::body! { $type as $schema: $(#[doc = $about])+ {
            $($(#[doc = $doc])+ $name $presence $field;)+
        }}

        impl $crate::body::digest::Digested for $type {
            fn digest(&self, digest: &mut $crate::body::digest::Digest) {
                $(digest.$presence(&self.$field);)+
            }
        }
    };
    ($type:ident as $schema:literal: $(#[doc = $about:literal])+ {
        $($(#[doc = $doc:literal])+ $name:literal $presence:ident $field:ident;)+
    }) => {
        impl $crate::body::declaration::Body for $type {
            const NAME: &'static str = $schema;

            fn read(
                mut fields: $crate::body::reader::Fields<'_>,
                reading: &mut $crate::body::reader::Reading,
            ) -> Result<Self, $crate::body::reader::Noted> {
                $(let $field = fields.$presence($name, reading);)+
                fields.finish(&[$($name),+], reading);
                Ok(Self { $($field: $field?),+ })
            }

            fn schema() -> serde_json::Value {
                let mut schema = $crate::body::declaration::Schema::default();
                $(schema.$presence($name, concat!($($doc, "\n"),+), |body: &Self| &body.$field);)+
                schema.finish(concat!($($about, "\n"),+))
            }
        }
    };
}

pub(super) use body;
