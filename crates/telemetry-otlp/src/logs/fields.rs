//! The fields of an event and of the spans around it, as JSON. A number with a fraction is rounded to
//! a thousandth, as people write it: `12.058`, not `12.057609000000001`.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use tracing::field::{Field, Visit};

use crate::ambient::Ambient;
use crate::escape::escaped;

/// The parts of one that a fraction is rounded to.
const THOUSANDTHS: f64 = 1_000.0;

/// The fields of an event or a span: their names, and in one buffer their values as JSON. One
/// buffer saves an allocation for each field of each request's line.
#[derive(Debug)]
pub(super) struct Fields {
    names: Vec<(&'static str, Range<usize>)>,
    values: Vec<u8>,
    causes: fn(&(dyn Error + 'static)) -> String,
}

impl Fields {
    pub(super) fn new(ambient: Ambient) -> Self {
        Self { names: Vec::new(), values: Vec::new(), causes: ambient.causes }
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let value = |range: &Range<usize>| self.values.get(range.clone()).unwrap_or_default();
        self.names.iter().map(move |(name, range)| (*name, value(range)))
    }

    fn set(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.values.len();
        write(&mut self.values);
        let range = start..self.values.len();
        match self.names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = range,
            None => self.names.push((name, range)),
        }
    }

    pub(super) fn add_missing(&mut self, others: &Self) {
        for (name, value) in others.iter() {
            if self.get(name).is_none() {
                self.set(name, |values| values.extend_from_slice(value));
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), |out| write_json(out, &format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), |out| write_json(out, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), |out| write_json(out, &value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), |out| write_json(out, &value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), |out| write_json(out, &value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let rounded = (value * THOUSANDTHS).round() / THOUSANDTHS;
        // A number that is too large for that has no such fraction.
        let value = if rounded.is_finite() { rounded } else { value };
        self.set(field.name(), |out| write_json(out, &value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes = (self.causes)(value);
        self.set(field.name(), |out| write_json(out, &causes));
    }
}

/// Writes a text or a number, which cannot fail: the writer is memory. Lines may be read on a terminal, so that what JSON
/// leaves as it is and a terminal obeys is escaped, too.
pub(super) fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let _ = value.serialize(&mut Serializer::with_formatter(out, Escaping));
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        out.write_all(escaped(fragment).as_bytes())
    }
}
