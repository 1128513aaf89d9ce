//! Reads the values of keys from the merged layers: values in files, parsing. It
//! collects everything that is wrong, and records each value that it read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use crate::bounds::{LARGEST_VALUE, MOST_MEMBERS};
use crate::catalogue::{Catalogue, Exposure, Key, Row};
use crate::layers::{Merged, Origin, Ranked};
use crate::mask::{HIDDEN, sounds_secret};
use crate::names::folded;
use crate::problems::{Problem, Problems};
use crate::regular;
use crate::scope::Scope;
use crate::values::Fault;

/// How a value begins that is PEM itself, and not the path of a file that holds it.
const PEM: &str = "-----BEGIN ";
/// Spring's mark of an encrypted value.
const ENCRYPTED: &str = "{cipher}";

/// One setting as it applies.
#[derive(Debug, Clone)]
pub struct Effective {
    /// The key as documented; of a family, with the member's name.
    pub key: String,
    /// Its value without secrets; empty for none.
    pub value: String,
    /// Where the value was written.
    pub origin: Origin,
    /// What is known of the key.
    pub row: &'static Row,
    /// What two values are compared by: the whole value; or the text as written, if a part of the
    /// value is random.
    pub(crate) essence: SecretString,
}

/// Reads settings, and collects what is wrong with them. See [`Service::read`](crate::Service).
pub struct Reader<'a> {
    all: Scope<'a>,
    local: Scope<'a>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) effective: Vec<Effective>,
    pub(crate) warnings: Vec<String>,
}

/// A value as text, ready to be parsed.
struct Found {
    name: String,
    text: String,
    /// The text as written, if it has a placeholder: errors show it instead of the resolved text,
    /// which may come from anywhere.
    written: Option<String>,
    origin: Origin,
    /// How much of the value may be shown, secrets behind placeholders included.
    exposure: Exposure,
    /// Whether the value differs at each reading.
    is_random: bool,
}

impl<'a> Reader<'a> {
    /// Reads from these layers; [local](Catalogue::local) keys from the layers of this machine alone.
    pub(crate) fn new(all: Scope<'a>, local: &'a Merged) -> Self {
        let local = Scope { merged: local, ..all };
        Self { all, local, problems: Vec::new(), effective: Vec::new(), warnings: Vec::new() }
    }

    /// The value of a key; `None` if it is wrong. The problem is recorded, so that the service can
    /// read all its keys before it gives up: see [`complete!`](crate::complete!).
    pub fn read<T>(&mut self, key: &'static Key<T>) -> Option<T> {
        let row = &key.row;
        let (raw, origin) = match self.ranked(row) {
            Some(Ranked { entry, .. }) => (entry.value.as_str(), entry.origin.clone()),
            None => (row.default, Origin::Default),
        };
        let scope = self.scope(row);
        let mut found = scope.found(row, row.name.into(), raw, origin);
        if found.as_ref().is_ok_and(|found| found.is_unset(row)) {
            found = scope.found(row, row.name.into(), row.default, Origin::Default);
        }
        self.parsed(key, found)
    }

    /// The values of a family, by the part of their names that follows the prefix; `None` if one of
    /// them is wrong.
    pub fn family<T>(&mut self, key: &'static Key<T>) -> Option<BTreeMap<String, T>> {
        let row = &key.row;
        let prefix = folded(row.name.trim_end_matches('*'));
        let scope = self.scope(row);
        let members = scope.merged.iter().filter_map(|(canonical, entry)| {
            Some((canonical.strip_prefix(prefix.as_str())?, entry))
        });
        let members: Vec<_> = members.collect();
        if let Some((_, entry)) = members.get(MOST_MEMBERS) {
            let complaint = format!("has more than {MOST_MEMBERS} members");
            self.problems.push(Problem::new(row.name, Some(entry.origin.clone()), complaint));
            return None;
        }
        let values: Vec<_> = members
            .into_iter()
            .map(|(member, entry)| {
                let name = row.name.replace('*', member);
                let found = scope.found(row, name, &entry.value, entry.origin.clone());
                Some((member.to_owned(), self.parsed(key, found)?))
            })
            .collect();
        values.into_iter().collect()
    }

    /// Complains of a file that a part of a value names, unless the value is this machine's own, or the file is in a
    /// folder in which local settings let documents name files. `name` is the key, of a family with the member's name.
    pub fn check_file(&mut self, name: &str, file: &Path) {
        let scope = self.all;
        let Some(Ranked { entry, .. }) = scope.merged.get(&folded(name)) else { return };
        let is_remote =
            scope.resolved(&entry.value, &entry.origin).is_ok_and(|resolved| resolved.is_remote);
        if is_remote && let Err(why) = scope.remote.open(&scope.inputs.folder, file) {
            let complaint = format!("the file {} {why}", file.display());
            self.problems.push(Problem::new(name, Some(entry.origin.clone()), complaint));
        }
    }

    /// The position of the layer that a key's value comes from: a higher layer has a higher rank, and
    /// a default has rank 0.
    #[must_use]
    pub fn rank<T>(&self, key: &'static Key<T>) -> usize {
        self.ranked(&key.row).map_or(0, |ranked| ranked.rank)
    }

    /// Whether a key has a value that is not blank, apart from its default.
    #[must_use]
    pub fn is_set<T>(&self, key: &'static Key<T>) -> bool {
        self.ranked(&key.row).is_some_and(|ranked| !ranked.entry.value.trim().is_empty())
    }

    /// Records that a key's value does not fit the other values.
    pub fn refuse<T>(&mut self, key: &'static Key<T>, reason: &str) {
        let row = &key.row;
        let read = self.effective.iter().find(|effective| effective.key == row.name);
        let raw = self.ranked(row).map(|ranked| ranked.entry.value.as_str());
        let written = raw.and_then(|raw| self.all.with_placeholder(raw));
        self.problems.push(Problem {
            subject: row.name.to_owned(),
            value: written.or_else(|| read.map(|read| read.value.clone())),
            origin: read.map(|read| read.origin.clone()),
            complaint: format!("{reason}; must be {}", row.allowed),
        });
    }

    /// Records that what was set under this name is wrong, without its value.
    pub fn complain(&mut self, name: String, complaint: String) {
        let read = self.effective.iter().find(|effective| effective.key == name);
        let origin = read.map(|read| read.origin.clone());
        self.problems.push(Problem::new(name, origin, complaint));
    }

    /// Reads a part of the settings whose problems are for the caller to judge: they are given back, and do not stop the start
    /// unless the caller [records](Self::complain_of) them.
    pub fn apart<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> (T, Problems) {
        let before = std::mem::take(&mut self.problems);
        let value = read(self);
        let apart = std::mem::replace(&mut self.problems, before);
        (value, Problems(apart))
    }

    /// Records problems that were found [apart](Self::apart), but for those that are recorded already.
    pub fn complain_of(&mut self, problems: Problems) {
        for problem in problems.0 {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// Records a warning: something was set and is not honoured.
    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    pub(crate) fn origin<T>(&self, key: &'static Key<T>) -> Origin {
        self.ranked(&key.row).map_or(Origin::Default, |ranked| ranked.entry.origin.clone())
    }

    fn ranked(&self, row: &Row) -> Option<&'a Ranked> {
        self.scope(row).merged.get(&folded(row.name))
    }

    fn scope(&self, row: &Row) -> Scope<'a> {
        if self.all.catalogue.is_local(row.name) { self.local } else { self.all }
    }

    fn parsed<T>(&mut self, key: &'static Key<T>, found: Result<Found, Problem>) -> Option<T> {
        let catalogue = self.all.catalogue;
        let result = found.and_then(|found| match (key.parse)(&found.text) {
            Ok(value) => {
                self.effective.push(found.effective(&key.row, catalogue));
                Ok(value)
            }
            Err(fault) => Err(found.problem(&key.row, fault, catalogue)),
        });
        result.map_err(|problem| self.problems.push(problem)).ok()
    }
}

impl Scope<'_> {
    fn found(self, row: &Row, name: String, raw: &str, origin: Origin) -> Result<Found, Problem> {
        let wrong = |complaint: String| Problem::new(&name, Some(origin.clone()), complaint);
        let resolved = self.resolved(raw, &origin).map_err(|error| wrong(error.to_string()))?;
        self.remote.check(row, &name, &resolved, self.catalogue).map_err(wrong)?;
        let names = &resolved.names;
        let hidden =
            sounds_secret(&name) || names.iter().any(|name| self.catalogue.is_secret(name));
        let exposure = if hidden { Exposure::Secret } else { row.exposure };
        let is_random = names.iter().any(|name| folded(name).starts_with("random."));
        let written = self.with_placeholder(raw);
        let names_file = is_location(row) || self.catalogue.is_path(&name);
        let may_be_in_file = (row.may_be_in_file() || hidden) && !names_file;
        let text = self.content(&name, resolved.text, may_be_in_file, resolved.is_remote).map_err(
            |(path, why)| {
                let shown = written.as_deref().unwrap_or(&path);
                wrong(format!("the file {} {why}", shown.strip_prefix("file:").unwrap_or(shown)))
            },
        )?;
        if text.starts_with(ENCRYPTED) {
            return Err(wrong("is encrypted, and only a config server decrypts".to_owned()));
        }
        Ok(Found { name, text, written, origin, exposure, is_random })
    }

    /// The text of a value, or the content of the file that it names. An error is a path, and in words why it cannot be
    /// used.
    fn content(
        self,
        name: &str,
        text: String,
        may_be_in_file: bool,
        is_remote: bool,
    ) -> Result<String, (String, String)> {
        let named = text.strip_prefix("file:");
        // In a location, `file:` is a part of the value.
        if let Some(path) = named.filter(|_| may_be_in_file) {
            return self.in_file(path, is_remote).map_err(|why| (path.to_owned(), why));
        }
        let location = named.unwrap_or(&text).trim();
        let names_file = !location.is_empty() && !location.starts_with(PEM);
        if is_remote && self.catalogue.is_path(name) && names_file {
            let opened = self.remote.open(&self.inputs.folder, path(location));
            opened.map_err(|why| (location.to_owned(), why))?;
        }
        Ok(text)
    }

    /// The content of a file without its last line end. An error says in words what is wrong with the file, and never
    /// what is in it.
    fn in_file(self, name: &str, is_remote: bool) -> Result<String, String> {
        let (root, path) = (&self.inputs.folder, path(name));
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::FileTooLarge => "is too large for a value".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        let file = if is_remote {
            self.remote.open(root, path)?
        } else {
            regular::open(&root.join(path)).map_err(unreadable)?
        };
        let largest = u64::try_from(LARGEST_VALUE).unwrap_or(u64::MAX);
        let bytes = regular::content(&file, largest).map_err(unreadable)?;
        let text =
            String::from_utf8(bytes).map_err(|_| "cannot be read: it is no text".to_owned())?;
        let trimmed = text.strip_suffix('\n').unwrap_or(&text);
        Ok(trimmed.strip_suffix('\r').unwrap_or(trimmed).to_owned())
    }

    /// The text as it was written, if it has a placeholder. A credential beside it is hidden.
    fn with_placeholder(self, raw: &str) -> Option<String> {
        raw.contains("${").then(|| self.catalogue.masked(raw))
    }
}

impl Effective {
    /// Whether both stand for the same value.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.essence.expose_secret() == other.essence.expose_secret()
    }
}

impl Found {
    /// Whether it stands for no value: as in Spring, a blank number is none, and a null in YAML is
    /// blank. A blank URL or secret is a mistake, because nothing can take its place.
    fn is_unset(&self, row: &Row) -> bool {
        let is_blank = self.text.trim().is_empty() && !(row.is_value)(&self.text);
        is_blank && self.exposure == Exposure::Plain
    }

    fn effective(self, row: &'static Row, catalogue: &Catalogue) -> Effective {
        let value = match self.exposure {
            Exposure::Secret if !self.text.is_empty() => HIDDEN.to_owned(),
            _ => catalogue.masked(&self.text),
        };
        let essence = self.written.filter(|_| self.is_random).unwrap_or(self.text).into();
        Effective { key: self.name, value, origin: self.origin, row, essence }
    }

    fn problem(self, row: &Row, Fault(reason): Fault, catalogue: &Catalogue) -> Problem {
        let text = self.written.as_ref().unwrap_or(&self.text);
        let shown = match self.exposure {
            Exposure::Plain => true,
            // In a URL that cannot be read, credentials may be anywhere.
            Exposure::Url => !text.contains(['@', '=']),
            Exposure::Secret => false,
        };
        let reason = reason.filter(|reason| {
            let repeats = matches!(reason, Cow::Owned(_));
            (shown || self.exposure == Exposure::Url) && !(repeats && self.written.is_some())
        });
        let reason = reason.map(|reason| format!("{reason}; ")).unwrap_or_default();
        Problem {
            subject: self.name,
            value: shown.then(|| catalogue.masked(text)),
            origin: Some(self.origin),
            complaint: format!("{reason}must be {}", row.allowed),
        }
    }
}

fn is_location(row: &Row) -> bool {
    row.name.starts_with("spring.config.")
}

/// The path behind `file:`, with or without the `//` of a URL.
fn path(name: &str) -> &Path {
    Path::new(match name.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        _ => name,
    })
}

/// Reads all fields of a struct, each exactly once, and then builds it: `None` if any field is `None`.
/// Every problem is found in one reading, because no field is skipped after a failure.
///
/// ```
/// # fn number(text: &str) -> Option<u8> { text.parse().ok() }
/// #[derive(Debug, PartialEq)]
/// struct Size { width: u8, height: u8 }
/// assert_eq!(
///     settings_spring::complete!(Size { width: number("2"), height: number("3") }),
///     Some(Size { width: 2, height: 3 })
/// );
/// assert_eq!(settings_spring::complete!(Size { width: number(""), height: number("3") }), None);
/// ```
///
/// A field's expression may use the earlier fields, as options.
#[macro_export]
macro_rules! complete {
    ($type:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        $(let $field = $value;)*
        match ($($field,)*) {
            ($(Some($field),)*) => Some($type { $($field),* }),
            _ => None,
        }
    }};
}

pub(crate) use complete;
