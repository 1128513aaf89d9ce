//! The service with real Spring Cloud Config servers: the settings that they give, servers that are down
//! or die, and what a refresh changes. Servers that misbehave are in the tests of `settings-spring`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod server;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Output};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{App, OwnServer};
use crate::support::{Service, client, eventually, free_port, fresh_folder};

const PLANTED: &str = "pl4nted";

/// A service that operators can reach.
struct Shop {
    service: Service,
    operators: String,
}

impl Shop {
    fn start(folder: &Path, options: &[String]) -> Self {
        let port = free_port();
        let mut all = options.to_vec();
        all.push(format!("--management.server.port={port}"));
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        let service = Service::start_in(folder, &all, &[]);
        service.wait_until_ready();
        Self { service, operators: format!("http://127.0.0.1:{port}/actuator") }
    }

    fn refresh(&self) -> (StatusCode, Value, String) {
        let answer = client().post(format!("{}/refresh", self.operators)).send().unwrap();
        let waiting =
            answer.headers().get("x-needs-restart").map(|v| v.to_str().unwrap().to_owned());
        (answer.status(), answer.json().unwrap(), waiting.unwrap_or_default())
    }

    /// What health says of the settings.
    fn settings(&self) -> Value {
        let health = client().get(format!("{}/health", self.operators)).send().unwrap();
        assert_eq!(health.status(), StatusCode::OK, "settings take no instance out of service");
        health.json::<Value>().unwrap()["components"]["clientConfigServer"].clone()
    }

    /// The status with which an order in a currency is answered.
    fn order_in(&self, currency: &str) -> u16 {
        let mut order = support::an_order(42);
        order["currency"] = json!(currency);
        self.service.post("/orders", &order).status().as_u16()
    }

    /// The currency of an order that names none.
    fn default_currency(&self) -> String {
        let mut order = support::an_order(42);
        order.as_object_mut().unwrap().remove("currency");
        let placed: Value = self.service.post("/orders", &order).json().unwrap();
        placed["currency"].as_str().unwrap().to_owned()
    }

    fn metric(&self, line: &str) -> bool {
        let metrics = client().get(format!("{}/prometheus", self.operators)).send().unwrap();
        metrics.text().unwrap().lines().any(|one| one == line)
    }
}

/// Runs the program in a folder to its end.
fn run(folder: &Path, words: &[&str], options: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(words)
        .args(options)
        .env_remove("DATABASE_URL")
        .current_dir(folder)
        .output()
        .unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn profiles_and_labels_rank_as_the_server_ranks_them() {
    let app = App::shared();
    app.file(
        ".yml",
        "order:\n  max-in-flight: 1\n  request-budget: 1s\n  currencies: [USD, EUR]\n  \
        shutdown.delay: 1s\n  body-deadline: 1s\n  housekeeping.interval: 1m\n---\n\
        spring.config.activate.on-profile: eu\norder.housekeeping.interval: 2m\n",
    );
    app.file(
        "-prod.properties",
        "order.max-in-flight=2\norder.request-budget=2s\norder.body-deadline=2s\n",
    );
    app.file("-eu.yml", "order.max-in-flight: 3\norder.shutdown.delay: 3s\n");
    let label = format!("{}/x", app.name);
    app.labelled(&label, ".yml", "order.request-budget: 4s\norder.events.topic: labelled\n");
    app.labelled(&label, "-eu.properties", "order.body-deadline=5s\n");
    let folder = fresh_folder();
    for (profiles, label) in
        [("", ""), ("prod", ""), ("prod,eu", ""), ("eu,prod", ""), ("prod,eu", &*label)]
    {
        let mut options = app.options(&format!("configserver:{}", app.server));
        options.push(format!("--spring.profiles.active={profiles}"));
        options.push(format!("--spring.cloud.config.label={label}"));
        let output = run(&folder, &["config", "--json"], &options);
        assert!(output.status.success(), "{}", err(&output));
        let ours: Value = serde_json::from_slice(&output.stdout).unwrap();
        let asked = if profiles.is_empty() { "default" } else { profiles };
        let theirs = app.given(&format!("{asked}/{}", label.replace('/', "(_)")));
        let keys = theirs.keys().filter(|key| key.starts_with("order.") && !key.contains('['));
        let mut compared = 0;
        for key in keys {
            let said = theirs[key][0].to_string();
            assert_eq!(
                ours[key]["value"].as_str().unwrap(),
                said.trim_matches('"'),
                "{key} {asked} {label}"
            );
            let (source, name) =
                (ours[key]["source"].as_str().unwrap(), theirs[key][1].as_str().unwrap());
            assert!(source.starts_with(&format!("config server: {name}:")), "{source} {name}");
            compared += 1;
        }
        assert!(compared >= 5, "{theirs:?}");
        assert_eq!(ours["order.currencies"]["value"], "USD,EUR");
        assert_eq!(ours["order.events.topic"]["value"] == "labelled", !label.is_empty());
    }
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn local_settings_above_and_below_it_keep_their_rank() {
    let app = App::shared();
    app.file(".yml", "server.port: 1\norder.max-in-flight: 1\norder.request-budget: 1s\n");
    let folder = fresh_folder();
    let local = "order.max-in-flight=9\norder.body-deadline=9s\n";
    std::fs::write(folder.join("application.properties"), local).unwrap();
    let mut options = app.options(&format!("configserver:{}", app.server));
    options.push("--order.request-budget=9s".to_owned());
    let output = run(&folder, &["config", "--json"], &options);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let values = ["order.max-in-flight", "order.body-deadline", "order.request-budget"];
    assert_eq!(values.map(|key| all[key]["value"].as_str().unwrap()), ["1", "9s", "9s"]);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn groups_and_parameters_reach_the_server_and_its_nulls_leave_the_defaults() {
    let app = App::shared();
    app.file(".yml", "order:\n  body-deadline:\n  request-budget: ~\nforeign: [{a: ~}, {b: []}]\n");
    app.file("-db.yml", "order.max-in-flight: 7\n");
    let folder = fresh_folder();
    let local = "spring.profiles:\n  active: prod\n  group.prod: db\n";
    std::fs::write(folder.join("application.yml"), local).unwrap();
    let import = format!("configserver:{}?fail-fast=true&max-attempts=2", app.server);
    let output = run(&folder, &["config", "--json"], &app.options(&import));
    assert!(output.status.success(), "{}", err(&output));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = ["order.max-in-flight", "order.body-deadline", "order.request-budget"];
    assert_eq!(keys.map(|key| all[key]["value"].as_str().unwrap()), ["7", "10s", "1200ms"]);
    assert_eq!(all["spring.profiles.active"]["value"], "prod,db");
    let output = run(&folder, &["config"], &app.options(&format!("{import}&retries=1")));
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("there is no parameter retries"), "{}", err(&output));
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_broken_value_stops_the_start_and_is_named_with_its_source() {
    let app = App::shared();
    app.file(
        ".yml",
        "order:\n  max-in-flight: many\nspring.datasource.password: '{cipher}pl4nted'\n",
    );
    let folder = fresh_folder();
    let output = run(&folder, &[], &app.options(&format!("optional:configserver:{}", app.server)));
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    for part in [
        "the settings are wrong in 2 places:",
        "order.max-in-flight = \"many\" (config server: ",
        &format!("{}.yml", app.name),
        ":2): must be a whole number",
        "spring.datasource.password (config server: ",
        "the config server could not decrypt it",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains(PLANTED), "{said}");
    assert!(!folder.join("config-cache").exists(), "what is wrong is not kept");
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_refresh_applies_what_it_can_and_a_broken_one_nothing() {
    let app = App::shared();
    app.file(
        ".yml",
        &format!("spring.datasource.password: {PLANTED}\nlogging.level.access: off\n"),
    );
    let shop = Shop::start(&fresh_folder(), &app.options(&format!("configserver:{}", app.server)));
    assert_eq!((shop.order_in("EUR"), shop.order_in("USD")), (422, 201));
    assert_eq!(shop.settings()["status"], "UP");
    assert!(!shop.service.log().contains(r#""target":"access""#));

    app.file(
        ".yml",
        &format!(
            "order.currencies: [EUR, JPY]\norder.default-currency: EUR\n\
         order.events.topic: other\nspring.datasource.password: {PLANTED}2\n"
        ),
    );
    let (status, changed, waiting) = shop.refresh();
    let keys = [
        "logging.level.access",
        "order.currencies",
        "order.default-currency",
        "order.events.topic",
        "spring.datasource.password",
    ];
    assert_eq!((status, changed), (StatusCode::OK, json!(keys)));
    assert_eq!(waiting, "order.events.topic, spring.datasource.password");
    assert_eq!((shop.order_in("EUR"), shop.order_in("USD")), (201, 422));
    let document: Value = shop.service.get("/openapi.json").json().unwrap();
    let currencies = &document["components"]["schemas"]["EnabledCurrency"]["enum"];
    assert!(currencies.as_array().unwrap().contains(&json!("JPY")), "{currencies}");
    assert!(eventually(|| shop.service.log().contains(r#""target":"access""#)));
    assert_eq!(shop.settings()["details"]["needsRestart"], json!([keys[3], keys[4]]));
    assert_eq!(shop.refresh().1, json!([]), "what waits is not news");

    app.file(".yml", "order.currencies: USD\norder.max-in-flight: many\norder.evnts: x\n");
    for _ in 0..2 {
        let (status, problem, _) = shop.refresh();
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("refresh_refused"))
        );
        assert_eq!(problem["problems"].as_array().unwrap().len(), 2, "{problem}");
    }
    assert_eq!((shop.order_in("EUR"), shop.order_in("USD")), (201, 422), "nothing has changed");
    let settings = shop.settings();
    assert_eq!(settings["status"], "DOWN");
    assert!(
        settings["details"]["notRefreshed"]
            .as_str()
            .unwrap()
            .contains("order.max-in-flight = \"many\"")
    );
    for line in [
        r#"order_config_refreshes_total{outcome="applied"} 1"#,
        r#"order_config_refreshes_total{outcome="refused"} 2"#,
        "order_config_changes_total 3",
        "order_config_restart_needed 2",
        "order_config_current 0",
    ] {
        assert!(shop.metric(line), "{line}");
    }
    let log = shop.service.log();
    assert_eq!(log.matches("the settings were not refreshed").count(), 1, "once\n{log}");
    assert!(log.contains(r#""key":"order.currencies","old":"USD","new":"EUR,JPY""#), "{log}");
    assert!(!log.contains(PLANTED), "{log}");
}

#[test]
fn a_server_that_dies_holds_up_a_refresh_only_where_it_is_needed() {
    let (app, own) = (App::shared(), OwnServer::start("ann:s3cret"));
    let theirs = app.also_on(&own);
    app.file(".yml", "order.currencies: USD,EUR\norder.default-currency: USD\n");
    theirs.file(".yml", "order.body-deadline: 2s\norder.default-currency: EUR\n");
    let (shared, dying) = (&app.server, &theirs.server);
    let with_password = dying.replace("http://", "http://ann:s3cret@");
    let with = |import: &str| Shop::start(&fresh_folder(), &app.options(import));
    let without = with(&format!("configserver:{shared},optional:configserver:{with_password}"));
    let needing = with(&format!("optional:configserver:{shared},configserver:{with_password}"));
    for shop in [&without, &needing] {
        assert_eq!((shop.settings()["status"].as_str(), shop.order_in("GBP")), (Some("UP"), 422));
        assert_eq!(shop.default_currency(), "EUR", "the later import wins");
    }
    own.kill();
    app.file(".yml", "order.currencies: USD,EUR,GBP\norder.default-currency: GBP\n");

    let (status, problem, _) = needing.refresh();
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    assert_eq!((needing.order_in("GBP"), needing.default_currency()), (422, "EUR".to_owned()));
    let details = needing.settings()["details"].clone();
    assert_eq!(
        (&details["imports"][0]["from"], &details["imports"][1]["from"]),
        (&json!("server"), &json!("server"))
    );
    assert!(details["notRefreshed"].as_str().unwrap().contains(&**dying), "{details}");
    assert!(needing.service.log().contains("the settings were not refreshed"));
    assert!(needing.metric(r#"order_config_refreshes_total{outcome="failed"} 1"#));

    let (status, changed, _) = without.refresh();
    assert_eq!((status, changed), (StatusCode::OK, json!(["order.currencies"])));
    assert_eq!((without.order_in("GBP"), without.default_currency()), (201, "EUR".to_owned()));
    let settings = without.settings();
    let imports = &settings["details"]["imports"];
    assert_eq!((&settings["status"], &imports[0]["from"]), (&json!("DOWN"), &json!("server")));
    assert_eq!(imports[1]["from"], "lastGoodCopy");
    assert!(imports[1]["because"].as_str().unwrap().contains(&**dying), "{settings}");
    assert!(without.metric(r#"order_config_refreshes_total{outcome="applied"} 1"#));
    assert!(without.metric("order_config_current 0"));
    let log = || without.service.log();
    assert!(log().contains("settings stay as they were last given, at 20"), "{}", log());

    // The server stays down, and the log says so once.
    assert_eq!(without.refresh().1, json!([]));
    assert_eq!(log().matches("settings stay as they were last given").count(), 1, "{}", log());
    own.start_again();
    assert_eq!(without.refresh().0, StatusCode::OK);
    assert_eq!(without.settings()["status"], "UP");
    assert!(log().contains("all config servers answer again"), "{}", log());
    assert_eq!(needing.refresh().1, json!(["order.currencies"]));
    assert!(!log().contains("s3cret"), "{}", log());
}

#[test]
fn settings_are_read_again_on_an_interval() {
    let app = App::shared();
    app.file(".yml", "order.currencies: USD\n");
    let mut options = app.options(&format!("configserver:{}", app.server));
    options.push("--order.config.refresh-interval=1s".to_owned());
    let shop = Shop::start(&fresh_folder(), &options);
    app.file(".yml", "order.currencies: USD,EUR\n");
    assert!(eventually(|| shop.order_in("EUR") == 201), "{}", shop.service.log());
}

#[test]
fn a_start_that_needs_a_server_says_what_it_waits_for_and_gives_up() {
    let down = format!("http://ann:{PLANTED}@127.0.0.1:{}", free_port());
    let folder = fresh_folder();
    let options = [
        format!("--spring.config.import=configserver:{down}"),
        "--spring.cloud.config.retry.initial-interval=10ms".to_owned(),
    ];
    let output = run(&folder, &[], &options);
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    assert_eq!(said.lines().count(), 6, "{said}");
    assert!(said.starts_with(
        "order-service: no settings from a config server (try 1 of 6), again in 10ms: "
    ));
    let last = said.lines().last().unwrap();
    assert!(
        last.contains("settings are missing: spring.config.import (command line): no settings of")
    );
    assert!(
        last.contains("after 6 tries: http://127.0.0.1:") && last.contains("Connection refused"),
        "{last}"
    );
    assert!(!said.contains(PLANTED), "{said}");
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_server_that_dies_leaves_the_settings_and_the_last_good_copy() {
    let own = OwnServer::start("ann:s3cret");
    let app = &own.app;
    app.file(
        ".yml",
        &format!("order.currencies: USD,EUR\nspring.datasource.password: {PLANTED}\n"),
    );
    let folder = fresh_folder();
    let import = format!("optional:configserver:{}", app.server);
    let with = |more: &[&str]| {
        let mut options = app.options(&import);
        options.extend(more.iter().map(|option| (*option).to_owned()));
        options
    };

    // A wrong password ends a start that needs the settings; otherwise a warning names it.
    let wrong = ["--spring.cloud.config.username=ann", "--spring.cloud.config.password=wr0ng"];
    let mut needed = with(&wrong);
    needed.push("--spring.cloud.config.fail-fast=true".to_owned());
    let output = run(&folder, &[], &needed);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("after 1 try: http://127.0.0.1:"), "{}", err(&output));
    assert!(err(&output).trim_end().ends_with("it does not accept the credentials (401)"));
    assert!(!err(&output).contains("wr0ng"));
    let shop = Shop::start(&fresh_folder(), &with(&wrong));
    assert_eq!(shop.settings()["details"]["imports"][0]["from"], "localOnly");
    assert!(shop.service.log().contains("only local settings apply"));
    drop(shop);

    let right = ["--spring.cloud.config.username=ann", "--spring.cloud.config.password=s3cret"];
    let shop = Shop::start(&folder, &with(&right));
    assert_eq!((shop.settings()["status"].as_str(), shop.order_in("EUR")), (Some("UP"), 201));
    own.kill();
    let (status, changed, _) = shop.refresh();
    assert_eq!((status, changed), (StatusCode::OK, json!([])));
    assert_eq!(shop.order_in("EUR"), 201, "what applied still does");
    let settings = shop.settings();
    assert_eq!(
        (&settings["status"], &settings["details"]["imports"][0]["from"]),
        (&json!("DOWN"), &json!("lastGoodCopy"))
    );
    shop.service.signal("KILL");
    let _ = shop.service.wait();

    // The copy outlives the server and the service.
    let elsewhere = fresh_folder();
    let cache = folder.join("config-cache");
    let copy = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    std::fs::create_dir(elsewhere.join("config-cache")).unwrap();
    std::fs::copy(&copy, elsewhere.join("config-cache").join(copy.file_name().unwrap())).unwrap();
    let shop = Shop::start(&elsewhere, &with(&right));
    assert_eq!(shop.order_in("EUR"), 201);
    let details = shop.settings()["details"].clone();
    assert_eq!(details["imports"][0]["from"], "lastGoodCopy");
    assert!(shop.service.log().contains("the last good copy, of 20"), "{}", shop.service.log());
    assert!(shop.metric("order_config_current 0"));
    for text in [shop.service.log(), details.to_string()] {
        assert!(!text.contains("s3cret") && !text.contains(PLANTED), "{text}");
    }
}

#[test]
fn servers_are_found_in_eureka() {
    let app = App::shared();
    app.file(".yml", "order.currencies: USD,EUR\n");
    // A registration such as the config server itself would make.
    let eureka = server::variable("STACK_EUREKA_URL");
    let service = format!("config-{}", app.name);
    let (host, port) = app.server.trim_start_matches("http://").split_once(':').unwrap();
    let instance = json!({"instance": {
        "instanceId": &app.name, "hostName": host, "app": service.to_uppercase(), "ipAddr": host,
        "vipAddress": service, "status": "UP",
        "port": {"$": port.parse::<u16>().unwrap(), "@enabled": "true"},
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn",
        },
        "metadata": {"configPath": "/"},
    }});
    let place = format!("{eureka}/apps/{}", service.to_uppercase());
    let registered = client().post(&place).json(&instance).send().unwrap();
    assert_eq!(registered.status(), StatusCode::NO_CONTENT);
    let mut options = app.options("configserver:");
    options.extend([
        "--spring.cloud.config.discovery.enabled=true".to_owned(),
        format!("--spring.cloud.config.discovery.service-id={service}"),
        format!("--eureka.client.service-url.defaultZone={eureka}"),
    ]);
    let folder = fresh_folder();
    let found = eventually(|| {
        // The registry shows a new instance after a while.
        let output = run(&folder, &["config"], &options);
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("USD,EUR")
    });
    assert!(found);
    let _ = client().delete(format!("{place}/{}", app.name)).send();
    options.push("--spring.cloud.config.discovery.service-id=nobody".to_owned());
    let output = run(&folder, &["config"], &options);
    let said = err(&output);
    assert!(
        said.contains("the config server nobody: Eureka knows no instance of it that is up"),
        "{said}"
    );
    let _ = std::fs::remove_dir_all(folder);
}
