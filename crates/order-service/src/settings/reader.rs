//! Reads values of known keys from the merged layers: placeholders, values in files, parsing. It
//! collects everything that is wrong, and remembers what it read for `order-service config`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::catalogue::{self, Exposure, Key, Row, sounds_secret};
use super::environment;
use super::layers::{Entry, Merged, Origin, Ranked};
use super::mask::{HIDDEN, masked};
use super::names::{canonical, folded, squashed};
use super::placeholders::{self, Names};
use super::problems::Problem;
use super::values::Fault;

/// Longer than any secret, and shorter than a mistake.
const LONGEST_SECRET: u64 = 64 * 1024;
/// What Spring writes before an encrypted value.
const ENCRYPTED: &str = "{cipher}";
/// What a config server writes before the key of a value that it could not decrypt.
const UNREADABLE: &str = "invalid.";

/// One setting as it applies.
#[derive(Debug, Clone)]
pub struct Effective {
    /// The key as documented.
    pub key: String,
    /// Its value, without secrets; empty: none.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
    /// What it is for.
    pub about: &'static str,
    /// What it is compared by: the whole value, or what was written where chance is a part of it.
    essence: SecretString,
}

/// Reads settings, and collects what is wrong with them.
pub(crate) struct Reader<'a> {
    merged: &'a Merged,
    world: World<'a>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) effective: Vec<Effective>,
}

/// What values may refer to beside each other.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    /// The environment's variables.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// The working folder.
    pub(crate) folder: &'a Path,
    /// Random bits, for `${random.uuid}`.
    pub(crate) random: fn() -> u128,
}

/// A value as text, ready to be parsed.
struct Found {
    name: String,
    text: String,
    /// What was written, when that has a placeholder: errors show it instead of the text, which
    /// may come from anywhere.
    written: Option<String>,
    origin: Origin,
    /// How much may be shown of it, secrets behind placeholders considered.
    exposure: Exposure,
    /// Whether it is another one each time.
    is_random: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(merged: &'a Merged, world: World<'a>) -> Self {
        Self { merged, world, problems: Vec::new(), effective: Vec::new() }
    }

    /// The value of a key; `None` when it is wrong, which is noted.
    pub(crate) fn read<T>(&mut self, key: &Key<T>) -> Option<T> {
        let row = &key.row;
        let found = match self.merged.get(&folded(row.name)) {
            Some(ranked) => {
                let entry = &ranked.entry;
                self.found(row, row.name.into(), &entry.value, entry.origin.clone())
            }
            None => self.found(row, row.name.into(), row.default, Origin::Default),
        };
        self.parsed(key, found)
    }

    /// The values of a family by what comes after its prefix; `None` when one of them is wrong.
    pub(crate) fn family<T>(&mut self, key: &Key<T>) -> Option<BTreeMap<String, T>> {
        let prefix = key.row.family().unwrap_or_default();
        let members: Vec<_> = self
            .merged
            .iter()
            .filter_map(|(canonical, entry)| {
                let member = canonical.strip_prefix(prefix.as_str())?;
                Some((member.to_owned(), entry.clone()))
            })
            .collect();
        let mut values = Some(BTreeMap::new());
        for (member, entry) in members {
            let name = key.row.name.replace('*', &member);
            let found = self.found(&key.row, name, &entry.value, entry.origin);
            let value = self.parsed(key, found);
            values = values.zip(value).map(|(mut values, value)| {
                values.insert(member, value);
                values
            });
        }
        values
    }

    /// How high the layer is that a key's value comes from; 0 for a default.
    pub(crate) fn rank<T>(&self, key: &Key<T>) -> usize {
        let ranked = self.merged.get(&folded(key.row.name));
        ranked.map_or(0, |ranked| ranked.rank)
    }

    /// Whether a key has a value that is not empty.
    pub(crate) fn is_set<T>(&self, key: &Key<T>) -> bool {
        let ranked = self.merged.get(&folded(key.row.name));
        ranked.is_some_and(|ranked| !ranked.entry.value.trim().is_empty())
    }

    /// Where a key's value was written.
    pub(crate) fn origin<T>(&self, key: &Key<T>) -> Origin {
        let ranked = self.merged.get(&folded(key.row.name));
        ranked.map_or(Origin::Default, |ranked| ranked.entry.origin.clone())
    }

    /// Notes that a value does not fit the others.
    pub(crate) fn refuse<T>(&mut self, key: &Key<T>, reason: &str) {
        let effective = self.effective.iter().find(|e| e.key == key.row.name);
        let raw = self.merged.get(&folded(key.row.name)).map(|ranked| &ranked.entry.value);
        let written = raw.and_then(|raw| with_placeholder(raw));
        self.problems.push(Problem {
            subject: key.row.name.into(),
            value: written.or_else(|| effective.map(|e| e.value.clone())),
            origin: effective.map(|e| e.origin.clone()),
            complaint: format!("{reason}; must be {}", key.row.allowed),
        });
    }

    fn found(&self, row: &Row, name: String, raw: &str, origin: Origin) -> Result<Found, Problem> {
        let wrong = |complaint: String| Problem {
            subject: name.clone(),
            value: None,
            origin: Some(origin.clone()),
            complaint,
        };
        let resolved =
            placeholders::resolve(raw, self).map_err(|error| wrong(error.to_string()))?;
        let hidden = sounds_secret(&name) || resolved.names.iter().any(|name| is_secret(name));
        let exposure = if hidden { Exposure::Secret } else { row.exposure };
        let written = with_placeholder(raw);
        let text = match resolved.text.strip_prefix("file:") {
            Some(path) if row.may_be_in_file() || hidden => {
                let shown = written.as_deref().unwrap_or(path);
                let shown = shown.strip_prefix("file:").unwrap_or(shown);
                from_file(self.world.folder, path, shown).map_err(wrong)?
            }
            _ => resolved.text,
        };
        if text.starts_with(ENCRYPTED) {
            return Err(wrong("is encrypted, and only a config server decrypts".to_owned()));
        }
        let is_random = resolved.names.iter().any(|name| canonical(name).starts_with("random."));
        Ok(Found { name, text, written, origin, exposure, is_random })
    }

    fn parsed<T>(&mut self, key: &Key<T>, found: Result<Found, Problem>) -> Option<T> {
        let result = found.and_then(|found| match (key.parse)(&found.text) {
            Ok(value) => {
                self.effective.push(found.effective(&key.row));
                Ok(value)
            }
            Err(fault) => Err(found.problem(&key.row, fault)),
        });
        result.map_err(|problem| self.problems.push(problem)).ok()
    }
}

impl Effective {
    /// Whether both stand for the same value.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.essence.expose_secret() == other.essence.expose_secret()
    }

    /// A plain value.
    #[cfg(test)]
    pub(crate) fn plain(key: &str, value: &str, origin: Origin) -> Self {
        Self { key: key.into(), value: value.into(), origin, about: "What.", essence: value.into() }
    }
}

impl Found {
    fn effective(self, row: &Row) -> Effective {
        let value = match self.exposure {
            Exposure::Secret if !self.text.is_empty() => HIDDEN.to_owned(),
            _ => masked(&self.text),
        };
        let essence = self.written.filter(|_| self.is_random).unwrap_or(self.text).into();
        Effective { key: self.name, value, origin: self.origin, about: row.about, essence }
    }

    fn problem(self, row: &Row, Fault(reason): Fault) -> Problem {
        let text = self.written.as_ref().unwrap_or(&self.text);
        let shown = match self.exposure {
            Exposure::Plain => true,
            // A URL that cannot be read may hide credentials anywhere.
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
            value: shown.then(|| masked(text)),
            origin: Some(self.origin),
            complaint: format!("{reason}must be {}", row.allowed),
        }
    }
}

impl Names for Reader<'_> {
    fn text(&self, name: &str, has_default: bool) -> Option<String> {
        let canonical = canonical(name);
        let exact = self.world.environment.get(name).map(String::as_str);
        let entry = self.merged.get(&canonical).map(|ranked| ranked.entry.value.as_str());
        let found = exact.or(entry).or_else(|| environment::variable(self.world.environment, name));
        if let Some(found) = found {
            return Some(found.to_owned());
        }
        if let Some(kind) = canonical.strip_prefix("random.") {
            return random(kind, (self.world.random)());
        }
        // As in Spring, what the placeholder itself falls back to goes before our own default.
        let default = catalogue::row(&canonical).map_or("", |row| row.default);
        (!has_default && !default.is_empty()).then(|| default.to_owned())
    }

    fn is_unreadable(&self, name: &str) -> bool {
        self.merged.get(&format!("{UNREADABLE}{}", canonical(name))).is_some_and(is_remote)
    }
}

fn is_remote(ranked: &Ranked) -> bool {
    matches!(ranked.entry.origin, Origin::ConfigServer { .. })
}

/// The keys of ours that a config server could not decrypt, unless a higher layer has another value.
pub(crate) fn unreadable_of_ours(merged: &Merged) -> Vec<Problem> {
    let problem = |(name, entry): (&str, &Entry)| {
        let ranked = merged.get(name).filter(|ranked| is_remote(ranked))?;
        let name = name.strip_prefix(UNREADABLE)?;
        let ours = name.starts_with("order.") || catalogue::row(name).is_some();
        let is_overruled = merged.get(name).is_some_and(|other| other.rank > ranked.rank);
        (ours && !is_overruled).then(|| Problem {
            subject: entry.name.strip_prefix(UNREADABLE).unwrap_or(name).to_owned(),
            value: None,
            origin: Some(entry.origin.clone()),
            complaint: "the config server could not decrypt it".to_owned(),
        })
    };
    merged.iter().filter_map(problem).collect()
}

fn random(kind: &str, bits: u128) -> Option<String> {
    match kind {
        "uuid" => {
            Some(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string())
        }
        "value" => Some(format!("{bits:032x}")),
        "int" => i32::try_from(bits >> 97).ok().map(|n| n.to_string()),
        "long" => i64::try_from(bits >> 65).ok().map(|n| n.to_string()),
        _ => None,
    }
}

fn is_secret(name: &str) -> bool {
    let row = catalogue::row(&canonical(name));
    sounds_secret(name) || row.is_some_and(|row| row.exposure == Exposure::Secret)
}

/// What was written, if it has a placeholder; a credential beside it is hidden.
fn with_placeholder(raw: &str) -> Option<String> {
    raw.contains("${").then(|| masked(raw))
}

/// The content of a file without its last line end. What went wrong shows the path as it was
/// written, and never the content.
fn from_file(folder: &Path, path: &str, shown: &str) -> Result<String, String> {
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        _ => path,
    };
    let full = folder.join(path);
    let unreadable = |error: std::io::Error| format!("the file {shown} cannot be read: {error}");
    let size = std::fs::metadata(&full).map_err(unreadable)?.len();
    if size > LONGEST_SECRET {
        return Err(format!("the file {shown} is too large for a value"));
    }
    let content = std::fs::read_to_string(&full).map_err(unreadable)?;
    let trimmed = content.strip_suffix('\n').unwrap_or(&content);
    Ok(trimmed.strip_suffix('\r').unwrap_or(trimmed).to_owned())
}

/// The entries under `order.` that are no keys of ours, and what was probably meant.
pub(crate) fn unknown_of_ours(merged: &Merged) -> Vec<Problem> {
    let unknown =
        |canonical: &str| canonical.starts_with("order.") && catalogue::row(canonical).is_none();
    merged
        .iter()
        .filter(|(canonical, entry)| unknown(canonical) && !stands_in(merged, &entry.origin))
        .map(|(_, entry)| Problem {
            subject: entry.name.clone(),
            value: None,
            origin: Some(entry.origin.clone()),
            complaint: format!("there is no such setting; {}", what_there_is(&entry.name)),
        })
        .collect()
}

/// Whether a placeholder somewhere names this variable: then it is meant for that alone.
fn stands_in(merged: &Merged, origin: &Origin) -> bool {
    let Origin::Environment(variable) = origin else {
        return false;
    };
    let variable = squashed(variable);
    merged.iter().any(|(_, entry)| {
        let named =
            entry.value.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next());
        named.map(squashed).any(|name| name == variable)
    })
}

/// One warning for the options that no key of ours answers to: a person typed them just now.
pub(crate) fn unknown_options(merged: &Merged) -> Option<String> {
    let unknown: Vec<_> = merged
        .iter()
        .filter(|(canonical, entry)| {
            entry.origin == Origin::CommandLine
                && !canonical.starts_with("order.")
                && catalogue::row(canonical).is_none()
                && !super::set_aside::knows(canonical)
        })
        .map(|(_, entry)| format!("--{}{}", entry.name, did_you_mean(&entry.name)))
        .collect();
    (!unknown.is_empty()).then(|| format!("unknown settings are ignored: {}", unknown.join(", ")))
}

fn what_there_is(name: &str) -> String {
    if let Some(nearest) = catalogue::nearest(name) {
        return format!("did you mean {nearest}?");
    }
    let names: Vec<_> = catalogue::names_under("order.").collect();
    format!("there are {}", names.join(", "))
}

fn did_you_mean(name: &str) -> String {
    let nearest = catalogue::nearest(name);
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}
