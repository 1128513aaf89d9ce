//! What is known of a key before it is read: how a row of the table looks, and how a name finds its
//! row. The rows themselves are in `table.rs`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::names::{folded, squashed};
use super::table::ROWS;
use super::values::Fault;

/// One row of the table of keys.
#[derive(Debug)]
pub(crate) struct Row {
    /// As documented; `.*` at the end makes it a family, whose further names are free.
    pub(crate) name: &'static str,
    /// In the form in which it would be written; empty: none.
    pub(crate) default: &'static str,
    /// What a value must be, to be read after "must be".
    pub(crate) allowed: &'static str,
    /// How much of a value may be shown.
    pub(crate) exposure: Exposure,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Whether a text is a value of this key.
    #[cfg(test)]
    pub(crate) check: fn(&str) -> bool,
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// All of it.
    Plain,
    /// All but the credentials that a URL may carry.
    Url,
    /// Nothing.
    Secret,
}

/// A row together with how its values are read.
#[derive(Debug)]
pub(crate) struct Key<T: 'static> {
    pub(crate) row: Row,
    pub(crate) parse: fn(&str) -> Result<T, Fault>,
}

impl Row {
    /// The folded prefix of a family, ending in a dot.
    pub(crate) fn family(&self) -> Option<String> {
        self.name.strip_suffix('*').map(folded)
    }

    /// Whether a value may stand in a file of its own (`file:/run/secrets/db`): only what somebody
    /// may want to keep out of the settings, because elsewhere `file:` means what it says.
    pub(crate) fn may_be_in_file(&self) -> bool {
        self.exposure != Exposure::Plain || self.name.ends_with("username")
    }
}

/// The folded prefix of the family that a folded name belongs to.
pub(crate) fn family_of(folded_name: &str) -> Option<&'static str> {
    static PREFIXES: LazyLock<Vec<String>> =
        LazyLock::new(|| ROWS.iter().filter_map(|row| row.family()).collect());
    PREFIXES
        .iter()
        .map(String::as_str)
        .find(|prefix| folded_name.len() > prefix.len() && folded_name.starts_with(*prefix))
}

/// The row of a canonical name.
pub(crate) fn row(canonical: &str) -> Option<&'static Row> {
    static BY_NAME: LazyLock<BTreeMap<String, &'static Row>> =
        LazyLock::new(|| ROWS.iter().map(|row| (folded(row.name), *row)).collect());
    if let Some(prefix) = family_of(canonical) {
        return BY_NAME.get(&format!("{prefix}*")).copied();
    }
    BY_NAME.get(canonical).copied()
}

/// The key that an unknown one under the same first word was probably meant to be.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let wanted = squashed(name);
    ROWS.iter()
        .filter(|row| row.family().is_none())
        .map(|row| (strsim::damerau_levenshtein(&wanted, &squashed(row.name)), row.name))
        .min()
        .filter(|(distance, _)| *distance <= wanted.len().div_ceil(4))
        .map(|(_, name)| name)
}

/// The names that begin like this.
pub(crate) fn names_under(prefix: &str) -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name).filter(move |name| name.starts_with(prefix))
}

/// Whether a name says that its value is nobody's business, whoever's key it is.
pub(crate) fn sounds_secret(name: &str) -> bool {
    const SIGNS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "jaas",
        "apikey",
        "privatekey",
        "keypem",
        "keystorekey",
        "userinfo",
    ];
    const SEGMENTS: &[&str] = &["pass", "pw", "pwd"];
    // At the end of a word as well (`DBPW`, `rootPwd`), where no other word ends like this.
    const ENDS: &[&str] = &["pw", "pwd"];
    let segments = name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    let mut segments = segments.filter(|segment| !segment.is_empty());
    let squashed = squashed(name);
    SIGNS.iter().any(|sign| squashed.contains(sign))
        || segments.any(|segment| {
            SEGMENTS.contains(&segment.as_str()) || ENDS.iter().any(|end| segment.ends_with(end))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_one_in_the_environment() {
        let mut names: Vec<_> = ROWS.iter().map(|row| squashed(row.name)).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn every_default_is_allowed_and_every_row_is_described() {
        for row in ROWS {
            assert!((row.check)(row.default) || row.family().is_some(), "{}", row.name);
            assert!(!row.allowed.is_empty() && !row.about.is_empty(), "{}", row.name);
            assert!(row.about.ends_with('.'), "{}", row.name);
        }
    }

    #[test]
    fn keys_that_sound_secret_are_never_shown() {
        for row in ROWS.iter().filter(|row| sounds_secret(row.name)) {
            assert_eq!(row.exposure, Exposure::Secret, "{}", row.name);
        }
    }

    #[test]
    fn names_sound_secret_by_their_words() {
        for secret in [
            "DB_PW",
            "DBPW",
            "db.pwd",
            "rootPwd",
            "DB_PASS",
            "my-passphrase",
            "aws.credentials",
            "git_credential",
            "spring.datasource.password",
        ] {
            assert!(sounds_secret(secret), "{secret}");
        }
        for plain in ["order.currencies", "COMPASS_URL", "bypass", "pwned.host", "DB_HOST"] {
            assert!(!sounds_secret(plain), "{plain}");
        }
    }

    #[test]
    fn a_typing_error_finds_the_key_that_was_meant() {
        assert_eq!(nearest("order.events.topik"), Some("order.events.topic"));
        assert_eq!(nearest("sever.port"), Some("server.port"));
        assert_eq!(nearest("order.something-else-altogether"), None);
    }
}
