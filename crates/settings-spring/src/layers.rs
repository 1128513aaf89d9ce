//! Layers of settings and their merging: a later layer wins, key by key; a list is replaced as a
//! whole, as in Spring. Layers are read in `local.rs` and `config_server.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::names::index;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In an option `--key=value`.
    CommandLine,
    /// In the environment variable of this name.
    Environment(String),
    /// In a settings file.
    File {
        /// The file's path, as it was given or relative to the working folder.
        path: String,
        /// The line of the value, from 1.
        line: usize,
    },
    /// In the JSON object of `spring.application.json`.
    ApplicationJson,
    /// In a document of a config server.
    ConfigServer {
        /// The name of the property source in the server's answer.
        source: Arc<str>,
        /// The line in the property source, from 1, if the answer has it.
        line: Option<u32>,
        /// Whether the document is the last good copy instead of an answer.
        copy: bool,
    },
    /// Nowhere: the key's default applies.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::ConfigServer { source, line, copy } => {
                let copy = if *copy { "last good copy of the " } else { "" };
                write!(f, "{copy}config server: {source}")?;
                line.map_or(Ok(()), |line| write!(f, ":{line}"))
            }
            Self::ApplicationJson => f.write_str("spring.application.json"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

impl Entry {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>, origin: Origin) -> Self {
        Self { name: name.into(), value: value.into(), origin }
    }
}

/// The entries of one source, in the order in which they were written.
pub(crate) type Layer = Vec<Entry>;

/// All layers as one, by canonical name.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    entries: BTreeMap<String, Ranked>,
}

/// An entry and the position of its layer: 1 is the lowest.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub(crate) entry: Entry,
    pub(crate) rank: usize,
}

impl Ranked {
    pub(crate) fn is_from_server(&self) -> bool {
        matches!(self.entry.origin, Origin::ConfigServer { .. })
    }
}

impl Merged {
    /// Merges layers, the lowest first.
    pub(crate) fn new(layers: impl IntoIterator<Item = Layer>, catalogue: &Catalogue) -> Self {
        let mut entries = BTreeMap::new();
        for (rank, layer) in (1..).zip(layers) {
            for (name, entry) in with_whole_lists(layer, catalogue) {
                entries.insert(name, Ranked { entry, rank });
            }
        }
        Self { entries }
    }

    /// The entry of a canonical name.
    pub(crate) fn get(&self, canonical: &str) -> Option<&Ranked> {
        self.entries.get(canonical)
    }

    /// Sets what a canonical name stands for; the rank stays.
    pub(crate) fn set(&mut self, canonical: &str, entry: Entry) {
        let rank = self.get(canonical).map_or(1, |ranked| ranked.rank);
        self.entries.insert(canonical.to_owned(), Ranked { entry, rank });
    }

    /// All entries with their canonical names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, ranked)| (name.as_str(), &ranked.entry))
    }
}

/// Joins `key[0]`, `key[1]` with commas into one entry `key`, so that a list is replaced as a whole.
/// An element of a list therefore cannot hold a comma.
fn with_whole_lists(layer: Layer, catalogue: &Catalogue) -> BTreeMap<String, Entry> {
    let mut whole = BTreeMap::new();
    let mut lists: BTreeMap<String, BTreeMap<usize, Entry>> = BTreeMap::new();
    for entry in layer {
        let name = catalogue.canonical(&entry.name);
        match index(&name) {
            Some((list, index)) => {
                lists.entry(list.into()).or_default().insert(index, entry);
            }
            None => {
                whole.insert(name, entry);
            }
        }
    }
    for (name, elements) in lists {
        let values: Vec<_> = elements.values().map(|e| e.value.as_str()).collect();
        let value = values.join(",");
        if let Some(first) = elements.into_values().next() {
            let written = index(&first.name).map_or(first.name.as_str(), |(list, _)| list);
            whole.insert(name, Entry::new(written, value, first.origin));
        }
    }
    whole
}
