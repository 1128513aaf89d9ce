//! The metrics of the service. The parts that do the work keep the numbers; each scrape reads them
//! here, and asks no database and no peer. Only the backlog of unpublished events and the open sagas stand in the
//! database alone; they are counted on a timer.

mod table;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use discovery_eureka::Standing;
use identity_jwt::Report;
use order_app::feed::{Feed, FeedReport};
use order_app::orders::OrderStats;
use order_app::ports::{Backlog, Database, Deadline, PoolReport, SagaCensus, Stores, later};
use order_app::relay::{RelayReport, RelayStats};
use order_app::saga::SagaState;
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
        sagas(&self.orders, self.peers.participants.unreadable());
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

/// The messages of sagas, and how long steps took.
fn sagas(stats: &OrderStats, unreadable: u64) {
    for sent in stats.commands() {
        let (command, attempt) =
            (sent.command.as_str(), if sent.again { "again" } else { "first" });
        metrics::counter!("order_saga_commands_total", "command" => command, "attempt" => attempt)
            .absolute(sent.count);
    }
    for reply in stats.replies() {
        let (command, outcome) = (reply.command.as_str(), reply.outcome.as_str());
        metrics::counter!("order_saga_replies_total", "command" => command, "outcome" => outcome)
            .absolute(reply.count);
    }
    metrics::counter!("order_saga_replies_total", "command" => "unknown", "outcome" => "unreadable")
        .absolute(unreadable);
    for (command, took) in stats.answers() {
        metrics::histogram!("order_saga_answer_seconds", "command" => command.as_str())
            .record(took.as_secs_f64());
    }
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

/// Counts what waits to be published, and sagas, for ever. Only the instance that assigns positions counts, so
/// that the database is asked once.
pub(super) async fn watch_backlog(stores: Stores, relay: Arc<RelayStats>) {
    loop {
        if relay.report().is_sequencer {
            // When the database does not answer, the last number stays. The relay and the sweep log why.
            if let Ok(backlog) = stores.journal.backlog(later(Deadline::now(), PATIENCE)).await {
                waiting(&backlog);
            }
            if let Ok(census) = stores.sagas.census(later(Deadline::now(), PATIENCE)).await {
                open_sagas(&census);
            }
        } else {
            waiting(&Backlog::default());
            open_sagas(&SagaCensus::default());
        }
        sleep(COUNTED_EVERY).await;
    }
}

fn waiting(backlog: &Backlog) {
    metrics::gauge!("order_outbox_backlog").set(number(backlog.events));
    metrics::gauge!("order_outbox_parked_orders").set(number(backlog.parked));
    metrics::gauge!("order_outbox_oldest_seconds").set(age(backlog.oldest));
}

fn open_sagas(census: &SagaCensus) {
    for state in SagaState::ALL.iter().filter(|state| !state.is_final()) {
        let state = state.as_str();
        let open = census.open.iter().find(|(name, _)| name.as_str() == state);
        let open = open.map_or(0, |(_, count)| *count);
        metrics::gauge!("order_saga_open", "state" => state).set(number(open));
    }
    metrics::gauge!("order_saga_attention").set(number(census.attention));
    metrics::gauge!("order_saga_due_lag_seconds").set(age(census.first_due));
}

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How long ago a time was; nothing when it is to come.
fn age(since: Option<DateTime<Utc>>) -> f64 {
    let age = since.map(|at| clock().now().signed_duration_since(at).to_std());
    age.and_then(Result::ok).unwrap_or_default().as_secs_f64()
}
