//! Looking others up: a local copy of the registry, which a task replaces as a whole. Reading it
//! waits for nobody, and whatever was last read stays when the servers are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::applications::Applications;
use crate::failure::Failures;
use crate::instance::{Instance, Status};
use crate::server_url::ServerUrl;

/// The registry, as last read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    view: watch::Receiver<View>,
}

/// How good the local copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing has been read yet.
    Unread,
    /// It is kept up to date.
    Current {
        /// By whom.
        server: ServerUrl,
        /// Since when.
        since: Instant,
    },
    /// It is what was last read, if anything was.
    Failing {
        /// What is wrong with the servers.
        because: Failures,
        /// Since when.
        since: Instant,
    },
}

/// What look-ups see.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) condition: Condition,
    pub(crate) applications: Applications,
    services: BTreeMap<String, Service>,
}

/// The instances that take requests under one name.
#[derive(Debug, Clone)]
struct Service {
    instances: Vec<Arc<Instance>>,
    /// Whose turn it is; it goes on from one copy of the registry to the next.
    turn: Arc<AtomicUsize>,
}

impl Registry {
    pub(crate) fn new(view: watch::Receiver<View>) -> Self {
        Self { view }
    }

    /// The instances that take requests (that are `UP`), by a virtual host name or the name of the
    /// application; case does not matter. Empty when there are none, or nothing has been read yet.
    #[must_use]
    pub fn instances(&self, service: &str) -> Vec<Arc<Instance>> {
        let view = self.view.borrow();
        let service = view.services.get(&service.to_lowercase());
        service.map(|service| service.instances.clone()).unwrap_or_default()
    }

    /// One of [`Registry::instances`], each in its turn.
    #[must_use]
    pub fn next(&self, service: &str) -> Option<Arc<Instance>> {
        let view = self.view.borrow();
        let service = view.services.get(&service.to_lowercase())?;
        let turn = service.turn.fetch_add(1, Ordering::Relaxed);
        service.instances.get(turn.checked_rem(service.instances.len())?).cloned()
    }

    /// How good the local copy is.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.view.borrow().condition.clone()
    }

    /// Waits until the registry has been read for the first time, which may be never.
    pub async fn first_read(&self) {
        let read = |view: &View| matches!(view.condition, Condition::Current { .. });
        // It fails when the task is gone, with its runtime.
        let _ = self.view.clone().wait_for(read).await;
    }

    /// What the registry says of one instance.
    pub(crate) fn find(&self, app: &str, id: &str) -> Option<Instance> {
        self.view.borrow().applications.get(app, id).cloned()
    }
}

impl View {
    /// Before anything is read.
    pub(crate) fn unread() -> Self {
        let applications = Applications::default();
        Self { condition: Condition::Unread, applications, services: BTreeMap::new() }
    }

    /// Takes what was read. Who is first in turn for a new service is left to chance, lest all
    /// clients that start together begin with the same instance.
    pub(crate) fn take(&mut self, applications: Applications, random: impl Fn() -> u64) {
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        for instance in applications.iter().filter(|instance| instance.status == Status::Up) {
            let names = instance.virtual_host_names.iter().chain([&instance.app]);
            let names: BTreeSet<_> = names.map(|name| name.to_lowercase()).collect();
            for name in names {
                let turn = || match self.services.get(&name) {
                    Some(known) => Arc::clone(&known.turn),
                    None => Arc::new(usize::try_from(random() >> 33).unwrap_or(0).into()),
                };
                let new = || Service { instances: Vec::new(), turn: turn() };
                services
                    .entry(name.clone())
                    .or_insert_with(new)
                    .instances
                    .push(Arc::clone(instance));
            }
        }
        self.services = services;
        self.applications = applications;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::AppsDocument;

    fn applications(instances: &[Value]) -> Applications {
        let document = json!({"applications": {"application": {"instance": instances}}});
        let document: AppsDocument = serde_json::from_value(document).unwrap();
        Applications::whole(document.applications)
    }

    fn instance(app: &str, id: &str, status: &str) -> Value {
        json!({"app": app, "instanceId": id, "status": status, "vipAddress": "stock,Spare"})
    }

    fn ids(registry: &Registry, service: &str, count: usize) -> String {
        (0..count).filter_map(|_| registry.next(service)).map(|next| next.id.clone()).collect()
    }

    #[test]
    fn instances_that_are_up_take_turns_by_any_of_their_names() {
        let (view, seen) = watch::channel(View::unread());
        let registry = Registry::new(seen);
        assert_eq!(registry.next("stock"), None);
        let read = applications(&[
            instance("INVENTORY", "a", "UP"),
            instance("INVENTORY", "b", "DOWN"),
            instance("INVENTORY", "c", "UP"),
            instance("INVENTORY", "d", "OUT_OF_SERVICE"),
            instance("INVENTORY", "e", "UP"),
        ]);
        view.send_modify(|view| view.take(read, || 0));
        assert_eq!(ids(&registry, "stock", 7), "aceacea");
        assert_eq!(ids(&registry, "SPARE", 3), "ace");
        assert_eq!(ids(&registry, "inventory", 3), "ace");
        assert_eq!(registry.instances("Inventory").len(), 3);
        assert_eq!(registry.next("payments"), None);
        assert_eq!(registry.instances("payments"), []);
    }

    #[test]
    fn turns_go_on_when_the_registry_is_read_again() {
        let (view, seen) = watch::channel(View::unread());
        let registry = Registry::new(seen);
        let read = |ids: &[&str]| {
            let instances: Vec<_> = ids.iter().map(|id| instance("A", id, "UP")).collect();
            view.send_modify(|view| view.take(applications(&instances), || 0));
        };
        read(&["a", "b", "c"]);
        assert_eq!(ids(&registry, "a", 2), "ab");
        read(&["a", "b", "c"]);
        assert_eq!(ids(&registry, "a", 1), "c");
        read(&["b"]);
        assert_eq!(ids(&registry, "a", 2), "bb");
        read(&[]);
        assert_eq!(registry.next("a"), None);
    }

    #[test]
    fn clients_that_start_together_begin_with_different_instances() {
        let first = |random: u64| {
            let (view, seen) = watch::channel(View::unread());
            let read = applications(&[instance("A", "a", "UP"), instance("A", "b", "UP")]);
            view.send_modify(|view| view.take(read, || random));
            ids(&Registry::new(seen), "a", 1)
        };
        assert_eq!((first(0), first(1 << 33)), ("a".into(), "b".into()));
    }
}
