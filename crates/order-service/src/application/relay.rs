//! The relay of this process, on a runtime of its own.

use std::sync::Arc;

use order_app::orders::Orders;
use order_app::ports::{Stores, uuid_v7};
use order_app::relay::{Relay, RelayPorts, RelaySettings};
use order_app::wake_up::WakeUp;
use tokio::runtime::Handle;

use super::background::{Running, Told};
use super::broker::Broker;
use super::peers::Peers;
use crate::system::{clock, entropy};

/// What the relay works on. Without a broker it only assigns positions.
fn ports(stores: &Stores, broker: Option<&Broker>) -> RelayPorts {
    RelayPorts {
        journal: stores.journal.clone(),
        store: stores.orders.clone(),
        publisher: broker.map(Broker::publisher),
        clock: clock(),
        entropy: entropy(),
    }
}

/// Starts the relay on a runtime when the service is ready. Commits of orders wake it; it wakes `new_positions`.
pub(super) fn start(
    (stores, peers): (&Stores, &Peers),
    (orders, new_positions): (&Orders, &WakeUp),
    is_ready: Told,
    runtime: &Handle,
) -> Running {
    let ports = ports(stores, peers.broker.as_ref());
    // The same name after a panic: the relay keeps its leases.
    let instance = uuid_v7(ports.clock.now(), &*ports.entropy);
    let (commits, new_positions) = (orders.commits().clone(), new_positions.clone());
    let stats = Arc::clone(&peers.relay);
    Running::when(is_ready, runtime, "the relay", move |told| {
        let (commits, new_positions) = (commits.clone(), new_positions.clone());
        let settings = RelaySettings::default();
        let relay =
            Relay::new(ports.clone(), settings, instance, commits, new_positions, stats.clone());
        relay.run(told.stopped())
    })
}
