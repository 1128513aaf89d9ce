//! The tables in docs/settings.md and the list of live keys in docs/configuration-server.md say what the
//! code says; so do the tables that other modules compare with `check`. To write them anew:
//! `UPDATE_DOCS=1 cargo test -p order-service --lib`.

use std::fs;
use std::path::PathBuf;

use super::SERVICE;
use super::set_aside::SET_ASIDE;
use crate::refresh::LIVE;

const KEYS: (&str, &str) = ("<!-- keys -->\n", "<!-- end of keys -->");
const WITHOUT_EFFECT: (&str, &str) = ("<!-- set aside -->\n", "<!-- end of set aside -->");

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

fn without_effect() -> String {
    let rows = SET_ASIDE.iter().map(|(name, why)| format!("| `{name}` | {why} |\n"));
    format!("| Key | Instead |\n|---|---|\n{}", rows.collect::<String>())
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
    with_section(&page, WITHOUT_EFFECT, &without_effect())
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
