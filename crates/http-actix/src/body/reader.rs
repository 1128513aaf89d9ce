//! Reads JSON objects field by field. Values stay text until their field is read, so a number is
//! seen as the client wrote it, nothing nested is ever recursed into, and every field that is
//! wrong, unknown or doubled is found in one pass. What a field must be is in `fields.rs`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::{Code, FieldError, Place, Problem};

/// The most errors that are told; an honest body with every field of every line wrong has fewer.
const MOST_ERRORS: usize = 1_000;

/// Why a value is not what its field must be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
}

/// A field was wrong, and the error has been noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted;

/// What is wrong with a body.
#[derive(Default)]
pub(super) struct Errors(Vec<FieldError>);

/// Where an object stands in the body. It is spelled (RFC 6901) only when something is wrong.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// It is the body.
    Top,
    /// It is an entry of an array of the body.
    Entry {
        /// The field that holds the array.
        of: &'static str,
        /// From 0.
        position: usize,
    },
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Entry { of, position } => write!(f, "/{of}/{position}"),
        }
    }
}

/// The fields of one object that nobody has read yet.
pub(super) struct Fields<'a> {
    at: At,
    left: Vec<(Cow<'a, str>, &'a RawValue)>,
    known: Vec<&'static str>,
}

impl Wrong {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Errors {
    pub(super) fn note(&mut self, at: String, wrong: Wrong) -> Noted {
        if self.0.len() < MOST_ERRORS {
            self.0.push(FieldError {
                place: Place::Pointer(at),
                code: wrong.code,
                message: wrong.message,
            });
        }
        Noted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Errors> for Problem {
    fn from(Errors(errors): Errors) -> Self {
        let all = |code: &str| errors.iter().all(|error| error.code == code);
        let (code, detail) = if all("unknown_field") {
            (Code::UnknownField, "The body has fields that nobody knows.")
        } else if all("unknown_status") {
            (Code::UnknownStatus, "There is no such status.")
        } else {
            (Code::ValidationFailed, "Fields of the body are wrong.")
        };
        Self::new(code, detail).errors(errors)
    }
}

impl<'a> Fields<'a> {
    /// The fields of a whole body.
    pub(super) fn of_body(bytes: &'a [u8]) -> Result<Self, Problem> {
        let malformed = || Problem::new(Code::MalformedJson, "The body must be one JSON object.");
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        Self::of_text(text, At::Top).ok_or_else(malformed)
    }

    /// The fields of an object inside a body.
    pub(super) fn of_value(
        value: &'a RawValue,
        at: At,
        errors: &mut Errors,
    ) -> Result<Self, Noted> {
        let wrong = || Wrong::new("invalid_type", "must be an object");
        Self::of_text(value.get(), at).ok_or_else(|| errors.note(at.to_string(), wrong()))
    }

    fn of_text(text: &'a str, at: At) -> Option<Self> {
        let Object(left) = serde_json::from_str(text).ok()?;
        let known = Vec::new();
        Some(Self { at, left, known })
    }

    /// A field that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        errors: &mut Errors,
        read: impl FnOnce(&'a RawValue) -> Result<T, Wrong>,
    ) -> Result<T, Noted> {
        let missing = || Err(Wrong::new("required", "must be given"));
        let value = self.take(name).map_or_else(missing, read);
        value.map_err(|wrong| errors.note(self.pointer(name), wrong))
    }

    /// A field that may be left out; null is the same as absent.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        errors: &mut Errors,
        read: impl FnOnce(&'a RawValue) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Noted> {
        match self.take(name) {
            Some(value) if value.get() != "null" => {
                read(value).map(Some).map_err(|wrong| errors.note(self.pointer(name), wrong))
            }
            _ => Ok(None),
        }
    }

    /// The first value under a name.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a RawValue> {
        self.known.push(name);
        let found = self.left.iter().position(|(key, _)| key == name)?;
        // The order of what is left only matters for the order of errors about it.
        Some(self.left.remove(found).1)
    }

    pub(super) fn pointer(&self, name: &str) -> String {
        // RFC 6901, section 3.
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes every field that nobody has asked for.
    pub(super) fn finish(self, errors: &mut Errors) {
        for (name, _) in &self.left {
            let wrong = if self.known.iter().any(|known| known == name) {
                Wrong::new("duplicate_field", "stands twice in this object")
            } else {
                Wrong::new("unknown_field", "is not a field of this object")
            };
            errors.note(self.pointer(name), wrong);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes and pointers that a body gets when only `a` is known.
    fn noted(body: &str) -> Vec<(String, &'static str)> {
        let mut errors = Errors::default();
        let mut fields = Fields::of_body(body.as_bytes()).unwrap();
        let _ = fields.required("a", &mut errors, |value| Ok(value.get()));
        fields.finish(&mut errors);
        let told = |error: FieldError| match error.place {
            Place::Pointer(at) => (at, error.code),
            _ => panic!("not in the body"),
        };
        errors.0.into_iter().map(told).collect()
    }

    #[test]
    fn fields_are_told_missing_unknown_or_doubled() {
        assert_eq!(noted(r#"{"a":1}"#), []);
        assert_eq!(noted("{}"), [("/a".to_owned(), "required")]);
        assert_eq!(
            noted(r#"{"a":1,"b":{"deep":[1]},"a":2,"c/d~e":null}"#),
            [
                ("/b".to_owned(), "unknown_field"),
                ("/a".to_owned(), "duplicate_field"),
                ("/c~1d~0e".to_owned(), "unknown_field"),
            ]
        );
        // An escaped name is the same name.
        assert_eq!(noted(r#"{"\u0061":1}"#), []);
    }

    #[test]
    fn only_one_whole_object_is_a_body() {
        for wrong in [
            &b""[..],
            b" ",
            b"null",
            b"[]",
            b"1",
            b"{",
            b"{}{}",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"{\"a\":01}",
            b"{\"a\":NaN}",
            b"{\"\xff\":1}",
            b"\xef\xbb\xbf{}",
        ] {
            assert!(Fields::of_body(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(noted(&deep), []);
    }

    #[test]
    fn the_number_of_errors_is_bounded() {
        let many: Vec<_> = (0..5_000).map(|i| format!("\"f{i}\":1")).collect();
        assert_eq!(noted(&format!("{{{}}}", many.join(","))).len(), MOST_ERRORS);
    }
}
