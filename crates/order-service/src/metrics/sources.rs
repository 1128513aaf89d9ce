//! Numbers that others keep, as metrics. Nobody is asked who could be down, with one exception: how
//! much waits to be published, which only the database knows, is asked for beside the requests.

use std::sync::Arc;
use std::time::Duration;

use discovery_eureka::{Registration, Standing};
use events_kafka::{BrokerState, KafkaPublisher};
use order_app::feed::{Feed, FeedReport};
use order_app::orders::OrderStats;
use order_app::ports::{Backlog, Clock, Deadline, EventJournal};
use order_app::relay::{RelayReport, RelayStats};
use order_domain::OrderStatus;
use persistence_diesel::PoolReport;
use telemetry_otlp::SpanCounts;
use tokio::time::sleep;

/// How often it is counted what waits to be published: as often as metrics are usually collected.
const COUNTED_EVERY: Duration = Duration::from_secs(15);
/// How long the database may take to count.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever keeps numbers.
pub(crate) struct Sources {
    pub(crate) orders: Arc<OrderStats>,
    pub(crate) relay: Arc<RelayStats>,
    pub(crate) pools: Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync>,
    pub(crate) kafka: Option<Arc<KafkaPublisher>>,
    pub(crate) registration: Option<Registration>,
    pub(crate) feed: Feed,
    pub(crate) traces: Option<Arc<SpanCounts>>,
}

impl Sources {
    pub(crate) fn measure(&self) {
        orders(&self.orders);
        publishing(&self.relay.report());
        telling(self.feed.report());
        (self.pools)().iter().for_each(pool);
        if let Some(kafka) = &self.kafka {
            let reachable = matches!(kafka.health().broker, BrokerState::Reachable);
            metrics::gauge!("order_kafka_reachable").set(flag(reachable));
        }
        if let Some(registration) = &self.registration {
            let registered = matches!(registration.state().standing, Standing::Registered { .. });
            metrics::gauge!("order_eureka_registered").set(flag(registered));
        }
        if let Some(traces) = &self.traces {
            traces.measure();
        }
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

/// By the names of `HikariCP`, which dashboards for Spring know.
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

/// What operators want to know of those who listen to this instance.
fn telling(feed: FeedReport) {
    let streams = u32::try_from(feed.streams).unwrap_or(u32::MAX);
    metrics::gauge!("order_events_streams").set(f64::from(streams));
    metrics::counter!("order_events_streams_refused_total").absolute(feed.refused);
    metrics::counter!("order_events_streamed_total").absolute(feed.streamed);
    metrics::counter!("order_events_unreadable_total").absolute(feed.unreadable);
}

/// What operators want to know of the relay of this instance.
fn publishing(relay: &RelayReport) {
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

/// Counts what waits to be published, for ever; on one instance at a time, the one that gives the
/// places, so that the database is asked once.
pub(crate) async fn watch_backlog(
    journal: Arc<dyn EventJournal>,
    relay: Arc<RelayStats>,
    clock: Arc<dyn Clock>,
) {
    loop {
        if relay.report().is_sequencer {
            let now = Deadline::now();
            let counted = journal.backlog(now.checked_add(PATIENCE).unwrap_or(now)).await;
            // When nobody can say, the last number stays; why is said by those who need the database.
            if let Ok(backlog) = counted {
                waiting(&backlog, &*clock);
            }
        } else {
            waiting(&Backlog::default(), &*clock);
        }
        sleep(COUNTED_EVERY).await;
    }
}

fn waiting(backlog: &Backlog, clock: &dyn Clock) {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::gauge!("order_outbox_backlog").set(number(backlog.events));
    metrics::gauge!("order_outbox_parked_orders").set(number(backlog.parked));
    let age = backlog.oldest.map(|at| clock.now().signed_duration_since(at).to_std());
    let age = age.and_then(Result::ok).unwrap_or_default();
    metrics::gauge!("order_outbox_oldest_seconds").set(age.as_secs_f64());
}
