//! The service exports the metrics that docs/observability.md, the alert rules and the dashboard
//! name, and logs the fields that the collector's settings read.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use order_testkit::SelfSigned;
use order_testkit::tokens::{Answer, Issuer, Signer};
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::{Service, client, eventually, free_port, fresh_folder};

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// Names and kinds in the documentation.
fn documented() -> BTreeMap<String, String> {
    let page = file("docs/observability.md");
    let (_, rest) = page.split_once("<!-- metrics -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end of metrics -->").unwrap();
    let rows = table.lines().skip(2).map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    });
    rows.collect()
}

/// A service with every possible peer; all of them are down, but for the participants of sagas, which it has in itself.
fn with_all_peers() -> Service {
    let options = [
        format!("--spring.kafka.bootstrap-servers=127.0.0.1:{}", free_port()),
        format!("--eureka.client.service-url.defaultZone=http://127.0.0.1:{}/eureka", free_port()),
        format!("--spring.config.import=optional:configserver:http://127.0.0.1:{}", free_port()),
        format!("--management.otlp.tracing.endpoint=http://127.0.0.1:{}/v1/traces", free_port()),
        "--order.config.refresh-interval=1s".to_owned(),
        "--order.saga.enabled=true".to_owned(),
        "--order.saga.transport=embedded".to_owned(),
        "--order.graphql.enabled=true".to_owned(),
        "--order.graphql.max-document-size=100B".to_owned(),
    ];
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let service = Service::start_in(&fresh_folder(), &options, &[]);
    service.wait_until_ready();
    service
}

/// What GraphQL answers to a document.
fn graphql(service: &Service, document: &str) -> Value {
    service.post("/graphql", &json!({"query": document})).json().unwrap()
}

/// A service with everything that guards its ports. Operators ask it over plain HTTP, and for metrics without a token.
fn guarded(issuer: &Issuer) -> Service {
    let (folder, own) = (fresh_folder(), SelfSigned::valid_for(30, "orders"));
    for (name, text) in [("tls.crt", &own.certificate), ("tls.key", &own.private_key)] {
        fs::write(folder.join(name), text).unwrap();
    }
    let jwt = "--spring.security.oauth2.resourceserver.jwt";
    let options = [
        &format!("{jwt}.jwk-set-uri={}", issuer.keys()),
        &format!("{jwt}.audiences=shop"),
        &format!("{jwt}.jws-algorithms=ES256"),
        "--order.security.open-metrics=true",
        "--order.rate-limit.requests-per-second=10",
        "--server.ssl.certificate=tls.crt",
        "--server.ssl.certificate-private-key=tls.key",
        "--management.server.port=0",
        "--management.server.ssl.enabled=false",
    ];
    let service = Service::start_in(&folder, &options, &[]);
    service.wait_until_ready();
    service
}

/// Names and kinds that the service exports.
fn exported(service: &Service) -> BTreeMap<String, String> {
    let scrape = format!("{}/actuator/prometheus", service.operators().unwrap());
    let text = client().get(scrape).send().unwrap().text().unwrap();
    let told = |what: &'static str| {
        text.lines().filter_map(move |line| line.strip_prefix(what)?.split_once(' '))
    };
    let explained: BTreeSet<_> = told("# HELP ").map(|(name, _)| name).collect();
    let kinds = told("# TYPE ").inspect(|(name, _)| assert!(explained.contains(name), "{name}"));
    kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

#[test]
fn the_documented_metrics_are_those_that_the_service_exports() {
    let issuer = Issuer::start(Answer::keys(&[&Signer::p256("one")]));
    let services = [with_all_peers(), guarded(&issuer)];
    let _ = services[0].placed(42);
    assert_eq!(graphql(&services[0], "{ __typename }"), json!({"data": {"__typename": "Query"}}));
    let refused = graphql(&services[0], &format!("{{ __typename }} #{}", "x".repeat(100)));
    assert_eq!(refused["errors"][0]["extensions"]["limit"], "max-document-size");
    let documented = documented();
    let all = || services.iter().flat_map(exported).collect::<BTreeMap<_, _>>();
    let all_there = || documented.keys().all(|name| all().contains_key(name));
    let _ = eventually(all_there);
    assert_eq!(all(), documented);
}

/// The labels of a series, by their names.
fn labels(series: &str) -> BTreeSet<String> {
    let inside = series.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inside.map_or("", |(inside, _)| inside).split("\",");
    pairs.filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())).collect()
}

#[test]
fn every_series_has_the_tags_of_the_settings_and_no_tag_hides_a_label() {
    let service = Service::start(&[
        "--spring.application.name=shop",
        "--management.metrics.tags.application=${spring.application.name}",
        "--management.metrics.tags.cloud-region=eu",
        "--order.graphql.enabled=true",
        "--order.graphql.max-document-size=100B",
    ]);
    service.wait_until_ready();
    let _ = service.placed(42);
    let _ = graphql(&service, "{ __typename }");
    let _ = graphql(&service, &format!("{{ __typename }} #{}", "x".repeat(100)));
    assert_eq!(service.get("/orders/x").status(), 400);
    let text = service.get("/actuator/prometheus").text().unwrap();
    let series = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut own = BTreeSet::new();
    for line in series {
        assert!(line.contains(r#"application="shop",cloud_region="eu""#), "{line}");
        own.extend(labels(line));
    }
    for tag in ["application", "cloud_region"] {
        assert!(own.remove(tag));
    }
    // Any label that a series has of its own is refused as a tag.
    let some = ["le", "limit", "operation", "uri"];
    assert!(some.iter().all(|label| own.contains(*label)), "{own:?}");
    for label in own {
        let refused = Service::start(&[&format!("--management.metrics.tags.{label}=x")]);
        assert!(eventually(|| refused.ended().is_some()), "{label} is taken");
        assert_eq!(refused.wait().code(), Some(2), "{label}: {}", refused.log());
    }
}

#[test]
fn the_use_of_processors_is_a_share() {
    let service = Service::start(&[]);
    service.wait_until_ready();
    let number = |name: &str| service.metric(name).unwrap();
    let has_worked = || {
        let _ = service.placed(42);
        number("process_cpu_usage") > 0.0 && number("system_cpu_usage") > 0.0
    };
    assert!(eventually(has_worked));
    for name in ["process_cpu_usage", "system_cpu_usage"] {
        assert!((0.0..=1.0).contains(&number(name)), "{name}");
    }
    assert!(number("system_cpu_count") >= 1.0 && number("system_load_average_1m") >= 0.0);
}

#[test]
fn log_and_metrics_name_the_instance_alike() {
    let mut seen = BTreeSet::new();
    for options in [
        &["--eureka.instance.instance-id=one"][..],
        &["--eureka.instance.hostname=box", "--spring.application.name=shop"],
        &["--logging.structured.format.console=ecs"],
    ] {
        let service = Service::start(options);
        service.wait_until_ready();
        let log = service.log();
        let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        let instance = line.get("instance").or(line.get("service.node.name")).unwrap();
        let instance = instance.as_str().unwrap();
        let info = format!(r#"order_instance_info{{instance_id="{instance}"}}"#);
        assert_eq!(service.metric(&info), Some(1.0), "{info}");
        seen.insert(instance.split(':').next().unwrap().to_owned());
    }
    assert!(seen.contains("one") && seen.contains("box"), "{seen:?}");
}

#[test]
fn transitions_of_orders_and_repeated_requests_are_counted() {
    let service = Service::start(&[]);
    service.wait_until_ready();
    let body = support::an_order(42);
    for _ in 0..3 {
        let request = client().post(service.url("/orders")).json(&body);
        assert_eq!(request.header("idempotency-key", "k").send().unwrap().status(), 201);
    }
    let created = r#"http_server_requests_seconds_max{method="POST",uri="/orders",status="201""#;
    let scraped = service.get("/actuator/prometheus").text().unwrap();
    let longest = scraped.lines().find(|line| line.starts_with(created)).unwrap();
    assert!(longest.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() > 0.0, "{longest}");
    assert!(service.metric(r#"logback_events_total{level="info"}"#) > Some(3.0));
    let order = service.placed(42);
    for status in ["CONFIRMED", "CONFIRMED", "CANCELLED"] {
        service.move_to(&order, status);
    }
    for (labels, count) in [
        (r#"from="NONE",event="order.created""#, 2.0),
        (r#"from="PENDING",event="order.confirmed""#, 1.0),
        (r#"from="CONFIRMED",event="order.cancelled""#, 1.0),
        (r#"from="PENDING",event="order.cancelled""#, 0.0),
    ] {
        let name = format!("order_transitions_total{{{labels}}}");
        assert_eq!(service.metric(&name), Some(count), "{name}");
    }
    assert_eq!(service.metric("order_idempotent_replays_total"), Some(2.0));
    let number = |name: &str| service.metric(name).unwrap();
    assert!(number(r#"hikaricp_connections{pool="readers"}"#) >= 1.0);
    assert!(number(r#"hikaricp_connections_max{pool="writer"}"#) >= 1.0);
    assert!(number("process_resident_memory_bytes") > 1e6);
    assert!(number("process_files_open_files") < number("process_files_max_files"));
}

#[test]
fn graphql_operations_are_counted_by_kind_and_outcome() {
    let service = Service::start(&["--order.graphql.enabled=true"]);
    service.wait_until_ready();
    for document in ["{ __typename }", "{ order(id: \"x\") { id } }", "{ unknown }"] {
        let _ = graphql(&service, document);
    }
    let cancel = "mutation { changeOrderStatus(input: {id: 1, status: CANCELLED}) { replayed } }";
    let _ = graphql(&service, cancel);
    let listen = json!({"query": "subscription { orderEvents(after: \"x\") { cursor } }"});
    let stream = client().post(service.url("/graphql")).header("accept", "text/event-stream");
    let ended = stream.json(&listen).send().unwrap().text().unwrap();
    assert!(ended.contains("invalid_parameter"), "{ended}");
    for (operation, outcome, count) in [
        ("query", "success", 1.0),
        ("query", "errors", 1.0),
        ("query", "refused", 1.0),
        ("mutation", "success", 1.0),
        ("subscription", "success", 0.0),
        ("subscription", "errors", 1.0),
    ] {
        let labels = format!(r#"operation="{operation}",outcome="{outcome}""#);
        let series = format!("order_graphql_requests_total{{{labels}}}");
        assert!(eventually(|| service.metric(&series) == Some(count)), "{series}");
    }
    let timed =
        |kind| service.metric(&format!("order_graphql_seconds_count{{operation=\"{kind}\"}}"));
    assert_eq!(
        (timed("query"), timed("mutation"), timed("subscription")),
        (Some(3.0), Some(1.0), None)
    );
    assert_eq!(service.metric("order_graphql_cost_count"), Some(5.0));
}

#[test]
fn each_change_is_counted_once_in_the_sizes_of_batches() {
    for (together, name) in [("true", "several at a time"), ("false", "one at a time")] {
        let batches = format!("--order.group-commit={together}");
        let unhurried =
            ["--order.request-budget=10s", "--spring.datasource.hikari.connection-timeout=10s"];
        let service = Service::start(&[&batches, unhurried[0], unhurried[1]]);
        service.wait_until_ready();
        let many = || (0..6).for_each(|_| drop(service.placed(42)));
        std::thread::scope(|scope| (0..16).for_each(|_| drop(scope.spawn(many))));
        // A refused request changes nothing and is in no batch.
        assert_eq!(service.post("/orders", &serde_json::json!({})).status(), 400);
        let value = |name: &str| service.metric(name).unwrap();
        let changes = value("order_commit_batch_size_sum");
        let batches = value("order_commit_batch_size_count");
        let lone = value(r#"order_commit_batch_size_bucket{le="1"}"#);
        assert_eq!(Some(changes), Some(96.0), "{name}");
        assert_eq!(batches < changes, together == "true", "{name}: {batches}");
        assert_eq!(lone < batches, together == "true", "{name}: {lone} of {batches}");
    }
}

/// The names of metrics in an expression of `PromQL`.
fn named_in(expression: &str) -> BTreeSet<String> {
    const WORDS: &[&str] = &["by", "without", "on", "ignoring", "or", "and", "unless", "bool"];
    let mut names = BTreeSet::new();
    let (mut rest, mut after_grouping) = (expression, false);
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '$');
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end > 0 {
            let (word, after) = rest.split_at(end);
            let next = after.trim_start();
            let is_call = ["(", "by ", "without "].iter().any(|call| next.starts_with(call));
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            after_grouping = matches!(word, "by" | "without" | "on" | "ignoring");
            if !is_call && !is_number && !WORDS.contains(&word) {
                names.insert(word.to_owned());
            }
            rest = after;
            continue;
        }
        // Labels, ranges and lists of labels contain no names of metrics.
        let close = match first {
            '{' => Some('}'),
            '[' => Some(']'),
            '(' if after_grouping => Some(')'),
            _ => None,
        };
        after_grouping &= first.is_whitespace();
        let skipped = close.and_then(|close| rest.find(close)).unwrap_or(0);
        let mut after = rest[skipped..].chars();
        after.next();
        rest = after.as_str();
    }
    names
}

#[test]
fn names_are_found_in_expressions() {
    let expression = r#"histogram_quantile(0.99, sum by (le) (rate(a_bucket{uri=~"/o.*"}[5m]))) > 1e3
        or b / on (x) c:d unless absent(up{job="e"}) == 0"#;
    let expected = ["a_bucket", "b", "c:d", "up"].map(str::to_owned);
    assert_eq!(named_in(expression), BTreeSet::from(expected));
}

/// The names in an expression that are not exported.
fn unknown(expression: &str, known: &BTreeMap<String, String>) -> Vec<String> {
    let is_known = |name: &String| {
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        let kind = known.get(base).map(String::as_str);
        // Prometheus itself sets `up`.
        name == "up" || if base == name { kind.is_some() } else { kind == Some("histogram") }
    };
    named_in(expression).into_iter().filter(|name| !is_known(name)).collect()
}

fn yaml(path: &str) -> Yaml {
    YamlLoader::load_from_str(&file(path)).unwrap().remove(0)
}

/// Whether each series is one of ours: other services have metrics of the same names.
fn is_of_our_job(expression: &str) -> bool {
    named_in(expression).iter().all(|name| {
        let mut after = expression.split(name.as_str()).skip(1);
        after.all(|rest| rest.starts_with(r#"{job="order-service""#))
    })
}

#[test]
fn alerts_name_exported_metrics() {
    let known = documented();
    let alerts = yaml("deploy/observability/alerts.yaml");
    let rules = alerts["groups"][0]["rules"].as_vec().unwrap();
    assert!(rules.len() >= 10);
    let runbooks = file("docs/runbooks.md");
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let told = runbooks.contains(&format!("\n## {name}\n"));
        let url = rule["annotations"]["runbook_url"].as_str();
        assert!(
            told && url == Some(&*format!("docs/runbooks.md#{}", name.to_lowercase())),
            "{name}"
        );
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(unknown(expression, &known), Vec::<String>::new(), "{name}");
        assert!(!named_in(expression).is_empty(), "{name}");
        assert!(is_of_our_job(expression), "{name}");
        assert!(rule["for"].as_str().is_some(), "{name}");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["info", "warning", "critical"].contains(&severity), "{name}");
        assert!(rule["annotations"]["summary"].as_str().is_some(), "{name}");
    }
}

#[test]
fn the_dashboard_names_exported_metrics() {
    let known = documented();
    let dashboard: Value =
        serde_json::from_str(&file("deploy/observability/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(unknown(expression, &known), Vec::<String>::new(), "{expression}");
            assert!(!named_in(expression).is_empty(), "{expression}");
            assert!(is_of_our_job(expression), "{expression}");
        }
    }
    assert!(panels.len() >= 10);
}

#[test]
fn the_collector_s_pipelines_consist_of_defined_parts() {
    let collector = yaml("deploy/observability/collector.yaml");
    let pipelines = collector["service"]["pipelines"].as_hash().unwrap();
    assert_eq!(pipelines.len(), 3);
    for (name, pipeline) in pipelines {
        for kind in ["receivers", "processors", "exporters"] {
            for part in pipeline[kind].as_vec().unwrap() {
                assert!(
                    !collector[kind][part.as_str().unwrap()].is_badvalue(),
                    "{name:?}: {part:?}"
                );
            }
        }
    }
    let scraped = &collector["receivers"]["prometheus"]["config"]["scrape_configs"][0];
    assert_eq!(scraped["metrics_path"].as_str(), Some("/actuator/prometheus"));
    // Each field that it reads from a line is in a line.
    let text = file("deploy/observability/collector.yaml");
    let service = Service::start(&[]);
    service.wait_until_ready();
    assert_eq!(service.get("/orders/1").status(), 404);
    let has_access = || service.log().contains(r#""target":"access""#);
    assert!(eventually(has_access));
    let log = service.log();
    let line = log.lines().find(|line| line.contains(r#""target":"access""#)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let taken = text
        .split("attributes.")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap());
    for name in taken.filter(|name| !["spanId", "message"].contains(name)) {
        assert!(line.get(name).is_some(), "{name} in {line}");
    }
}
