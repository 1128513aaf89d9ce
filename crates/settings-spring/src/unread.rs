//! Keys that are not read, though Spring knows them: each is ignored, and a warning says so, or it
//! stops the start. What such a table must hold is the service's business; how a name finds its row
//! is decided here.

use std::cmp::Reverse;

use crate::names::folded;

/// Keys that are not read, all for one reason.
#[derive(Debug)]
pub struct Unread {
    /// Names as documented. `x.*` is `x` and all names below it, and `x.*.y` all names below `x` that
    /// end in `.y`. The row with the longest beginning counts, and among those the one with the longest
    /// end.
    pub names: &'static [&'static str],
    /// What becomes of them.
    pub verdict: Verdict,
    /// Why, and what holds or is to be done instead: a phrase that follows a colon.
    pub instead: &'static str,
    /// Values that ask for nothing else than what holds anyway, in any case. So does a blank value, for
    /// every key.
    pub unless: &'static [&'static str],
    /// Another key and its value that switch these keys off.
    pub off: Option<(&'static str, &'static str)>,
}

/// What becomes of a key that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A warning names it: to ignore it is harmless.
    Ignored,
    /// It is a problem: to ignore it would change where data goes, who reaches the service, or where
    /// the service is announced.
    Refused,
}

/// A name of a row, in the form in which names are compared.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    beginning: String,
    /// What follows the names between; `None` for an exact name.
    end: Option<String>,
    row: &'static Unread,
}

impl Unread {
    /// Keys that a warning names.
    #[must_use]
    pub const fn ignored(names: &'static [&'static str], instead: &'static str) -> Self {
        Self { names, verdict: Verdict::Ignored, instead, unless: &[], off: None }
    }

    /// Keys that stop the start.
    #[must_use]
    pub const fn refused(names: &'static [&'static str], instead: &'static str) -> Self {
        Self { verdict: Verdict::Refused, ..Self::ignored(names, instead) }
    }

    /// These values ask for nothing.
    #[must_use]
    pub const fn unless(self, values: &'static [&'static str]) -> Self {
        Self { unless: values, ..self }
    }

    /// The keys ask for nothing while another key has this value.
    #[must_use]
    pub const fn off(self, key: &'static str, value: &'static str) -> Self {
        Self { off: Some((key, value)), ..self }
    }

    /// Whether a value asks for nothing else than what holds anyway.
    pub(crate) fn is_neutral(&self, value: &str) -> bool {
        let value = value.trim();
        value.is_empty() || self.unless.iter().any(|neutral| neutral.eq_ignore_ascii_case(value))
    }
}

/// The patterns of all rows, those that fit best first.
pub(crate) fn patterns(rows: &[&'static [Unread]]) -> Vec<Pattern> {
    let rows = rows.iter().copied().flatten();
    let all = rows.flat_map(|row| row.names.iter().map(move |name| Pattern::of(name, row)));
    let mut all: Vec<_> = all.collect();
    let fit = |pattern: &Pattern| match &pattern.end {
        None => (usize::MAX, 0),
        Some(end) => (pattern.beginning.len(), end.len()),
    };
    all.sort_by_key(|pattern| Reverse(fit(pattern)));
    all
}

/// The row that fits a canonical name best.
pub(crate) fn row_of(patterns: &[Pattern], canonical: &str) -> Option<&'static Unread> {
    let name = folded(canonical);
    patterns.iter().find(|pattern| pattern.fits(&name)).map(|pattern| pattern.row)
}

impl Pattern {
    fn of(name: &str, row: &'static Unread) -> Self {
        let name = folded(name);
        match name.split_once(".*") {
            Some((beginning, end)) => {
                Self { beginning: beginning.to_owned(), end: Some(end.to_owned()), row }
            }
            None => Self { beginning: name, end: None, row },
        }
    }

    fn fits(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(&self.beginning) else { return false };
        let Some(end) = &self.end else { return rest.is_empty() };
        let is_below =
            rest.starts_with(['.', '[']) && rest.len() > end.len() && rest.ends_with(end);
        is_below || rest.is_empty() && end.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROWS: &[Unread] = &[
        Unread::ignored(&["shop.*"], "all"),
        Unread::refused(&["shop.door.*"], "door"),
        Unread::ignored(&["shop.door.colour"], "colour").unless(&["red"]),
        Unread::refused(&["shop.*.key"], "keys"),
    ];

    fn instead(name: &str) -> Option<&'static str> {
        row_of(&patterns(&[ROWS]), name).map(|row| row.instead)
    }

    #[test]
    fn the_row_with_the_longest_beginning_counts() {
        for (name, expected) in [
            ("shop", Some("all")),
            ("shop.window", Some("all")),
            ("shopping", None),
            ("shop.door.handle", Some("door")),
            ("shop.door[0].handle", Some("door")),
            ("shop.door.colour", Some("colour")),
            ("shop.back-yard.key", Some("keys")),
            ("shop.door.key", Some("door")),
            ("shop.key", Some("all")),
            ("stall", None),
        ] {
            assert_eq!(instead(name), expected, "{name}");
        }
    }

    #[test]
    fn blank_values_and_those_of_the_row_ask_for_nothing() {
        let row = row_of(&patterns(&[ROWS]), "shop.door.colour").unwrap();
        assert!(row.is_neutral(" ") && row.is_neutral("RED") && !row.is_neutral("blue"));
    }
}
