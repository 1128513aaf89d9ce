//! Layers of settings and their merging: a later layer wins, key by key; a list is replaced as a
//! whole, as in Spring. Where layers come from is in `command_line.rs`, `environment.rs` and
//! `files.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::names::{canonical, index};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// As an option `--key=value`.
    CommandLine,
    /// In this environment variable.
    Environment(String),
    /// In this file, on this line (from 1).
    File {
        /// Its path as given or relative to the working folder.
        path: String,
        /// The line of the value.
        line: usize,
    },
    /// In a document of a config server.
    ConfigServer {
        /// The property source, as the server calls it.
        source: Arc<str>,
        /// The line in it, where the server tells.
        line: Option<u32>,
        /// Whether it was taken from the last good copy.
        copy: bool,
    },
    /// Nowhere.
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
            Self::Default => f.write_str("default"),
        }
    }
}

/// One value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// The entries of one source, in the order in which they were written.
pub(crate) type Layer = Vec<Entry>;

/// The layers as one, by canonical name.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    entries: BTreeMap<String, Ranked>,
}

/// An entry and how high its layer is.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub(crate) entry: Entry,
    pub(crate) rank: usize,
}

impl Merged {
    /// Merges layers, the lowest first.
    pub(crate) fn new(layers: impl IntoIterator<Item = Layer>) -> Self {
        let mut entries = BTreeMap::new();
        for (rank, layer) in (1..).zip(layers) {
            for (name, entry) in with_whole_lists(layer) {
                entries.insert(name, Ranked { entry, rank });
            }
        }
        Self { entries }
    }

    /// The entry of a canonical name.
    pub(crate) fn get(&self, canonical: &str) -> Option<&Ranked> {
        self.entries.get(canonical)
    }

    /// All of it, by canonical name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, ranked)| (name.as_str(), &ranked.entry))
    }
}

/// Writes `key[0]`, `key[1]` as one `key` with commas, so that a list is replaced as a whole. No
/// element of any list of ours can hold a comma.
fn with_whole_lists(layer: Layer) -> BTreeMap<String, Entry> {
    let mut whole = BTreeMap::new();
    let mut lists: BTreeMap<String, BTreeMap<usize, Entry>> = BTreeMap::new();
    for entry in layer {
        let name = canonical(&entry.name);
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
            let entry = Entry { name: written.to_owned(), value, origin: first.origin };
            whole.insert(name, entry);
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(entries: &[(&str, &str)]) -> Layer {
        entries
            .iter()
            .map(|(name, value)| Entry {
                name: (*name).into(),
                value: (*value).into(),
                origin: Origin::CommandLine,
            })
            .collect()
    }

    fn value<'a>(merged: &'a Merged, name: &str) -> &'a str {
        &merged.get(name).unwrap().entry.value
    }

    #[test]
    fn a_later_layer_wins_whatever_the_spelling() {
        let merged = Merged::new([
            layer(&[("a.maximum-pool-size", "1"), ("a.kept", "x")]),
            layer(&[("a.maximumPoolSize", "2")]),
        ]);
        assert_eq!(value(&merged, "a.maximumpoolsize"), "2");
        assert_eq!(value(&merged, "a.kept"), "x");
        assert_eq!(merged.get("a.kept").unwrap().rank, 1);
    }

    #[test]
    fn a_list_is_replaced_as_a_whole() {
        let merged = Merged::new([
            layer(&[("l[0]", "a"), ("l[1]", "b"), ("l[2]", "c")]),
            layer(&[("l[10]", "z"), ("l[9]", "y")]),
        ]);
        assert_eq!(value(&merged, "l"), "y,z");
        let merged = Merged::new([layer(&[("l[0]", "a")]), layer(&[("l", "b")])]);
        assert_eq!(value(&merged, "l"), "b");
        assert!(merged.get("l[0]").is_none());
    }
}
