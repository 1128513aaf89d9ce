//! TOML: one document; the keys of nested tables are joined with dots.

use ::toml::de::{DeTable, DeValue};

use super::{Document, Malformed};
use crate::bounds::Room;
use crate::layers::{Entry, Layer, Origin};

/// Reads a file's text.
pub(super) fn parse(text: &str, path: &str) -> Result<Vec<Document>, Malformed> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| Malformed {
        line: lines.at(error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    let mut flat = Flat { lines, path, room: Room::default(), entries: Layer::new() };
    flat.table("", table.get_ref())?;
    Ok(vec![Document::new(flat.entries)?])
}

struct Flat<'a> {
    lines: Lines,
    path: &'a str,
    room: Room,
    entries: Layer,
}

impl Flat<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), Malformed> {
        table.iter().try_for_each(|(key, value)| {
            let key = key.get_ref();
            let name = match prefix {
                "" => key.to_string(),
                _ => format!("{prefix}.{key}"),
            };
            self.value(name, value.get_ref(), value.span().start)
        })
    }

    fn value(&mut self, name: String, value: &DeValue<'_>, at: usize) -> Result<(), Malformed> {
        let text = match value {
            DeValue::Table(table) => {
                self.take(&name, "", at)?;
                return self.table(&name, table);
            }
            DeValue::Array(elements) if elements.is_empty() => String::new(),
            DeValue::Array(elements) => {
                return elements.iter().enumerate().try_for_each(|(index, element)| {
                    let at = element.span().start;
                    self.value(format!("{name}[{index}]"), element.get_ref(), at)
                });
            }
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => {
                let decimal = i64::from_str_radix(number.as_str(), number.radix());
                decimal.map_or_else(|_| number.as_str().to_owned(), |n| n.to_string())
            }
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Datetime(time) => time.to_string(),
        };
        self.take(&name, &text, at)?;
        let origin = Origin::File { path: self.path.to_owned(), line: self.lines.at(at) };
        self.entries.push(Entry::new(name, text, origin));
        Ok(())
    }

    fn take(&mut self, name: &str, text: &str, at: usize) -> Result<(), Malformed> {
        let taken = self.room.take(name, text);
        taken.map_err(|reason| Malformed { line: self.lines.at(at), reason: reason.to_owned() })
    }
}

/// Where the lines of a text end.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line that holds the byte at this offset, from 1.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset).saturating_add(1)
    }
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

    #[test]
    fn what_is_nested_too_deeply_or_would_grow_is_refused() {
        let long = "k".repeat(990);
        let wide: Vec<_> = (0..5_000).map(|at| format!("{at} = 1")).collect();
        let wide = wide.join("\n");
        for (text, why) in [
            (format!("a = {}", "[".repeat(100_000)), "recursion"),
            (format!("[{long}]\n{wide}"), "more than 4 MiB"),
            (format!("{long}.{long} = 1"), "a name has more than 1000 bytes"),
        ] {
            let said = parse(&text, "f").unwrap_err().reason;
            assert!(said.contains(why), "{said}");
        }
    }
}
