//! The metrics of the service. The parts that do the work keep the numbers; each scrape reads them
//! here, and asks no database and no peer. Only the backlog of unpublished events stands in the
//! database alone; it is counted on a timer.

mod table;

use std::sync::Arc;
use std::time::Duration;

use discovery_eureka::Standing;
use identity_jwt::Report;
use order_app::feed::{Feed, FeedReport};
use order_app::orders::OrderStats;
use order_app::ports::{Backlog, Database, Deadline, EventJournal, PoolReport};
use order_app::relay::{RelayReport, RelayStats};
use order_domain::OrderStatus;
use telemetry_otlp::{Family, Metrics, SpanCounts};
use tokio::time::sleep;

use super::certificates::Certificate;
use super::peers::Peers;
use crate::system::clock;

pub(crate) use table::METRICS;

/// How often the backlog is counted: as often as metrics are usually scraped.
const COUNTED_EVERY: Duration = Duration::from_secs(15);
/// How long the database may take to count.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the numbers are kept.
pub(super) struct Sources {
    pub(super) orders: Arc<OrderStats>,
    pub(super) peers: Peers,
    pub(super) database: Arc<dyn Database>,
    pub(super) feed: Feed,
    pub(super) spans: Option<Arc<SpanCounts>>,
    pub(super) certificates: Vec<Certificate>,
}

impl Sources {
    /// What `/actuator/prometheus` answers.
    pub(super) fn scrape(
        self: &Arc<Self>,
        metrics: &Metrics,
    ) -> Arc<dyn Fn() -> String + Send + Sync> {
        let (sources, metrics) = (Arc::clone(self), metrics.clone());
        Arc::new(move || {
            sources.measure();
            metrics.render()
        })
    }

    /// The same as values.
    pub(super) fn values(
        self: &Arc<Self>,
        metrics: &Metrics,
    ) -> impl Fn() -> Vec<Family> + Send + Sync + 'static {
        let (sources, metrics) = (Arc::clone(self), metrics.clone());
        move || {
            sources.measure();
            metrics.snapshot()
        }
    }

    fn measure(&self) {
        orders(&self.orders);
        relay(&self.peers.relay.report());
        feed(self.feed.report());
        let unreadable = self.feed.report().unreadable;
        let unreadable = unreadable.saturating_add(self.orders.unreadable_events());
        metrics::counter!("order_events_unreadable_total").absolute(unreadable);
        self.database.pools().iter().for_each(pool);
        if let Some(broker) = &self.peers.broker {
            metrics::gauge!("order_kafka_reachable").set(flag(broker.is_reachable()));
        }
        if let Some(registration) = &self.peers.registration {
            let registered = matches!(registration.state().standing, Standing::Registered { .. });
            metrics::gauge!("order_eureka_registered").set(flag(registered));
        }
        if let Some(issuer) = &self.peers.issuer {
            tokens(&issuer.report());
        }
        if let Some(spans) = &self.spans {
            spans.measure();
        }
        let now = clock().now();
        self.certificates.iter().for_each(|certificate| certificate.measure(now));
    }
}

fn orders(stats: &OrderStats) {
    for step in stats.steps() {
        let from = step.from.map_or("NONE", OrderStatus::as_str);
        let event = step.kind.as_str();
        metrics::counter!("order_transitions_total", "from" => from, "event" => event)
            .absolute(step.count);
    }
    metrics::counter!("order_idempotent_replays_total").absolute(stats.replays());
}

/// By the names of `HikariCP`, which dashboards for Spring read.
fn pool(pool: &PoolReport) {
    let labels = [("pool", pool.name)];
    metrics::gauge!("hikaricp_connections", &labels).set(f64::from(pool.open));
    metrics::gauge!("hikaricp_connections_idle", &labels).set(f64::from(pool.idle));
    let active = pool.open.saturating_sub(pool.idle);
    metrics::gauge!("hikaricp_connections_active", &labels).set(f64::from(active));
    metrics::gauge!("hikaricp_connections_max", &labels).set(f64::from(pool.max));
    let waiting = u32::try_from(pool.waiting).unwrap_or(u32::MAX);
    metrics::gauge!("hikaricp_connections_pending", &labels).set(f64::from(waiting));
    metrics::counter!("hikaricp_connections_timeout_total", &labels).absolute(pool.timed_out);
}

/// The tokens of requests, and the keys that check them.
fn tokens(report: &Report) {
    metrics::counter!("order_tokens_accepted_total").absolute(report.accepted);
    for (reason, count) in &report.refused {
        metrics::counter!("order_tokens_refused_total", "reason" => *reason).absolute(*count);
    }
    let keys = u32::try_from(report.keys).unwrap_or(u32::MAX);
    metrics::gauge!("order_token_keys").set(f64::from(keys));
    if let Some(age) = report.age {
        metrics::gauge!("order_token_keys_age_seconds").set(age.as_secs_f64());
    }
    for (outcome, count) in [("fetched", report.fetched), ("failed", report.failed)] {
        metrics::counter!("order_token_keys_fetches_total", "outcome" => outcome).absolute(count);
    }
}

/// The streams of events that this instance sends.
fn feed(feed: FeedReport) {
    let streams = u32::try_from(feed.streams).unwrap_or(u32::MAX);
    metrics::gauge!("order_events_streams").set(f64::from(streams));
    metrics::counter!("order_events_streams_refused_total").absolute(feed.refused);
    metrics::counter!("order_events_streamed_total").absolute(feed.streamed);
}

/// The relay of this instance.
fn relay(relay: &RelayReport) {
    let whole = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::counter!("order_events_placed_total").absolute(relay.sequenced);
    metrics::counter!("order_events_published_total").absolute(relay.published);
    metrics::counter!("order_events_failed_total").absolute(relay.transient_failures);
    metrics::counter!("order_events_parkings_total").absolute(relay.parkings);
    metrics::gauge!("order_events_parked_orders").set(whole(relay.parked_orders));
    metrics::gauge!("order_relay_shards").set(whole(relay.held_shards));
    metrics::gauge!("order_relay_arranges").set(flag(relay.is_sequencer));
    let lag = relay.lag.to_std().unwrap_or_default();
    metrics::gauge!("order_events_lag_seconds").set(lag.as_secs_f64());
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Counts what waits to be published, for ever. Only the instance that assigns positions counts, so
/// that the database is asked once.
pub(super) async fn watch_backlog(journal: Arc<dyn EventJournal>, relay: Arc<RelayStats>) {
    loop {
        if relay.report().is_sequencer {
            let now = Deadline::now();
            let counted = journal.backlog(now.checked_add(PATIENCE).unwrap_or(now)).await;
            // When the database does not answer, the last number stays. The relay logs why.
            if let Ok(backlog) = counted {
                waiting(&backlog);
            }
        } else {
            waiting(&Backlog::default());
        }
        sleep(COUNTED_EVERY).await;
    }
}

fn waiting(backlog: &Backlog) {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::gauge!("order_outbox_backlog").set(number(backlog.events));
    metrics::gauge!("order_outbox_parked_orders").set(number(backlog.parked));
    let age = backlog.oldest.map(|at| clock().now().signed_duration_since(at).to_std());
    let age = age.and_then(Result::ok).unwrap_or_default();
    metrics::gauge!("order_outbox_oldest_seconds").set(age.as_secs_f64());
}
