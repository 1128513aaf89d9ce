//! The use cases of `order-app` on the stores, by the settings.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use order_app::feed::{Feed, FeedSettings};
use order_app::housekeeping::{Housekeeping, Retention};
use order_app::operations::OperationsPorts;
use order_app::orders::{Orders, Ports};
use order_app::ports::{Command, CommandSender, StoredTimes, Stores};
use order_app::sagas::Sagas;
use order_app::wake_up::WakeUp;

use super::background::restarting;
use super::broker;
use crate::settings::Settings;
use crate::system::{clock, entropy};

/// Orders, with a way to send the commands of their sagas.
pub(super) fn orders(
    settings: &Settings,
    stores: &Stores,
    commands: Arc<dyn CommandSender>,
) -> Orders {
    let clock = StoredTimes { clock: clock(), database: stores.database.clone() };
    let ports = Ports {
        store: stores.orders.clone(),
        sagas: stores.sagas.clone(),
        commands,
        clock: Arc::new(clock),
        entropy: entropy(),
    };
    let (currencies, sagas) = (settings.currencies.clone(), settings.sagas.policy);
    Orders::new(ports, currencies, sagas, settings.requests.budget)
}

/// What operators may do about events; here and on the command line.
pub(crate) fn operations(settings: &Settings, stores: &Stores) -> OperationsPorts {
    OperationsPorts {
        journal: stores.journal.clone(),
        inspection: stores.inspection.clone(),
        store: stores.orders.clone(),
        replayer: broker::replayer(settings),
        clock: clock(),
        entropy: entropy(),
    }
}

/// The live events.
pub(super) fn feed(settings: &Settings, stores: &Stores) -> Feed {
    let requests = settings.requests;
    let settings = FeedSettings {
        max_streams: usize::try_from(requests.max_streams).unwrap_or(usize::MAX),
        budget: requests.budget,
        ..FeedSettings::default()
    };
    Feed::new(stores.journal.clone(), clock(), entropy(), settings)
}

/// Reads the journal's end for the live events, for ever. `new_positions` is set when there may be new ones.
pub(super) async fn follow_journal(feed: Feed, new_positions: WakeUp) {
    restarting("the feed", move || feed.clone().run(new_positions.clone())).await;
}

/// Deletes what has expired.
pub(super) fn housekeeping(settings: &Settings, stores: &Stores) -> Housekeeping {
    // A time that is too long to be told is for ever.
    let events = settings.storage.retention.and_then(|kept| TimeDelta::from_std(kept).ok());
    let (orders, journal) = (stores.orders.clone(), stores.journal.clone());
    let sagas = TimeDelta::from_std(settings.sagas.retention).ok();
    let kept = Retention { events, sagas };
    Housekeeping::new(orders, journal, stores.sagas.clone(), kept, clock())
}

/// What operators may do about sagas, on the command line: running instances send what follows.
pub(crate) fn sagas(settings: &Settings, stores: &Stores) -> Sagas {
    Sagas::new(orders(settings, stores, Arc::new(NoTransport)))
}

/// No way to send commands.
pub(crate) struct NoTransport;

#[async_trait]
impl CommandSender for NoTransport {
    async fn send(&self, _: Vec<Command>) {}

    fn works_since(&self) -> Option<DateTime<Utc>> {
        None
    }
}
