//! `order-service config`: the settings as they apply, as a table or as JSON, without secrets.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::settings::Effective;

/// A table: key, value, source.
pub(crate) fn table(effective: &[Effective]) -> String {
    let rows: Vec<[String; 3]> =
        effective.iter().map(|e| [e.key.clone(), shown(&e.value), e.origin.to_string()]).collect();
    let header = ["key", "value", "source"].map(str::to_owned);
    let all = || std::iter::once(&header).chain(&rows);
    let width = |column: fn(&[String; 3]) -> &String| {
        all().map(|row| column(row).chars().count()).max().unwrap_or_default()
    };
    let (keys, values) = (width(|[key, _, _]| key), width(|[_, value, _]| value));
    let mut table = String::new();
    for [key, value, source] in all() {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{key:keys$}  {value:values$}  {source}");
    }
    table
}

/// The same as one JSON object by key.
pub(crate) fn json(effective: &[Effective]) -> String {
    let entries: Map<String, Value> = effective
        .iter()
        .map(|e| {
            let source = e.origin.to_string();
            let entry = json!({ "value": e.value, "source": source, "about": e.about });
            (e.key.clone(), entry)
        })
        .collect();
    format!("{:#}\n", Value::Object(entries))
}

/// A line stays a line.
fn shown(value: &str) -> String {
    match value {
        "" => "-".to_owned(),
        value => value.replace(|c: char| c.is_control(), " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    fn effective() -> [Effective; 2] {
        [
            Effective::plain("server.port", "80", Origin::CommandLine),
            Effective::plain("spring.profiles.active", "", Origin::Default),
        ]
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
    fn json_is_keyed_by_setting() {
        let parsed: Value = serde_json::from_str(&json(&effective())).unwrap();
        assert_eq!(parsed["server.port"]["value"], "80");
        assert_eq!(parsed["spring.profiles.active"]["source"], "default");
    }
}
