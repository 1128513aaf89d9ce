//! Tables for the command line, and `order-service config`: the settings that apply, as a table or as
//! JSON, without secrets.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use settings_spring::{Effective, Origin};
use telemetry_otlp::escaped;

/// Whether a setting has another value than its default, wherever that was written.
pub(crate) fn is_changed(setting: &Effective) -> bool {
    !matches!(setting.origin, Origin::Default) && setting.value.trim() != setting.row.default
}

/// The settings as a table of key, value and source.
pub(crate) fn table(effective: &[Effective]) -> String {
    let rows = effective.iter().map(|e| [e.key.clone(), shown(&e.value), e.origin.to_string()]);
    aligned(["key", "value", "source"], rows)
}

/// A table with a head. Each column is as wide as its widest cell, and each row is one line.
pub(crate) fn aligned<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows = rows.into_iter().map(|row| row.map(|cell| escaped(&cell).into_owned()));
    let all: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for row in &all {
        let mut line = String::new();
        for (width, cell) in widths.iter().copied().zip(row) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// The settings as one JSON object by key.
pub(crate) fn json(effective: &[Effective]) -> String {
    let entries: Map<String, Value> = effective
        .iter()
        .map(|e| {
            let source = e.origin.to_string();
            let entry = json!({ "value": e.value, "source": source, "about": e.row.about });
            (e.key.clone(), entry)
        })
        .collect();
    format!("{:#}\n", Value::Object(entries))
}

/// A value on one line; `-` for none.
pub(crate) fn shown(value: &str) -> String {
    match value {
        "" => "-".to_owned(),
        value => escaped(value).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    fn effective() -> Vec<Effective> {
        let case = Case::new().option("server.port", "80");
        let mut effective = case.loaded().effective;
        effective.retain(|e| ["server.port", "spring.profiles.active"].contains(&e.key.as_str()));
        effective
    }

    #[test]
    fn the_table_has_aligned_columns() {
        assert_eq!(
            table(&effective()),
            "key                     value  source\n\
             server.port             80     command line\n\
             spring.profiles.active  -      default\n"
        );
    }

    #[test]
    fn a_setting_that_repeats_its_default_has_not_changed() {
        let case = Case::new()
            .option("server.port", "8082")
            .option("order.max-in-flight", "7")
            .option("spring.datasource.url", "postgresql://orders@db/o")
            .option("spring.datasource.password", "pl4nted")
            .option("logging.level.order_app", "debug");
        let changed = case.loaded().effective.into_iter().filter(is_changed);
        let mut keys: Vec<_> = changed.map(|setting| setting.key).collect();
        keys.sort_unstable();
        let expected = [
            "logging.level.order_app",
            "order.max-in-flight",
            "spring.datasource.password",
            "spring.datasource.url",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn json_is_keyed_by_setting() {
        let parsed: Value = serde_json::from_str(&json(&effective())).unwrap();
        assert_eq!(parsed["server.port"]["value"], "80");
        assert_eq!(parsed["spring.profiles.active"]["source"], "default");
    }
}
