//! From "listening" to "ready": the database is brought up to date, or reached; then load balancers
//! and the registry may send requests, events are published, and housekeeping begins. Requests are
//! answered meanwhile, as far as that works.

use std::time::Instant;

use http_actix::{Lifecycle, Phase};
use order_app::errors::chain;
use order_app::orders::Orders;
use order_app::ports::{Extent, Stores, Unsuitable};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::background::{restarting, until_done};
use super::peers::Peers;
use super::sites::Page;
use super::use_cases;
use crate::settings::Settings;

/// What is told that the service is ready.
pub(super) struct Starting {
    pub(super) settings: Settings,
    pub(super) stores: Stores,
    pub(super) orders: Orders,
    pub(super) lifecycle: Lifecycle,
    pub(super) peers: Peers,
    /// The pages that people at a terminal are told of.
    pub(super) pages: Vec<Page>,
    /// Starts what runs from then on.
    pub(super) ready: watch::Sender<bool>,
}

impl Starting {
    /// Waits for the database, says that the service is ready, and keeps house for ever.
    pub(super) async fn run(self, started: Instant) {
        self.prepare().await;
        self.lifecycle.advance(Phase::Ready);
        if let Some(registration) = &self.peers.registration {
            registration.ready();
        }
        let started_in_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(started_in_ms, "ready");
        for Page { what, url } in &self.pages {
            tracing::info!(url, "{what}");
        }
        self.ready.send_replace(true);
        let mut topics = JoinSet::new();
        if let Some(broker) = self.peers.broker {
            topics.spawn(broker.check_topics());
        }
        let housekeeping = use_cases::housekeeping(&self.settings, &self.stores);
        let pause = self.settings.storage.housekeeping_interval;
        restarting("housekeeping", move || housekeeping.clone().run(pause)).await;
    }

    async fn prepare(&self) {
        let cautions = if self.settings.storage.migrate_at_start {
            let (migrations, cautions) =
                until_done("the migration of the database", || self.migrate()).await;
            if !migrations.is_empty() {
                tracing::info!(migrations = migrations.join(", "), "the database was migrated");
            }
            cautions
        } else {
            until_done("reaching the database", || self.reach()).await
        };
        for caution in cautions {
            tracing::warn!("{caution}");
        }
    }

    /// Names the migrations that it ran, and what an operator should know.
    async fn migrate(&self) -> Result<(Vec<String>, Vec<String>), String> {
        let database = &self.stores.database;
        let done = database.migrate(Extent::Quick).await.map_err(|error| chain(&*error))?;
        let cautions = database.cautions().await.map_err(|error| chain(&*error))?;
        Ok((done, cautions))
    }

    /// Changes nothing, and answers with what an operator should know.
    async fn reach(&self) -> Result<Vec<String>, String> {
        let database = &self.stores.database;
        // First of all: a newer release may have changed what the next step looks at.
        let pending = database.pending().await.map_err(|error| chain(&*error))?;
        let found = database.inspect().await.map_err(|error| chain(&*error))?;
        let wrong = found.unwrap_or_default();
        if !wrong.is_empty() {
            return Err(Unsuitable(wrong).to_string());
        }
        if !pending.is_empty() {
            return Err(format!(
                "migrations have not run, and order.migrate-at-start is false; \
                 `order-service migrate` runs them: {}",
                pending.join(", ")
            ));
        }
        self.orders.ping().await.map_err(|error| chain(&error))?;
        database.cautions().await.map_err(|error| chain(&*error))
    }
}
