//! The relay of this process, on a runtime of its own. It begins when the service is ready, and
//! starts again after a panic.

use std::sync::Arc;

use order_app::ports::{Stores, uuid_v7};
use order_app::relay::{Relay, RelayPorts, RelaySettings, RelayStats};
use order_app::wake_up::WakeUp;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::background::restarting;
use super::broker::Broker;
use crate::system::{clock, entropy};

/// The running relay.
pub(super) struct RunningRelay {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the relay works on. Without a broker it only assigns positions.
pub(super) fn ports(stores: &Stores, broker: Option<&Broker>) -> RelayPorts {
    RelayPorts {
        journal: stores.journal.clone(),
        store: stores.orders.clone(),
        publisher: broker.map(Broker::publisher),
        clock: clock(),
        entropy: entropy(),
    }
}

/// Starts the relay on a runtime as soon as `is_ready` resolves. `commits` wakes it; it wakes
/// `new_positions`.
pub(super) fn start(
    ports: RelayPorts,
    (commits, new_positions): (WakeUp, WakeUp),
    stats: &Arc<RelayStats>,
    is_ready: oneshot::Receiver<()>,
    runtime: &Handle,
) -> RunningRelay {
    let (stop, told) = watch::channel(false);
    // The same name after a panic: the relay keeps its leases.
    let instance = uuid_v7(ports.clock.now(), &*ports.entropy);
    let stats = Arc::clone(stats);
    let relay = move |told: watch::Receiver<bool>| {
        let (commits, new_positions) = (commits.clone(), new_positions.clone());
        let settings = RelaySettings::default();
        let relay =
            Relay::new(ports.clone(), settings, instance, commits, new_positions, stats.clone());
        relay.run(stopped(told))
    };
    let task = runtime.spawn(async move {
        tokio::select! {
            ready = is_ready => if ready.is_err() { return },
            () = stopped(told.clone()) => return,
        }
        restarting("the relay", move || relay(told.clone())).await;
    });
    RunningRelay { stop, task }
}

/// Resolves at the stop. A sender that is gone means the same.
async fn stopped(mut told: watch::Receiver<bool>) {
    let _ = told.wait_for(|told| *told).await;
}

impl RunningRelay {
    /// Finishes the calls under way and gives the leases back.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        // A panic has been reported where it happened.
        let _ = self.task.await;
    }
}
