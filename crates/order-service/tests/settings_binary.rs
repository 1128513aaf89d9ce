//! The program itself: what it prints and how it exits, before and without serving. The meaning of
//! settings is tested in `src/settings/tests.rs`.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test; that is its job")]

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const PLANTED: &str = "pl4nted";

/// Runs the program in an empty folder, with no environment but the given one.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = TempDir::new().unwrap();
    Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn wrong_settings_end_it_with_code_2_and_one_message() {
    let output = run(
        &["--server.port=many", "--order.evnts.topic", "x"],
        &[("ORDER_MAX_IN_FLIGHT", "none"), ("SPRING_DATASOURCE_URL", "jdbc:h2:mem:x")],
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(out(&output), "");
    let message = err(&output);
    assert!(message.starts_with("order-service: the settings are wrong in 4 places:\n"));
    for part in [
        "server.port = \"many\" (command line)",
        "order.max-in-flight = \"none\" (environment variable ORDER_MAX_IN_FLIGHT)",
        "h2 is not a database we know; must be sqlite:PATH",
        "did you mean order.events.topic?",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
}

#[test]
fn properties_of_kafka_are_checked_with_everything_else_and_not_shown() {
    let wrong = [
        "config",
        "--spring.kafka.bootstrap-servers=localhost:9092",
        "--spring.kafka.properties.acks=1",
        "--spring.kafka.properties.sasl.pasword=hunter2",
        "--order.events.topic=no topic",
    ];
    let output = run(&wrong, &[("SERVER_PORT", "many")]);
    assert_eq!(output.status.code(), Some(2));
    let message = err(&output);
    assert!(
        message.starts_with("order-service: the settings are wrong in 4 places:\n"),
        "{message}"
    );
    for part in [
        "server.port = \"many\"",
        "spring.kafka.properties.acks (command line): is always all",
        "spring.kafka.properties.sasl.pasword (command line): the Kafka client (librdkafka) has no",
        "order.events.topic = \"no topic\" (command line)",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains("hunter2"), "{message}");
    // Without servers, no properties are checked.
    let output = run(&["config", "--spring.kafka.properties.acks=1"], &[]);
    assert!(output.status.success(), "{}", err(&output));
}

#[test]
fn what_would_lead_elsewhere_ends_it_with_code_2_and_what_is_harmless_is_named() {
    let environment = [
        ("SERVER_SSL_KEYSTORE", "k"),
        ("SPRING_DATASOURCE_PASSWORD", PLANTED),
        ("SERVER_SOFTWARE", "nginx"),
    ];
    let output = run(&["--spring.datasource.hikari.schema=shop"], &environment);
    assert_eq!(output.status.code(), Some(2));
    let message = err(&output);
    for part in [
        "server.ssl.keystore (environment variable SERVER_SSL_KEYSTORE): key stores of Java and encrypted",
        "SPRING_DATASOURCE_PASSWORD): is set, and spring.datasource.url is not: name the database",
        "spring.datasource.hikari.schema = \"shop\" (command line): SQLite has no schemas",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains(PLANTED) && !message.contains("SERVER_SOFTWARE"), "{message}");

    let output = run(&["config", "--spring.jpa.show-sql=true"], &environment[2..]);
    assert!(output.status.success());
    let message = err(&output);
    for part in ["--spring.jpa.show-sql: there is no Hibernate here", "SERVER_SOFTWARE"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
}

#[test]
fn wrong_arguments_end_it_with_code_2() {
    for arguments in [&["--sever-port=1"][..], &["nothing"], &["--server.port"]] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_ne!(err(&output), "");
    }
}

#[test]
fn help_and_version_are_printed() {
    let output = run(&["--help"], &[]);
    assert!(output.status.success());
    for part in [
        "serve",
        "migrate",
        "openapi",
        "graphql-schema",
        "--config <FILE>",
        "--key=value",
        "SERVER_PORT=9000",
    ] {
        assert!(out(&output).contains(part), "{part}");
    }
    let version = out(&run(&["--version"], &[]));
    assert_eq!(version, format!("order-service {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_openapi_document_is_printed_and_nothing_else() {
    let output = run(&["openapi"], &[]);
    assert!(output.status.success());
    let document: Value = serde_json::from_str(&out(&output)).unwrap();
    assert!(document.get("openapi").unwrap().as_str().unwrap().starts_with("3.1"));
}

#[test]
fn the_graphql_schema_is_printed_as_it_is_and_nothing_else() {
    for (arguments, federation) in
        [(&["graphql-schema"][..], false), (&["graphql-schema", "--federation"], true)]
    {
        let output = run(arguments, &[]);
        assert!(output.status.success());
        assert_eq!(out(&output), http_actix::graphql_schema(federation));
    }
}

/// The reader is gone before the program writes, as behind `| head`.
#[test]
fn a_reader_that_stops_early_is_no_failure() {
    for document in ["openapi", "asyncapi", "graphql-schema"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_order-service"))
            .arg(document)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(program.stdout.take());
        let output = program.wait_with_output().unwrap();
        assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""), "{document}");
    }
}

#[test]
fn the_settings_are_printed_without_secrets() {
    let url = format!("jdbc:mysql://orders:{PLANTED}@db/o");
    let environment = [
        ("SPRING_DATASOURCE_URL", url.as_str()),
        ("SPRING_DATASOURCE_PASSWORD", PLANTED),
        ("SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG", PLANTED),
    ];
    let table = run(&["config", "--server.port=9000"], &environment);
    assert!(table.status.success());
    assert!(out(&table).contains("jdbc:mysql://******@db/o"));
    let port = out(&table);
    let port = port.lines().find(|line| line.starts_with("server.port ")).unwrap();
    let cells: Vec<_> = port.split_whitespace().collect();
    assert_eq!(cells, ["server.port", "9000", "command", "line"]);
    let json = run(&["config", "--json"], &environment);
    let parsed: Value = serde_json::from_str(&out(&json)).unwrap();
    let password = parsed.get("spring.datasource.password").unwrap();
    assert_eq!(password.get("value").unwrap(), "******");
    for output in [table, json] {
        assert!(!out(&output).contains(PLANTED) && !err(&output).contains(PLANTED));
    }
}

#[test]
fn values_that_a_platform_mounts_and_what_it_says_of_the_machine_are_read() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("spring.datasource.password"), format!("{PLANTED}\n"))
        .unwrap();
    std::fs::write(folder.path().join("order.currencies"), "EUR,USD\n").unwrap();
    let tree = format!("configtree:{}/", folder.path().display());
    let environment = [
        ("SPRING_CONFIG_IMPORT", tree.as_str()),
        ("SPRING_APPLICATION_JSON", r#"{"server": {"port": 9001}}"#),
        (
            "EUREKA_INSTANCE_INSTANCEID",
            "${spring.cloud.client.hostname}/${spring.cloud.client.ip-address}",
        ),
        // Of other services in a shared environment; blank ones are unset.
        ("ORDER_SERVICE_URL", PLANTED),
        ("ORDER_MAX_IN_FLIGHT", ""),
    ];
    let output = run(&["config", "--json", "--spring.datasource.url=mysql://h/o"], &environment);
    assert!(output.status.success(), "{}", err(&output));
    let all: Value = serde_json::from_str(&out(&output)).unwrap();
    let value = |key: &str| all.get(key).unwrap().get("value").unwrap().as_str().unwrap();
    assert_eq!(value("spring.datasource.password"), "******");
    assert_eq!((value("order.currencies"), value("order.max-in-flight")), ("EUR,USD", "512"));
    assert_eq!(value("server.port"), "9001");
    let (name, address) = value("eureka.instance.instance-id").split_once('/').unwrap();
    assert!(!name.is_empty() && address.parse::<std::net::Ipv4Addr>().is_ok(), "{name} {address}");
    let warned = err(&output);
    assert!(warned.contains("ignored: environment variable ORDER_SERVICE_URL"), "{warned}");
    assert!(!warned.contains(PLANTED) && !out(&output).contains(PLANTED), "{warned}");
}

#[test]
fn the_changed_settings_alone_are_printed_with_their_sources() {
    let url = format!("jdbc:mysql://orders:{PLANTED}@db/o");
    let environment = [("SPRING_DATASOURCE_URL", url.as_str())];
    let options = ["config", "--changed", "--order.max-in-flight=9", "--server.port=8082"];
    let table = run(&options, &environment);
    assert!(table.status.success());
    let printed = out(&table);
    let lines: Vec<Vec<&str>> =
        printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        vec!["key", "value", "source"],
        vec!["order.max-in-flight", "9", "command", "line"],
        vec!["spring.datasource.url", "jdbc:mysql://******@db/o"],
    ];
    let names = ["environment", "variable", "SPRING_DATASOURCE_URL"];
    for (line, expected) in lines.iter().zip(&expected) {
        let cells: Vec<_> = line.iter().copied().filter(|cell| !names.contains(cell)).collect();
        assert_eq!(&cells, expected);
    }
    assert_eq!(lines.len(), expected.len(), "{printed}");
    let json = run(&["config", "--changed", "--json", "--server.port=9000"], &[]);
    let parsed: Value = serde_json::from_str(&out(&json)).unwrap();
    let keys: Vec<_> = parsed.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["server.port"]);
}

#[test]
fn a_port_that_is_taken_ends_it_with_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = run(&[&format!("--server.port={port}")], &[]);
    assert_eq!(output.status.code(), Some(1));
    let message = err(&output);
    let expected = format!("order-service: cannot listen on 127.0.0.1:{port} (server.address");
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn migrating_creates_the_database_and_a_second_time_does_nothing() {
    let folder = TempDir::new().unwrap();
    let url = format!("--spring.datasource.url=sqlite:{}/o.db", folder.path().display());
    let first = run(&["migrate", &url], &[]);
    assert!(first.status.success(), "{}", err(&first));
    assert!(out(&first).contains(r#""message":"the database is up to date""#), "{}", out(&first));
    assert!(folder.path().join("o.db").exists());
    let second = run(&["migrate", &url], &[]);
    assert!(out(&second).contains(r#""migrations":"""#), "{}", out(&second));
}
