//! The tables in docs/settings.md and the list of live keys in docs/configuration-server.md say what the
//! code says; so do the tables that other modules compare with `check`. To write them anew:
//! `UPDATE_DOCS=1 cargo test -p order-service --lib`.

use std::fs;
use std::path::PathBuf;

use settings_spring::{Unread, Use, Verdict};

use super::{SERVICE, unread};
use crate::refresh::LIVE;

const KEYS: (&str, &str) = ("<!-- keys -->\n", "<!-- end of keys -->");
const REFUSED: (&str, &str) = ("<!-- refused -->\n", "<!-- end of refused -->");
const IGNORED: (&str, &str) = ("<!-- ignored -->\n", "<!-- end of ignored -->");
const LIVE_KEYS: (&str, &str) = ("<!-- live -->\n", "<!-- end of live -->");

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

fn keys() -> String {
    let rows = SERVICE.catalogue.rows().iter().map(|row| {
        let default = match row.default {
            "" => "–".to_owned(),
            default => format!("`{default}`"),
        };
        let (name, about, allowed) = (row.name, row.about, row.allowed);
        format!("| `{name}` | {default} | {about} Must be {allowed}. |\n")
    });
    format!("| Key | Default | Meaning |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn unread(verdict: Verdict) -> String {
    let rows = unread::ROWS.iter().copied().flatten().filter(|row| row.verdict == verdict);
    let code = |texts: &[&str]| {
        texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
    };
    let line = |row: &Unread| {
        let mut harmless = code(row.unless);
        if let Some((key, value)) = row.off {
            let comma = if harmless.is_empty() { "" } else { ", " };
            harmless = format!("{harmless}{comma}any with `{key}={value}`");
        }
        format!("| {} | {} | {} |\n", code(row.names), row.instead, harmless)
    };
    format!(
        "| Keys | Instead | Values that ask for nothing |\n|---|---|---|\n{}",
        rows.map(line).collect::<String>()
    )
}

fn live() -> String {
    let rows = LIVE.iter().map(|name| format!("  - `{name}`\n"));
    rows.collect()
}

pub(crate) fn with_section(page: &str, (start, end): (&str, &str), content: &str) -> String {
    let (before, rest) = page.split_once(start).expect("the section begins");
    let (_, after) = rest.split_once(end).expect("the section ends");
    format!("{before}{start}{content}{end}{after}")
}

fn right(page: &str) -> String {
    let page = with_section(page, KEYS, &keys());
    let page = with_section(&page, REFUSED, &unread(Verdict::Refused));
    with_section(&page, IGNORED, &unread(Verdict::Ignored))
}

#[test]
fn the_table_of_keys_has_no_defects() {
    assert_eq!(SERVICE.catalogue.defects(), [""; 0]);
}

#[test]
fn live_keys_are_keys() {
    for name in LIVE {
        assert!(SERVICE.catalogue.rows().iter().any(|row| row.name == *name), "{name}");
    }
}

/// What every jar of Spring says that can be set; `deploy/spring-names` makes the file.
const NAMES: &str = include_str!("../../tests/spring-names.txt");

/// Names that stand in no jar of that list, and in our tables because files of Spring shops have them.
const ELSEWHERE: &[&str] = &[
    "eureka.dashboard.*",
    "eureka.server.*",
    "spring.cloud.bootstrap.*",
    "spring.cloud.circuitbreaker.*",
    "spring.cloud.openfeign.*",
    "spring.devtools.*",
    "spring.docker.*",
    // Properties of Hibernate and of JPA, which Spring hands on as they are.
    "spring.jpa.properties.",
    // Members of Spring's maps.
    "spring.jackson.serialization.write-dates-as-timestamps",
];

fn names() -> impl Iterator<Item = &'static str> {
    NAMES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn every_name_that_spring_lists_has_one_verdict() {
    // These are read with the document in which they stand; variables of many programs have the others.
    let apart = |name: &&str| {
        name.starts_with("spring.config.activate.") || ["debug", "trace", "info"].contains(name)
    };
    let catalogue = &SERVICE.catalogue;
    let is_unknown = |name: &&str| {
        // A map is known by its members.
        let both = [(*name).to_owned(), format!("{name}.x")];
        both.iter().all(|name| matches!(catalogue.use_of(name), Use::Unknown))
    };
    let unknown: Vec<_> = names().filter(|name| !apart(name)).filter(is_unknown).collect();
    assert_eq!(unknown, [""; 0]);
    assert!(names().count() > 2_000, "the list is whole");
}

#[test]
fn every_row_of_what_is_not_read_is_about_a_name_of_spring() {
    let folded = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let spring: Vec<_> = names().map(folded).collect();
    let is_of_spring = |pattern: &str| {
        let pattern = folded(pattern);
        let (beginning, end) = pattern.split_once('*').unwrap_or((&pattern, ""));
        let is_family = pattern.contains('*');
        spring.iter().any(|name| match name.strip_prefix(beginning) {
            Some(rest) => rest.is_empty() || is_family && rest.ends_with(end),
            None => is_family && beginning.strip_suffix('.') == Some(name),
        })
    };
    let is_elsewhere = |name: &str| {
        ELSEWHERE
            .iter()
            .any(|known| name == *known || known.ends_with('.') && name.starts_with(known))
    };
    let all = unread::ROWS.iter().copied().flatten().flat_map(|row| row.names).copied();
    let idle: Vec<_> = all.filter(|name| !is_elsewhere(name) && !is_of_spring(name)).collect();
    assert_eq!(idle, [""; 0]);
}

#[test]
fn the_documentation_names_every_key() {
    check("settings.md", right);
}

#[test]
fn the_documentation_names_every_live_key() {
    check("configuration-server.md", |page| with_section(page, LIVE_KEYS, &live()));
}

pub(crate) fn check(name: &str, right: impl Fn(&str) -> String) {
    let text = fs::read_to_string(page(name)).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(page(name), right(&text)).unwrap();
    } else {
        assert!(text == right(&text), "docs/{name} is out of date: UPDATE_DOCS=1 mends it");
    }
}
