//! The whole registry as this process knows it: read in full once, then kept up with deltas, and
//! checked each time against the hash code that the server has of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::instance::{Instance, Status};
use crate::wire::{Action, Apps};

/// Every instance by application and id, whatever its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Applications(BTreeMap<(String, String), Arc<Instance>>);

impl Applications {
    /// The registry as a server tells it in full.
    pub(crate) fn whole(apps: Apps) -> Self {
        let mut whole = Self::default();
        for (_, instance) in apps.into_instances() {
            whole.put(instance);
        }
        whole
    }

    /// The registry after a delta, if that makes it equal to the server's.
    pub(crate) fn after(&self, delta: Apps) -> Option<Self> {
        let expected = delta.hash_code.clone();
        let mut after = self.clone();
        for (action, instance) in delta.into_instances() {
            match action {
                Action::Put => after.put(instance),
                Action::Deleted => {
                    after.0.remove(&(instance.app, instance.id));
                }
            }
        }
        (after.hash_code() == expected).then_some(after)
    }

    /// How many instances there are of each status, as `DOWN_1_UP_8_`.
    pub(crate) fn hash_code(&self) -> String {
        let mut counts: BTreeMap<Status, u64> = BTreeMap::new();
        for instance in self.iter() {
            let count = counts.entry(instance.status).or_default();
            *count = count.saturating_add(1);
        }
        let mut code = String::new();
        for (status, count) in counts {
            // Writing to a string cannot fail.
            let _ = write!(code, "{status}_{count}_");
        }
        code
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.0.values()
    }

    pub(crate) fn get(&self, app: &str, id: &str) -> Option<&Instance> {
        self.0.get(&(app.to_owned(), id.to_owned())).map(Arc::as_ref)
    }

    fn put(&mut self, instance: Instance) {
        self.0.insert((instance.app.clone(), instance.id.clone()), Arc::new(instance));
    }
}

#[cfg(test)]
mod tests;
