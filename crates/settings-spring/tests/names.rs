//! How names find their keys, in every source; the table of keys; and what differs between two readings.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken expectation ends a test")]

mod shop;

use settings_spring::{Catalogue, Origin, by_key, changes, keys, values};

use crate::shop::{Case, PLANTED, effective};

keys! {
    DEFECTIVE;
    PORT: u16 = "server.port", "many", Plain, "a port", "The port.", values::port;
    TWIN: u16 = "serverPort", "80", Plain, "", "The port.", values::port;
    TOKEN: String = "shop.token", "x", Plain, "a text", "A token", values::text;
}

#[test]
fn the_defects_of_a_table_are_named() {
    assert_eq!(
        Catalogue::new(&[DEFECTIVE]).defects(),
        [
            "server.port: its default is not allowed",
            "serverPort: another key has the same environment variable",
            "serverPort: it is not described",
            "shop.token: it is not described",
            "shop.token: it sounds secret and can be shown",
        ]
    );
    assert_eq!(shop::SERVICE.catalogue.defects(), [""; 0]);
}

#[test]
fn relaxed_variables_find_their_keys() {
    for (variable, value, key) in [
        ("SERVER_PORT", "1", "server.port"),
        ("server.port", "1", "server.port"),
        ("SPRING_DATASOURCE_URL", "x", "spring.datasource.url"),
        ("SHOP_MAXINFLIGHT", "1", "shop.max-in-flight"),
        ("SHOP_MAX_IN_FLIGHT", "1", "shop.max-in-flight"),
        ("SHOP_CURRENCIES_0_", "USD", "shop.currencies"),
        ("SHOP_CURRENCIES_12", "USD", "shop.currencies"),
        ("LOGGING_LEVEL_ROOT", "info", "logging.level.root"),
        ("LOGGING_LEVEL_SHOP_APP__ORDERS", "info", "logging.level.shop_app::orders"),
        ("SHOP_LABELS_SASL_MECHANISM", "x", "shop.labels.sasl.mechanism"),
        ("SHOP_HEADERS_X_API_KEY", "x", "shop.headers.x-api-key"),
    ] {
        let loaded = Case::new().env(variable, value).loaded();
        let origin = &effective(&loaded, key).origin;
        assert_eq!(*origin, Origin::Environment(variable.to_owned()), "{variable}");
    }
}

#[test]
fn other_variables_are_not_settings() {
    for (name, value) in [
        ("HOME", "/root"),
        ("SPRING_JPA_OPEN_IN_VIEW", "true"),
        // Kubernetes makes these for its services.
        ("SHOP_SERVICE_PORT", "tcp://10.0.0.1:80"),
        ("SERVER_PORT", "tcp://10.0.0.1:80"),
        ("SHOP_SERVICE_SERVICE_HOST", "10.0.0.1"),
        ("SHOP_SERVICE_SERVICE_PORT", "80"),
        ("SHOP_SERVICE_SERVICE_PORT_HTTP", "80"),
        ("SHOP_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("SHOP_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("SHOP_PORT_80_TCP_PROTO", "tcp"),
    ] {
        let loaded = Case::new().env(name, value).loaded();
        assert!(loaded.effective.iter().all(|e| e.origin == Origin::Default), "{name}");
    }
}

#[test]
fn an_alias_gives_way_to_springs_form() {
    let case = Case::new().env("DATABASE_URL", "courtesy");
    assert_eq!(case.url(), "courtesy");
    assert_eq!(case.env("SPRING_DATASOURCE_URL", "spring").url(), "spring");
}

#[test]
fn spellings_and_lists_meet_before_they_are_merged() {
    let loaded = Case::new()
        .file(
            "application.yml",
            "shop.maxInFlight: 3\nshop.currencies: [EUR, JPY]\nshop.defaultCurrency: EUR\n\
             shop:\n  Labels:\n    Zone_A: x\n    a.b-c: y\n    \"[d.e]\": z\n",
        )
        .env("SHOP_MAXINFLIGHT", "4")
        .option("Shop.Currencies[10]", "KWD")
        .option("shop.currencies[9]", "CHF")
        .option("SHOP.default_currency", "KWD")
        .loaded();
    assert_eq!(loaded.settings.max_in_flight, 4);
    assert_eq!(loaded.settings.currencies, ["CHF", "KWD"], "a list is replaced as a whole");
    assert_eq!(effective(&loaded, "shop.currencies").value, "CHF,KWD");
    let labels: Vec<_> = loaded.settings.labels.keys().map(String::as_str).collect();
    assert_eq!(labels, ["Zone_A", "a.b-c", "d.e"], "the keys of maps stay as they are");
}

#[test]
fn a_typing_error_finds_the_key_that_was_meant() {
    let said = |name: &str| Case::new().option(name, "1").wrong();
    assert!(said("shop.topik").ends_with("there is no such setting; did you mean shop.topic?"));
    let all = said("shop.something-else-altogether");
    assert!(all.contains("there is no such setting; there are shop.currencies, shop.def"), "{all}");
}

#[test]
fn unknown_keys_of_other_programs_are_ignored_and_those_of_spring_are_named() {
    let loaded = Case::new()
        .local("foo.bar=${nowhere}\nspring.lost=1\nspring.host=h\nspring.datasource.url=${spring.host}\n")
        .env("SERVER_SOFTWARE", "nginx")
        .env("SPRING_X_Y", "1")
        .env("server_port_note", "lower case is not Spring's form")
        .option("sever.port", "1")
        .loaded();
    assert_eq!(
        loaded.warnings,
        ["unknown settings are ignored: server.software (environment variable SERVER_SOFTWARE), \
          --sever.port; did you mean server.port?, spring.lost (application.properties:2), spring.x.y \
          (environment variable SPRING_X_Y)"]
    );
}

#[test]
fn keys_without_effect_are_named_with_the_reason() {
    let loaded = Case::new()
        .local("spring.jpa.open-in-view=true\nspring.jpa.show-sql=\n")
        .env("SPRING_JPA_GENERATE_DDL", "false")
        .option("spring.main.banner-mode", "console")
        .loaded();
    assert_eq!(
        loaded.warnings,
        ["settings without effect: spring.jpa.generate.ddl (environment variable \
          SPRING_JPA_GENERATE_DDL), spring.jpa.open-in-view (application.properties:1): the shop has no \
          JPA; --spring.main.banner-mode: there is no banner"]
    );
    let loaded = Case::new().option("spring.main.banner-mode", "${BANNER:OFF}").loaded();
    assert_eq!(loaded.warnings, [""; 0], "that is what holds anyway");
}

#[test]
fn keys_that_must_not_be_ignored_stop_the_start() {
    let wrong = Case::new().env("SERVER_SSL_KEYSTORE", PLANTED).wrong();
    assert_eq!(
        wrong,
        "the settings are wrong: server.ssl.keystore (environment variable SERVER_SSL_KEYSTORE): end \
         TLS in front of the shop"
    );
    let wrong = Case::new().option("server.ssl.key-store", "${NOWHERE}").wrong();
    assert!(wrong.contains("server.ssl.key-store (command line)"), "{wrong}");
    let off = Case::new().env("SERVER_SSL_KEYSTORE", "k");
    assert_eq!(off.local("server.ssl.enabled=${TLS:false}\n").loaded().warnings, [""; 0]);
}

#[test]
fn every_difference_between_two_readings_is_told() {
    let read = |case: Case| by_key(case.option("shop.topic", "x${random.uuid}").loaded().effective);
    let old = read(Case::new().option("server.port", "1").option("shop.headers.a", "y"));
    let mut case = Case::new().option("server.port", "2").option("logging.level.shop", "debug");
    case.inputs.random = || 8;
    let new = read(case);
    let told = changes(&old, &new);
    let told: Vec<_> = told.iter().map(|c| format!("{c} ({})", c.documented)).collect();
    assert_eq!(
        told,
        [
            r#"logging.level.shop: - -> "debug" (logging.level.*)"#,
            r#"server.port: "1" -> "2" (server.port)"#,
            r#"shop.headers.a: "******" -> - (shop.headers.*)"#,
        ],
        "another random number is no difference"
    );
    assert_eq!(changes(&new, &new), []);
}
