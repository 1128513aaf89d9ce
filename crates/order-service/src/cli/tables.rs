//! How the command line shows what it finds: as JSON for programs, in the bodies of the management port, and as tables of the same
//! for people.

use std::fmt::Display;

use serde::Serialize;

/// What people are shown of a body.
pub(super) trait Table: Serialize {
    fn table(&self) -> String;
}

pub(super) fn show(found: &impl Table, as_json: bool) -> String {
    if as_json { json(found) } else { found.table() }
}

fn json(body: &impl Serialize) -> String {
    format!("{:#}\n", serde_json::to_value(body).unwrap_or_default())
}

pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// How to see what comes next, if anything does.
pub(super) fn more(next: Option<&impl Display>) -> String {
    next.map(|last| format!("there are more: --after {last}\n")).unwrap_or_default()
}
