//! The differences between two readings of the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::reader::Effective;

/// One setting with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key; of a family, with the member's name.
    pub key: String,
    /// The value before, without secrets; empty for none.
    pub old: String,
    /// The value now, without secrets; empty for none.
    pub new: String,
    /// The name under which the key is documented: that of the family, if it has one.
    pub documented: &'static str,
}

/// Settings by their keys.
pub type ByKey = BTreeMap<String, Effective>;

/// The settings of one reading by their keys.
#[must_use]
pub fn by_key(effective: Vec<Effective>) -> ByKey {
    effective.into_iter().map(|e| (e.key.clone(), e)).collect()
}

/// The settings that differ between two readings, in the order of their keys. A value that differs
/// only in its random part is the same.
#[must_use]
pub fn changes(old: &ByKey, new: &ByKey) -> Vec<Change> {
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |key: &String| {
        let (before, now) = (old.get(key), new.get(key));
        let documented = now.or(before)?.row.name;
        let is_same = before.zip(now).is_some_and(|(before, now)| before.is_as(now));
        let shown = |e: Option<&Effective>| e.map(|e| e.value.clone()).unwrap_or_default();
        let (old, new) = (shown(before), shown(now));
        (!is_same).then(|| Change { key: key.clone(), old, new, documented })
    };
    keys.into_iter().filter_map(change).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |value: &str| if value.is_empty() { "-".to_owned() } else { format!("{value:?}") };
        write!(f, "{}: {} -> {}", self.key, shown(&self.old), shown(&self.new))
    }
}
