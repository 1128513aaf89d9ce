//! The keys that a service knows, and how a name finds its key.

use std::collections::BTreeMap;

use crate::mask::{self, sounds_secret};
use crate::names::{folded, rest, squashed, without_brackets};
use crate::unread::{self, Pattern, Unread};
use crate::values::Read;

/// What is known of a key before it is read.
#[derive(Debug)]
pub struct Row {
    /// The name as documented. With `.*` at the end the key is a family: any name may follow the
    /// prefix, and is kept as it was written.
    pub name: &'static str,
    /// The value if none is set, as it would be written; empty for none.
    pub default: &'static str,
    /// What a value must be: a phrase that follows "must be".
    pub allowed: &'static str,
    /// How much of a value may be shown.
    pub exposure: Exposure,
    /// What the key is for: a sentence.
    pub about: &'static str,
    /// Whether a text is a value of this key.
    pub is_value: fn(&str) -> bool,
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// All of it.
    Plain,
    /// All of it but the credentials that a URL may carry.
    Url,
    /// Nothing.
    Secret,
}

/// A row, and how the key's values are read. [`keys!`](crate::keys!) makes them.
#[derive(Debug)]
pub struct Key<T: 'static> {
    /// What is known of the key.
    pub row: Row,
    /// Reads a value; see [`values`](crate::values).
    pub parse: fn(&str) -> Read<T>,
}

/// Declares keys, and the slice of their rows for [`Catalogue::new`]. The rows keep this order.
///
/// ```
/// settings_spring::keys! {
///     pub ROWS;
///     PORT: u16 = "server.port", "8080", Plain,
///         "a port from 0 to 65535", "The port on which requests are taken.",
///         settings_spring::values::port;
/// }
/// assert_eq!(ROWS[0].name, PORT.row.name);
/// ```
///
/// A key has a name, a default, an [`Exposure`], what it allows, what it is for, and the function
/// that reads it.
#[macro_export]
macro_rules! keys {
    ($vis:vis $rows:ident; $($key_vis:vis $id:ident: $type:ty = $name:expr, $default:literal, $exposure:ident,
        $allowed:literal, $about:literal, $parse:expr;)*) => {
        $(
            #[doc = $about]
            $key_vis static $id: $crate::Key<$type> = $crate::Key {
                row: $crate::Row {
                    name: $name,
                    default: $default,
                    allowed: $allowed,
                    exposure: $crate::Exposure::$exposure,
                    about: $about,
                    is_value: |text| {
                        let parse: fn(&str) -> $crate::values::Read<$type> = $parse;
                        parse(text).is_ok()
                    },
                },
                parse: $parse,
            };
        )*
        /// The rows of these keys.
        $vis static $rows: &[&$crate::Row] = &[$(&$id.row),*];
    };
}

pub(crate) use keys;

impl Row {
    /// The folded prefix of a family, ending in a dot.
    fn family(&self) -> Option<String> {
        self.name.strip_suffix('*').map(folded)
    }

    /// Whether `file:PATH` stands for the content of that file. It does where a value may be secret;
    /// elsewhere it is a value like any other.
    pub(crate) fn may_be_in_file(&self) -> bool {
        self.exposure != Exposure::Plain || self.name.ends_with("username")
    }
}

/// All keys of a service, and what else it knows of names.
#[derive(Debug, Clone)]
pub struct Catalogue {
    rows: Vec<&'static Row>,
    by_name: BTreeMap<String, &'static Row>,
    families: Vec<String>,
    pub(crate) prefix: &'static str,
    local: Vec<String>,
    pub(crate) aliases: Vec<(&'static str, &'static str)>,
    unread: Vec<&'static [Unread]>,
    patterns: Vec<Pattern>,
    roots: &'static [&'static str],
    is_harmless: fn(&str) -> bool,
    is_address: fn(&str) -> bool,
    is_path: fn(&str) -> bool,
}

/// What a service does with a key.
#[derive(Debug, Clone, Copy)]
pub enum Use {
    /// It reads it.
    Read,
    /// It ignores or refuses it.
    Unread(&'static Unread),
    /// It does not know it.
    Unknown,
}

impl Catalogue {
    /// The catalogue of these rows, in the order of the documentation.
    #[must_use]
    pub fn new(rows: &[&[&'static Row]]) -> Self {
        let rows = rows.concat();
        Self {
            by_name: rows.iter().map(|row| (folded(row.name), *row)).collect(),
            families: rows.iter().filter_map(|row| row.family()).collect(),
            rows,
            prefix: "",
            local: [
                "spring.config.",
                "spring.cloud.config.",
                "spring.profiles.",
                "spring.application.json",
                "spring.main.cloud-platform",
            ]
            .map(folded)
            .into(),
            aliases: Vec::new(),
            unread: Vec::new(),
            patterns: Vec::new(),
            roots: &[],
            is_harmless: |_| false,
            is_address: |_| false,
            is_path: |_| false,
        }
    }

    /// The service owns all names under this prefix (`shop.`): an unknown one is a problem, and so is
    /// an unknown environment variable under it (`SHOP_`).
    #[must_use]
    pub fn owning(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    /// Names under this prefix are read from local sources alone, as Spring's own names for profiles
    /// and config servers are: a config server cannot set them.
    #[must_use]
    pub fn local(mut self, prefix: &'static str) -> Self {
        self.local.push(folded(prefix));
        self
    }

    /// An environment variable that stands for a key. The variable in Spring's form goes before it.
    #[must_use]
    pub fn alias(mut self, variable: &'static str, key: &'static str) -> Self {
        self.aliases.push((variable, key));
        self
    }

    /// The keys that are known and not read.
    #[must_use]
    pub fn unread(self, rows: &[&'static [Unread]]) -> Self {
        Self { patterns: unread::patterns(rows), unread: rows.to_vec(), ..self }
    }

    /// Prefixes of names (`spring.`) under which every name is meant for a service like this one: a
    /// warning names those that are in no row. Environment variables count, too (`SPRING_`).
    #[must_use]
    pub fn answering_for(self, roots: &'static [&'static str]) -> Self {
        Self { roots, ..self }
    }

    /// Says by its name whether the value of a parameter in a URL may be shown. Unless this is set,
    /// none is.
    #[must_use]
    pub fn showing_parameters(self, is_harmless: fn(&str) -> bool) -> Self {
        Self { is_harmless, ..self }
    }

    /// Says by the names of keys which ones, beside those that hold URLs and headers, say where something is sent. In
    /// these a config server cannot use what is set on this machine.
    #[must_use]
    pub fn sending(self, is_address: fn(&str) -> bool) -> Self {
        Self { is_address, ..self }
    }

    /// Says by the names of keys which ones hold the path of a file that the service reads, or PEM in its place. `file:` before
    /// the path is a part of it. A config server can name only files that it is allowed to.
    #[must_use]
    pub fn reading_files(self, is_path: fn(&str) -> bool) -> Self {
        Self { is_path, ..self }
    }

    /// All rows, in the order of the documentation.
    #[must_use]
    pub fn rows(&self) -> &[&'static Row] {
        &self.rows
    }

    /// What is wrong with the rows themselves: two keys that are one in the environment, a key with two
    /// verdicts, a default that its key does not allow, a row without a description, a key that sounds
    /// secret and could be shown. For a test of the service.
    #[must_use]
    pub fn defects(&self) -> Vec<String> {
        let mut known = BTreeMap::new();
        let mut defects = Vec::new();
        for row in &self.rows {
            let mut claim = |is_true: bool, defect: &str| {
                if !is_true {
                    defects.push(format!("{}: {defect}", row.name));
                }
            };
            let twin = known.insert(squashed(row.name), row.name);
            claim(twin.is_none(), "another key has the same environment variable");
            let is_family = row.family().is_some();
            claim(is_family || (row.is_value)(row.default), "its default is not allowed");
            let is_described = !row.allowed.is_empty() && row.about.ends_with('.');
            claim(is_described, "it is not described");
            let is_hidden = row.exposure == Exposure::Secret;
            claim(is_hidden || !sounds_secret(row.name), "it sounds secret and can be shown");
        }
        for row in self.unread.iter().copied().flatten() {
            for name in row.names {
                if known.insert(squashed(name), name).is_some() {
                    defects.push(format!("{name}: it has two verdicts"));
                }
            }
            let can_be_off =
                row.off.is_none_or(|(switch, _)| !matches!(self.use_of(switch), Use::Unknown));
            if row.instead.is_empty() || !can_be_off {
                defects.push(format!("{:?}: it says nothing, or its switch is unknown", row.names));
            }
        }
        defects
    }

    /// Whether a canonical name is read from local sources alone.
    #[must_use]
    pub fn is_local(&self, canonical: &str) -> bool {
        let name = folded(canonical);
        self.local.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The form in which two names are compared: lower case, without dashes and underscores. What
    /// follows a family's prefix (`logging.level.`) stays as it was written, because it is a name
    /// from elsewhere.
    pub(crate) fn canonical(&self, name: &str) -> String {
        let name = without_brackets(name);
        let folded = folded(&name);
        match self.family_of(&folded) {
            Some(prefix) => format!("{prefix}{}", rest(&name, prefix)),
            None => folded,
        }
    }

    /// The folded prefix of the family that a folded name belongs to.
    fn family_of(&self, folded_name: &str) -> Option<&str> {
        let is_member =
            |prefix: &&str| folded_name.len() > prefix.len() && folded_name.starts_with(*prefix);
        self.families.iter().map(String::as_str).find(is_member)
    }

    /// The row of a canonical name.
    pub(crate) fn row(&self, canonical: &str) -> Option<&'static Row> {
        let family = self.family_of(canonical).map(|prefix| format!("{prefix}*"));
        self.by_name.get(family.as_deref().unwrap_or(canonical)).copied()
    }

    /// Whether a canonical name is the service's own.
    pub(crate) fn owns(&self, canonical: &str) -> bool {
        !self.prefix.is_empty() && canonical.starts_with(self.prefix)
    }

    /// Whether a name is in no row and yet meant for a service like this one.
    pub(crate) fn answers_for(&self, name: &str) -> bool {
        let name = folded(name);
        self.roots.iter().any(|root| name.starts_with(root))
    }

    /// The names of keys that are read or not; `.*` ends a family.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let unread = self.unread.iter().copied().flatten().flat_map(|row| row.names).copied();
        self.rows.iter().map(|row| row.name).chain(unread)
    }

    /// What becomes of a key, by its name in any spelling.
    #[must_use]
    pub fn use_of(&self, name: &str) -> Use {
        let canonical = self.canonical(name);
        if self.row(&canonical).is_some() {
            return Use::Read;
        }
        unread::row_of(&self.patterns, &canonical).map_or(Use::Unknown, Use::Unread)
    }

    /// The key that was probably meant by an unknown name.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        let wanted = squashed(name);
        let keys = self.rows.iter().filter(|row| row.family().is_none());
        keys.map(|row| (strsim::damerau_levenshtein(&wanted, &squashed(row.name)), row.name))
            .min()
            .filter(|(distance, _)| *distance <= wanted.len().div_ceil(4))
            .map(|(_, name)| name)
    }

    /// Whether the value of a name is hidden, be it a key or a variable.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        let row = self.row(&self.canonical(name));
        sounds_secret(name) || row.is_some_and(|row| row.exposure == Exposure::Secret)
    }

    /// Whether a key says where something is sent, or is a header that goes there.
    pub(crate) fn is_address(&self, row: &Row, name: &str) -> bool {
        row.exposure == Exposure::Url || row.name.ends_with(".headers.*") || (self.is_address)(name)
    }

    /// Whether a key holds the path of a file that the service reads.
    pub(crate) fn is_path(&self, name: &str) -> bool {
        (self.is_path)(name)
    }

    /// A text with the credentials hidden that a URL in it carries.
    pub(crate) fn masked(&self, text: &str) -> String {
        mask::masked(text, self.is_harmless)
    }
}
