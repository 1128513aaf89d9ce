//! TOML: one document; the keys of nested tables are joined with dots.

use ::toml::de::{DeTable, DeValue};

use super::{Document, Malformed};
use crate::layers::{Entry, Layer, Origin};

/// Reads a file's text.
pub(super) fn parse(text: &str, path: &str) -> Result<Vec<Document>, Malformed> {
    let table = DeTable::parse(text).map_err(|error| Malformed {
        line: line(text, error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    let mut flat = Flat { text, path, entries: Layer::new() };
    flat.table("", table.get_ref());
    Ok(vec![Document::new(flat.entries)?])
}

struct Flat<'a> {
    text: &'a str,
    path: &'a str,
    entries: Layer,
}

impl Flat<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let key = key.get_ref();
            let name = match prefix {
                "" => key.to_string(),
                _ => format!("{prefix}.{key}"),
            };
            self.value(name, value.get_ref(), value.span().start);
        }
    }

    fn value(&mut self, name: String, value: &DeValue<'_>, at: usize) {
        match value {
            DeValue::Table(table) => self.table(&name, table),
            DeValue::Array(elements) if elements.is_empty() => self.push(name, String::new(), at),
            DeValue::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let at = element.span().start;
                    self.value(format!("{name}[{index}]"), element.get_ref(), at);
                }
            }
            DeValue::String(text) => self.push(name, text.to_string(), at),
            DeValue::Integer(number) => {
                let decimal = i64::from_str_radix(number.as_str(), number.radix());
                let text = decimal.map_or_else(|_| number.as_str().to_owned(), |n| n.to_string());
                self.push(name, text, at);
            }
            DeValue::Float(number) => self.push(name, number.as_str().to_owned(), at),
            DeValue::Boolean(truth) => self.push(name, truth.to_string(), at),
            DeValue::Datetime(time) => self.push(name, time.to_string(), at),
        }
    }

    fn push(&mut self, name: String, value: String, at: usize) {
        let origin = Origin::File { path: self.path.to_owned(), line: line(self.text, at) };
        self.entries.push(Entry::new(name, value, origin));
    }
}

/// The line that holds the byte at this offset, from 1.
fn line(text: &str, at: usize) -> usize {
    let before = text.bytes().take(at);
    before.filter(|b| *b == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_dotted_keys_with_their_lines() {
        let text = "[server]\nport = 0x10\n[shop]\ncurrencies = [\n \"USD\",\n \"EUR\"]\n\
                    migrate-at-start = false\n[logging.level]\nshop_app = 'debug'\n";
        let entries: Vec<_> = parse(text, "f").unwrap()[0]
            .entries
            .iter()
            .map(|e| format!("{}={} {}", e.name, e.value, e.origin))
            .collect();
        assert_eq!(
            entries,
            [
                "logging.level.shop_app=debug f:9",
                "server.port=16 f:2",
                "shop.currencies[0]=USD f:5",
                "shop.currencies[1]=EUR f:6",
                "shop.migrate-at-start=false f:7",
            ]
        );
    }

    #[test]
    fn an_error_names_its_line() {
        assert_eq!(parse("a = 1\nb = \n", "f").unwrap_err().line, 2);
    }
}
