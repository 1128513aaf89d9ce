//! Every metric that the service exports: its name, its kind and what it says, for those who look at
//! `/actuator/prometheus` and, in the same words, for docs/observability.md. Numbers come from elsewhere.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// What a number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

use Kind::{Counter, Gauge, Histogram};

/// One metric.
struct Row(&'static str, Kind, &'static str);

const ROWS: &[Row] = &[
    Row(
        "http_server_requests_seconds",
        Histogram,
        "requests by `method`, `uri` (the pattern), `status`, `outcome`, as in Spring Boot; 499 is a client that went away",
    ),
    Row(
        "http_server_requests_in_flight",
        Gauge,
        "requests that hold a place; compare with `order.max-in-flight`",
    ),
    Row(
        "hikaricp_connections",
        Gauge,
        "open connections by `pool`: `connections`, on SQLite `readers` and `writer`",
    ),
    Row("hikaricp_connections_active", Gauge, "those in use"),
    Row("hikaricp_connections_idle", Gauge, "those not in use"),
    Row("hikaricp_connections_max", Gauge, "the most that are opened"),
    Row("hikaricp_connections_pending", Gauge, "who waits for one now"),
    Row("hikaricp_connections_timeout_total", Counter, "who got none in time"),
    Row(
        "order_transitions_total",
        Counter,
        "steps of orders on this instance, by the status before (`from`, `NONE` for a new one) and the `event`",
    ),
    Row(
        "order_idempotent_replays_total",
        Counter,
        "requests that were answered from the record of an earlier one",
    ),
    Row(
        "order_commit_batch_size",
        Histogram,
        "how many changes went into one transaction, by the transactions of this instance: 1 when they do not wait for each other, up to 128 under load",
    ),
    Row(
        "order_outbox_backlog",
        Gauge,
        "events that wait to be published, at most 100,000; counted every 15 s by the instance that gives the places, 0 on others",
    ),
    Row("order_outbox_oldest_seconds", Gauge, "how old the oldest of them is; likewise"),
    Row("order_outbox_parked_orders", Gauge, "orders whose events wait for an operator; likewise"),
    Row("order_events_placed_total", Counter, "events that this instance gave their places"),
    Row(
        "order_events_published_total",
        Counter,
        "confirmations by the brokers, repetitions included",
    ),
    Row("order_events_failed_total", Counter, "events that were not confirmed and are tried again"),
    Row("order_events_parkings_total", Counter, "how often an order was parked"),
    Row(
        "order_events_parked_orders",
        Gauge,
        "parked orders of the shards that this instance publishes",
    ),
    Row("order_events_streams", Gauge, "streams of events that are open"),
    Row("order_events_streams_refused_total", Counter, "streams that found no place"),
    Row("order_events_streamed_total", Counter, "events that were told on streams"),
    Row("order_events_unreadable_total", Counter, "events that a stream had to leave out"),
    Row(
        "order_events_lag_seconds",
        Gauge,
        "how long after it happened the last event was confirmed",
    ),
    Row(
        "order_relay_shards",
        Gauge,
        "shards that this instance holds the lease of; 16 over all instances",
    ),
    Row("order_relay_arranges", Gauge, "1 on the one instance that holds the lease to give places"),
    Row(
        "order_kafka_reachable",
        Gauge,
        "1 when the last word from the brokers was good; only with Kafka",
    ),
    Row(
        "order_eureka_registered",
        Gauge,
        "1 when the registry knows this instance; only with Eureka",
    ),
    Row("order_config_current", Gauge, "1 when what applies is what the config servers say"),
    Row("order_config_restart_needed", Gauge, "changed settings that wait for a restart"),
    Row(
        "order_config_refreshes_total",
        Counter,
        "refreshes by `outcome`: `applied`, `unchanged`, `refused`, `failed`; from the first one on",
    ),
    Row("order_config_changes_total", Counter, "settings that have changed while the service ran"),
    Row("log_lines_lost_total", Counter, "lines of the log that found no room"),
    Row(
        "trace_spans_sent_total",
        Counter,
        "steps of traces that the collector took; only with a collector, like the next two",
    ),
    Row(
        "trace_spans_lost_total",
        Counter,
        "steps that found no room, or that the collector refused",
    ),
    Row("trace_exports_failed_total", Counter, "requests to the collector that failed"),
    Row("process_start_time_seconds", Gauge, "when the process has started, since 1970"),
    Row("process_uptime_seconds", Gauge, "how long it runs"),
    Row("process_cpu_time_ns_total", Counter, "processor time"),
    Row("process_resident_memory_bytes", Gauge, "memory that it holds"),
    Row("process_files_open_files", Gauge, "open files and connections"),
    Row("process_files_max_files", Gauge, "how many it may open"),
];

/// Has the recorder tell with each metric what it is.
pub(super) fn describe() {
    for Row(name, kind, about) in ROWS {
        match kind {
            Counter => describe_counter!(*name, *about),
            Gauge => describe_gauge!(*name, *about),
            Histogram => describe_histogram!(*name, *about),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::docs_tests::{check, with_section};

    #[test]
    fn the_documentation_names_every_metric() {
        let rows = ROWS.iter().map(|Row(name, kind, about)| {
            let kind = format!("{kind:?}").to_lowercase();
            format!("| `{name}` | {kind} | {about} |\n")
        });
        let rows = rows.collect::<String>();
        let table = format!("| Name | Kind | What it says |\n|---|---|---|\n{rows}");
        let section = ("<!-- metrics -->\n", "<!-- end of metrics -->");
        check("observability.md", |page| with_section(page, section, &table));
    }
}
