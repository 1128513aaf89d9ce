//! The metrics of the service beside those of `telemetry-otlp`: name, kind and what each says, in
//! the words of docs/observability.md. `metrics.rs` and the crates that measure set them.

use telemetry_otlp::Kind::{Counter, Gauge, Histogram};
use telemetry_otlp::Metric;

/// Seconds: around what a request takes, up to the largest request budget.
const BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0];
/// Seconds until a participant has answered, up to the default deadline of a saga.
const ANSWERS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];
/// What a document costs, up to the largest default; beyond it only where the setting allows more.
const COSTS: &[f64] = &[1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0];
/// Changes in a batch, up to the largest batch.
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// The metrics of the service itself.
pub(crate) const METRICS: &[Metric] = &[
    Metric(
        "http_server_requests_seconds",
        Histogram(BUCKETS),
        "requests by `method`, `uri` (the pattern), `status`, `outcome`, `exception` and `error` (the code of the problem, or `none`), as in Spring Boot; 499 is a client that went away",
    ),
    Metric(
        "http_server_requests_seconds_max",
        Gauge,
        "the longest of them in the last two minutes",
    ),
    Metric(
        "http_server_requests_limited_total",
        Counter,
        "requests answered 429 `rate_limited`, by what was counted (`by`): `caller` or `address`; only with `order.rate-limit.requests-per-second`",
    ),
    Metric("http_server_requests_in_flight", Gauge, "requests under way (`order.max-in-flight`)"),
    Metric(
        "http_server_unread_answer_bytes",
        Gauge,
        "bytes of large answers that clients have not taken yet (`order.max-unread-answers`)",
    ),
    Metric(
        "http_server_unread_answers_given_up_total",
        Counter,
        "large answers that were given up, because others needed their room and they stood still",
    ),
    Metric(
        "http_server_connections",
        Gauge,
        "open connections by `port`: `main` (`server.tomcat.max-connections`), `management`",
    ),
    Metric(
        "http_server_connections_closed_total",
        Counter,
        "connections that the service closed, by `port` and `reason`: `handshake` (TLS) took the client too long or failed, `head`, `body` and `answer` took the client too long, `idle` had no request, `full` made room for another, `refused` found none",
    ),
    Metric(
        "order_graphql_requests_total",
        Counter,
        "GraphQL operations by `operation` (`query`, `mutation`, `subscription`) and `outcome`: `success`, `errors` (some of their fields failed), `refused` (not valid, so not executed); streams when they end. This and the next five only with `order.graphql.enabled`, from the first one on",
    ),
    Metric(
        "order_graphql_refused_total",
        Counter,
        "GraphQL documents, and parts of answers, that were refused as `query_too_expensive`, by the `limit` that they were over: the end of a setting's name, or `bytes`",
    ),
    Metric(
        "order_graphql_cost",
        Histogram(COSTS),
        "what the operations cost that were executed (`order.graphql.max-cost`)",
    ),
    Metric("order_graphql_cost_max", Gauge, "the largest of them in the last two minutes"),
    Metric(
        "order_graphql_seconds",
        Histogram(BUCKETS),
        "how long operations were executed, by `operation`: `query`, `mutation`; not those that are answered as a stream",
    ),
    Metric("order_graphql_seconds_max", Gauge, "the longest of them in the last two minutes"),
    Metric(
        "hikaricp_connections",
        Gauge,
        "open connections by `pool`: `connections`, on SQLite `readers` and `writer`",
    ),
    Metric("hikaricp_connections_active", Gauge, "connections in use"),
    Metric("hikaricp_connections_idle", Gauge, "connections not in use"),
    Metric("hikaricp_connections_max", Gauge, "the most that may be open"),
    Metric("hikaricp_connections_pending", Gauge, "how many calls wait for a connection"),
    Metric("hikaricp_connections_timeout_total", Counter, "calls that got none in time"),
    Metric(
        "order_transitions_total",
        Counter,
        "steps of orders on this instance, by the status before (`from`, `NONE` for a new one) and the `event`",
    ),
    Metric("order_idempotent_replays_total", Counter, "requests answered from the record"),
    Metric(
        "order_commit_batch_size",
        Histogram(BATCH_SIZES),
        "changes in a transaction of this instance: 1 while changes do not wait for each other, up to 128 under load",
    ),
    Metric("order_commit_batch_size_max", Gauge, "the largest of them in the last two minutes"),
    Metric(
        "order_commit_held_total",
        Counter,
        "how often a change met a lock of another session, and was tried again by itself",
    ),
    Metric(
        "order_rows_unreadable_total",
        Counter,
        "how often a stored order could not be read: 500 `order_unreadable`, or left out of a list",
    ),
    Metric(
        "order_outbox_backlog",
        Gauge,
        "unpublished events, at most 100,000; counted every 15 s by the instance that assigns positions, 0 on others",
    ),
    Metric("order_outbox_oldest_seconds", Gauge, "the age of the oldest of them; likewise"),
    Metric("order_outbox_parked_orders", Gauge, "orders that wait for an operator; likewise"),
    Metric("order_events_placed_total", Counter, "positions that this instance assigned"),
    Metric("order_events_published_total", Counter, "confirmations, repetitions included"),
    Metric("order_events_failed_total", Counter, "events not confirmed, and tried again"),
    Metric("order_events_parkings_total", Counter, "how often an order was parked"),
    Metric("order_events_parked_orders", Gauge, "parked orders of this instance's shards"),
    Metric("order_events_streams", Gauge, "open streams of events"),
    Metric("order_events_streams_refused_total", Counter, "streams above the limit"),
    Metric("order_events_streamed_total", Counter, "events sent on streams"),
    Metric(
        "order_events_unreadable_total",
        Counter,
        "how often a stored event could not be read: left out of streams, or of its order's history",
    ),
    Metric("order_events_lag_seconds", Gauge, "from the last event to its confirmation"),
    Metric("order_relay_shards", Gauge, "shards leased by this instance; 16 over all instances"),
    Metric("order_relay_arranges", Gauge, "1 on the one instance that assigns positions"),
    Metric(
        "order_instance_info",
        Gauge,
        "always 1; `instance_id` is this instance in log, registry and traces",
    ),
    Metric(
        "order_tokens_accepted_total",
        Counter,
        "tokens of requests that speak for someone; only where requests need tokens, as the next four",
    ),
    Metric(
        "order_tokens_refused_total",
        Counter,
        "tokens that do not, by `reason`: `malformed`, `header`, `key`, `signature`, `expired`, `early`, `issuer`, `audience`, `claims`; `unavailable` while no key is known",
    ),
    Metric("order_token_keys", Gauge, "keys of the issuer in use; 0: tokens cannot be checked"),
    Metric(
        "order_token_keys_age_seconds",
        Gauge,
        "since when they are known to be right; not for a key in a file. They are used for a day",
    ),
    Metric(
        "order_token_keys_fetches_total",
        Counter,
        "how often keys were fetched, by `outcome`: `fetched`, `failed`",
    ),
    Metric(
        "order_saga_open",
        Gauge,
        "sagas that are not over, by `state`, at most 10,000; counted every 15 s by the instance that assigns positions, 0 on others",
    ),
    Metric(
        "order_saga_attention",
        Gauge,
        "sagas that an operator must look at, at most 10,000; likewise",
    ),
    Metric(
        "order_saga_due_lag_seconds",
        Gauge,
        "since when the saga that has waited longest is due; likewise",
    ),
    Metric(
        "order_saga_commands_total",
        Counter,
        "commands that were to be sent, by `command` and `attempt`: `first`, `again`; while no broker is reached they are dropped, and due again",
    ),
    Metric(
        "order_saga_replies_total",
        Counter,
        "replies by `command` and `outcome`: `applied`, `known` (again), `late`, `contradiction`, `unknown` (of no saga); `unreadable`, with `command=\"unknown\"`",
    ),
    Metric(
        "order_saga_answer_seconds",
        Histogram(ANSWERS),
        "from the first attempt of a `command` to the reply that was applied",
    ),
    Metric("order_saga_answer_seconds_max", Gauge, "the longest of them in the last two minutes"),
    Metric("order_kafka_reachable", Gauge, "1 if the brokers answered last; only with Kafka"),
    Metric("order_eureka_registered", Gauge, "1 if registered; only with Eureka"),
    Metric("order_config_current", Gauge, "1 if what applies is what the config servers say"),
    Metric("order_config_restart_needed", Gauge, "changed settings that wait for a restart"),
    Metric(
        "order_config_refreshes_total",
        Counter,
        "refreshes by `outcome`: `applied`, `unchanged`, `refused`, `failed`; from the first one on",
    ),
    Metric(
        "order_tls_certificate_expires_seconds",
        Gauge,
        "how long the certificate of a `port` is good for, negative when it has expired; only with HTTPS",
    ),
    Metric(
        "order_tls_certificate_loads_total",
        Counter,
        "certificates that were new in their files, by `port` and `outcome`: `loaded`, or `refused` with the old one in use",
    ),
    Metric("order_config_changes_total", Counter, "settings changed while the service ran"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::docs_tests::{check, with_section};

    #[test]
    fn the_documentation_names_every_metric() {
        let all = METRICS.iter().chain(telemetry_otlp::METRICS);
        let rows = all.map(|Metric(name, kind, about)| {
            let kind = match kind {
                Counter => "counter",
                Gauge => "gauge",
                Histogram(_) => "histogram",
            };
            format!("| `{name}` | {kind} | {about} |\n")
        });
        let rows = rows.collect::<String>();
        let table = format!("| Name | Kind | What it says |\n|---|---|---|\n{rows}");
        let section = ("<!-- metrics -->\n", "<!-- end of metrics -->");
        check("observability.md", |page| with_section(page, section, &table));
    }
}
