//! Reads JSON objects field by field. Values stay text until their field is read. So a number is seen
//! as the client wrote it, unknown values are not parsed, however deep they are, and every field that is
//! wrong, unknown or doubled is found in one pass. What a value must be is in `values.rs`.

use std::borrow::Cow;
use std::fmt;

use order_domain::Currency;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::malformed::malformed;
use crate::problem::{Code, FIELD_MISMATCH, FieldError, Problem, amount_overflow};

/// The most errors that are told; an honest body with every field of every line wrong has fewer.
const MOST_ERRORS: usize = 1_000;

/// A type whose values stand in bodies.
pub(super) trait Value: Sized {
    fn schema() -> Json;

    /// Reads a value, and notes what is wrong with it or with values inside it.
    fn read(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<Self, Noted>;
}

/// Why a value is not what its field must be.
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
}

/// A field was wrong, and the error has been noted.
#[derive(Clone, Copy)]
pub(super) struct Noted;

/// The state of reading one body.
#[derive(Default)]
pub(super) struct Reading {
    errors: Vec<FieldError>,
    /// Decides how many decimals prices may have. When it is not known, the domain checks them.
    pub(super) currency: Option<Currency>,
    /// Whether the client claims a total above the largest amount, which is a broken rule rather
    /// than a wrong field: it is told when no field is wrong.
    pub(super) claims_too_much: bool,
}

/// Where a value is in the body; spelled as a JSON pointer (RFC 6901) only when something is wrong.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    /// It is the body.
    Body,
    /// It is a field of the object there.
    Field(&'a At<'a>, &'a str),
    /// It is an entry, from 0, of the array there.
    Entry(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => Ok(()),
            Self::Field(of, name) => {
                write!(f, "{of}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Entry(of, position) => write!(f, "{of}/{position}"),
        }
    }
}

/// The fields of one object that are not read yet.
pub(super) struct Fields<'a> {
    at: At<'a>,
    left: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl Wrong {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    fn doubled() -> Self {
        Self::new("duplicate_field", "stands twice in this object")
    }
}

impl Reading {
    pub(super) fn note(&mut self, at: At<'_>, wrong: Wrong) -> Noted {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(FieldError::pointer(at.to_string(), wrong.code, wrong.message));
        }
        Noted
    }

    /// What was read, unless something was wrong with the body.
    pub(super) fn end<T>(self, read: Result<T, Noted>) -> Result<T, Problem> {
        match read {
            Ok(read) if self.errors.is_empty() && !self.claims_too_much => Ok(read),
            _ => Err(self.problem()),
        }
    }

    fn problem(self) -> Problem {
        if self.errors.is_empty() {
            return amount_overflow();
        }
        let all = |code: &str| self.errors.iter().all(|error| error.code == code);
        let (code, detail) = if all("unknown_field") {
            (Code::UnknownField, "The body has fields that nobody knows.")
        } else if all("unknown_status") {
            (Code::UnknownStatus, "There is no such status.")
        } else if all(FIELD_MISMATCH) {
            (Code::FieldMismatch, "The body says something of the order that is not so.")
        } else {
            (Code::ValidationFailed, "Fields of the body are wrong.")
        };
        Problem::new(code, detail).errors(self.errors)
    }
}

impl<'a> Fields<'a> {
    /// The fields of a whole body.
    pub(super) fn of_body(bytes: &'a [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(bytes).map_err(|error| malformed(bytes, Err(error)))?;
        Self::of_text(text, At::Body).map_err(|error| malformed(bytes, Ok(error)))
    }

    /// The fields of an object inside a body.
    pub(super) fn of_value(
        value: &'a RawValue,
        at: At<'a>,
        reading: &mut Reading,
    ) -> Result<Self, Noted> {
        let wrong = || Wrong::new("invalid_type", "must be an object");
        Self::of_text(value.get(), at).map_err(|_| reading.note(at, wrong()))
    }

    fn of_text(text: &'a str, at: At<'a>) -> Result<Self, serde_json::Error> {
        let Object(left) = serde_json::from_str(text)?;
        Ok(Self { at, left })
    }

    /// A field that must be there.
    pub(super) fn required<T: Value>(
        &mut self,
        name: &'static str,
        reading: &mut Reading,
    ) -> Result<T, Noted> {
        let at = At::Field(&self.at, name);
        match take(&mut self.left, name) {
            Some(value) => T::read(value, at, reading),
            None => Err(reading.note(at, Wrong::new("required", "must be given"))),
        }
    }

    /// A field that may be left out; null is the same as absent.
    pub(super) fn optional<T: Value>(
        &mut self,
        name: &'static str,
        reading: &mut Reading,
    ) -> Result<Option<T>, Noted> {
        match take(&mut self.left, name) {
            Some(value) if value.get() != "null" => {
                T::read(value, At::Field(&self.at, name), reading).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Takes a field that its object does not have on its own account; null is the same as absent.
    pub(super) fn aside<T>(
        &mut self,
        name: &'static str,
        reading: &mut Reading,
        read: impl FnOnce(&RawValue, At<'_>, &mut Reading) -> Result<T, Noted>,
    ) -> Result<Option<T>, Noted> {
        let at = At::Field(&self.at, name);
        let found = take(&mut self.left, name);
        while take(&mut self.left, name).is_some() {
            reading.note(at, Wrong::doubled());
        }
        match found {
            Some(value) if value.get() != "null" => read(value, at, reading).map(Some),
            _ => Ok(None),
        }
    }

    /// The first value under a name, which stays to be read.
    pub(super) fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.left.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// Notes every field that is still there: it stands twice when its name is known.
    pub(super) fn finish(self, known: &[&str], reading: &mut Reading) {
        for (name, _) in &self.left {
            let wrong = if known.iter().any(|known| known == name) {
                Wrong::doubled()
            } else {
                Wrong::new("unknown_field", "is not a field of this object")
            };
            reading.note(At::Field(&self.at, name), wrong);
        }
    }
}

/// Takes the first value under a name.
fn take<'a>(left: &mut Vec<(Cow<'a, str>, &'a RawValue)>, name: &str) -> Option<&'a RawValue> {
    let found = left.iter().position(|(key, _)| key == name)?;
    // The order of what is left only matters for the order of errors about it.
    Some(left.remove(found).1)
}

/// An object's fields, in order, doubled ones included.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name that is borrowed from the body unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}
