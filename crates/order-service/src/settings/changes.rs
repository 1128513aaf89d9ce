//! What differs between two readings of the settings, and which of it can apply while the service
//! runs. Applying it is `refresh.rs`.

use std::collections::BTreeMap;
use std::fmt;

use super::catalogue;
use super::names::canonical;
use super::reader::Effective;

/// The keys whose values apply to a running service. All others need a restart.
pub(super) const LIVE: &[&str] = &[
    "logging.level.*",
    "order.currencies",
    "order.default-currency",
    "order.request-budget",
    "order.max-in-flight",
    "order.body-deadline",
    "order.shutdown.delay",
    "spring.lifecycle.timeout-per-shutdown-phase",
];

/// The keys that are read anew each time the settings are, and so apply then.
const READ_EACH_TIME: &[&str] =
    &["spring.config.", "spring.cloud.config.", "spring.profiles.", "order.config."];

/// One setting with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// The value before, without secrets; empty: none.
    pub old: String,
    /// The value now, likewise.
    pub new: String,
    /// Whether it can apply while the service runs.
    pub live: bool,
}

/// Settings by their keys.
pub type ByKey = BTreeMap<String, Effective>;

/// The settings of one reading by their keys.
#[must_use]
pub fn by_key(effective: Vec<Effective>) -> ByKey {
    effective.into_iter().map(|e| (e.key.clone(), e)).collect()
}

/// What differs.
#[must_use]
pub fn changes(old: &ByKey, new: &ByKey) -> Vec<Change> {
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: &String| {
        let (old, new) = (old.get(key), new.get(key));
        let is_same = match (old, new) {
            (Some(old), Some(new)) => old.is_as(new),
            _ => false,
        };
        let shown = |e: Option<&Effective>| e.map(|e| e.value.clone()).unwrap_or_default();
        let live = is_live(key);
        (!is_same).then(|| Change { key: key.clone(), old: shown(old), new: shown(new), live })
    };
    keys.into_iter().filter_map(change).collect()
}

fn is_live(key: &str) -> bool {
    READ_EACH_TIME.iter().any(|prefix| key.starts_with(prefix))
        || catalogue::row(&canonical(key)).is_some_and(|row| LIVE.contains(&row.name))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |value: &str| if value.is_empty() { "-".to_owned() } else { format!("{value:?}") };
        write!(f, "{}: {} -> {}", self.key, shown(&self.old), shown(&self.new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;
    use crate::settings::table::ROWS;

    fn settings(entries: &[(&str, &str)]) -> ByKey {
        let effective = |(key, value): &(&str, &str)| Effective::plain(key, value, Origin::Default);
        by_key(entries.iter().map(effective).collect())
    }

    #[test]
    fn what_differs_is_told_with_whether_it_can_apply() {
        let old = settings(&[("server.port", "1"), ("order.currencies", "USD"), ("same", "x")]);
        let new = settings(&[
            ("server.port", "2"),
            ("order.currencies", "USD,EUR"),
            ("same", "x"),
            ("logging.level.order_app", "debug"),
        ]);
        let told: Vec<_> = changes(&old, &new).iter().map(|c| format!("{c} {}", c.live)).collect();
        assert_eq!(
            told,
            [
                r#"logging.level.order_app: - -> "debug" true"#,
                r#"order.currencies: "USD" -> "USD,EUR" true"#,
                r#"server.port: "1" -> "2" false"#,
            ]
        );
        assert_eq!(changes(&new, &new), []);
    }

    #[test]
    fn live_keys_are_keys() {
        for name in LIVE {
            assert!(ROWS.iter().any(|row| row.name == *name), "{name}");
        }
        for prefix in READ_EACH_TIME {
            assert!(ROWS.iter().any(|row| row.name.starts_with(prefix)), "{prefix}");
        }
    }
}
