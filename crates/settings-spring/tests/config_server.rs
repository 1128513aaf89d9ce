//! Settings from config servers: what is asked, what becomes of the answer, and what happens without
//! one. A stub answers instead of a real server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken expectation ends a test")]

mod shop;
mod stub;

use std::fs;
use std::sync::Mutex;

use chrono::DateTime;
use settings_spring::{ImportedFrom, Occasion};

use crate::shop::{Case, Loaded, PLANTED, effective};
use crate::stub::{Reply, Stub};

/// A case with this import, and short pauses between tries.
fn importing(import: &str) -> Case {
    let case = Case::new().option("spring.cloud.config.retry.initial-interval", "1ms");
    case.local(&format!("spring.config.import={import}\n"))
}

/// Loads, and writes the last good copies.
fn kept(case: &Case) -> Loaded {
    let loaded = case.loaded();
    assert_eq!(loaded.copies.write(), [""; 0]);
    loaded
}

fn refreshed(case: &Case, last: &Loaded) -> Loaded {
    let occasion = Occasion::Refresh { last: &last.copies };
    case.load(occasion).unwrap_or_else(|problems| panic!("{problems}"))
}

fn origin(loaded: &Loaded, key: &str) -> String {
    effective(loaded, key).origin.to_string()
}

fn stub(entries: &'static str) -> (Stub, Case) {
    let stub = Stub::that_answers(Reply::Settings(entries));
    let case = importing(&format!("configserver:{}", stub.url()));
    (stub, case)
}

fn optional(stub: &Stub) -> Case {
    importing(&format!("optional:configserver:{}", stub.url()))
}

#[test]
fn a_config_server_stands_between_the_files_and_the_environment() {
    let (_stub, case) = stub(r#""server.port": 2, "shop.currencies[0]": "EUR", "base": "x""#);
    let case = case.local("server.port=1\nshop.currencies=USD,JPY\nshop.default-currency=EUR\nshop.topic=${base}-orders\n",
    );
    let loaded = case.loaded();
    assert_eq!(loaded.settings.port, 2);
    assert_eq!(loaded.settings.topic, "x-orders", "placeholders see all layers");
    assert_eq!(origin(&loaded, "server.port"), "config server: stub.yml");
    assert_eq!(loaded.settings.currencies, ["EUR"]);
    let case = case.env("SERVER_PORT", "3");
    assert_eq!(case.loaded().settings.port, 3);
    assert_eq!(case.option("server.port", "4").loaded().settings.port, 4);
}

#[test]
fn it_is_asked_as_the_local_settings_say() {
    let (stub, case) = stub("");
    let case = case.local(
        "spring.application.name=shop\nspring.profiles.active=prod,eu\n\
         spring.cloud.config.label=feat/x\nspring.cloud.config.password=p4ss\n\
         spring.cloud.config.token=t0ken\nspring.cloud.config.headers.X-Tenant=blue\n",
    );
    case.loaded();
    case.option("spring.cloud.config.name", "a b")
        .option("spring.cloud.config.profile", "p")
        .loaded();
    let heard = stub.heard();
    assert_eq!(heard[0].path, "/shop/prod,eu/feat(_)x");
    assert_eq!(heard[1].path, "/a%20b/p/feat(_)x");
    let headers = heard[0].headers.to_lowercase();
    // user:p4ss
    assert!(heard[0].headers.contains("Basic dXNlcjpwNHNz"), "{headers}");
    assert!(headers.contains("x-config-token: t0ken") && headers.contains("x-tenant: blue"));
    assert!(headers.contains("accept: application/vnd.spring-cloud.config-server.v2+json"));
    assert!(headers.contains("user-agent: shop/1.0"));
}

#[test]
fn credentials_of_a_url_give_way_to_those_of_the_settings() {
    let stub = Stub::that_answers(Reply::Settings(""));
    let case = importing(&format!("configserver:http://ann:one@{}", stub.address));
    case.loaded();
    case.option("spring.cloud.config.password", "two").loaded();
    let heard: Vec<_> = stub.heard().into_iter().map(|h| h.headers).collect();
    // ann:one, ann:two
    assert!(heard[0].contains("Basic YW5uOm9uZQ==") && heard[1].contains("Basic YW5uOnR3bw=="));
}

#[test]
fn the_first_label_that_exists_counts() {
    let (stub, case) = stub("");
    stub.answers(Reply::Status(404));
    let case = case
        .option("spring.cloud.config.label", "a, b")
        .option("spring.cloud.config.retry.max-attempts", "1");
    case.missing(Occasion::Start);
    let paths: Vec<_> = stub.heard().into_iter().map(|h| h.path).collect();
    assert_eq!(paths, ["/shop/default/a", "/shop/default/b"]);
    stub.answers(Reply::Settings(""));
    case.loaded();
    assert_eq!(stub.heard().len(), 3);
}

#[test]
fn the_next_server_is_asked_when_one_fails() {
    let (bad, good) =
        (Stub::that_answers(Reply::Status(500)), Stub::that_answers(Reply::Settings("")));
    let case = importing("configserver:").local(&format!(
        "spring.cloud.config.uri={},{}\n",
        bad.url(),
        good.url()
    ));
    let loaded = case.loaded();
    let from = ImportedFrom::Server { server: good.url(), version: Some("c0ffee".to_owned()) };
    assert_eq!(loaded.imported[0].from, from);
    assert_eq!((bad.heard().len(), good.heard().len()), (1, 1));
}

#[test]
fn later_imports_win() {
    let (one, two) = (
        Stub::that_answers(Reply::Settings(r#""server.port": 1, "shop.max-in-flight": 7"#)),
        Stub::that_answers(Reply::Settings(r#""server.port": 2"#)),
    );
    let import = format!("configserver:{},configserver:{}", one.url(), two.url());
    let settings = importing(&import).loaded().settings;
    assert_eq!((settings.port, settings.max_in_flight), (2, 7));
}

#[test]
fn a_config_server_ranks_above_files_and_what_stands_behind_it_above_the_server() {
    let stub = Stub::that_answers(Reply::Settings(
        r#""server.port": 1, "shop.topic": "server", "shop.max-in-flight": 1"#,
    ));
    let import = format!("file:below.yml,configserver:{},file:above.yml", stub.url());
    let case = importing(&import)
        .file("application-default.yml", "shop.max-in-flight: 9\n")
        .file("below.yml", "shop.topic: below\nserver.port: 9\n")
        .file("above.yml", "shop.topic: above\n");
    let settings = case.loaded().settings;
    assert_eq!((settings.topic.as_str(), settings.port, settings.max_in_flight), ("above", 1, 1));
}

#[test]
fn a_start_that_needs_a_server_asks_six_times() {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let (stub, mut case) = stub("");
    stub.answers(Reply::Status(503));
    case.inputs.tell = |how| TOLD.lock().unwrap().push(how.to_owned());
    let said = case.missing(Occasion::Start);
    let url = stub.url();
    assert_eq!(
        said,
        format!(
            "settings are missing: spring.config.import (application.properties:1): no settings of \
             shop/default after 6 tries: {url}: it answered 503"
        )
    );
    assert_eq!(stub.heard().len(), 6);
    let told = TOLD.lock().unwrap();
    assert_eq!(told.len(), 5);
    assert_eq!(
        told[0],
        format!(
            "no settings from a config server (try 1 of 6), again in 1ms: {url}: it answered 503"
        )
    );
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    let (stub, case) = stub("");
    for (status, words) in [
        (401, "it does not accept the credentials (401)"),
        (403, "it does not allow this (403)"),
        (404, "it has no such application, profile or label, or is no config server (404)"),
    ] {
        stub.answers(Reply::Status(status));
        let said = case.missing(Occasion::Start);
        assert!(said.ends_with(&format!("after 1 try: {}: {words}", stub.url())), "{said}");
    }
    assert_eq!(stub.heard().len(), 3);
}

#[test]
fn every_way_to_fail_has_its_own_words() {
    let (stub, case) = stub("");
    let case = case
        .option("spring.cloud.config.retry.max-attempts", "1")
        .option("spring.cloud.config.request-read-timeout", "100ms");
    for (reply, words) in [
        (Reply::Status(302), "it answered 302"),
        (Reply::Status(500), "it answered 500"),
        (Reply::Text("text/html;charset=utf-8", "<html>pl4nted"), "it answered with a page"),
        (
            Reply::Text("application/json", "pl4nted"),
            "its answer is not that of a config server (Syntax error in line 1, column 1)",
        ),
        (Reply::Text("application/json", "{}"), "its answer is not that of a config server (Data"),
        (Reply::Silence, "it did not answer in full within 2.1s"),
        (Reply::Nothing, "it cannot be reached (error sending request: "),
    ] {
        stub.answers(reply);
        let said = case.missing(Occasion::Start);
        assert!(said.contains(words) && !said.contains(PLANTED), "{said}");
    }
    let case = case.option("spring.cloud.config.request-read-timeout", "10s");
    stub.answers(Reply::Endless);
    let said = case.missing(Occasion::Start);
    assert!(said.ends_with("its answer has more than 4194304 bytes"), "{said}");
}

#[test]
fn an_optional_import_falls_back_to_the_last_good_copy_and_then_to_local_settings() {
    let stub = Stub::that_answers(Reply::Settings(r#""server.port": 2"#));
    let case = optional(&stub).local("server.port=1\n");
    stub.answers(Reply::Status(500));
    let loaded = case.loaded();
    assert_eq!(loaded.settings.port, 1);
    let because = format!(
        "no settings of shop/default after 1 try: {}: it answered 500; there is no copy \
         of them",
        stub.url()
    );
    assert_eq!(loaded.warnings, [format!("only local settings apply: {because}")]);
    assert_eq!(loaded.imported[0].from, ImportedFrom::Nowhere { because });

    stub.answers(Reply::Settings(r#""server.port": 2"#));
    assert_eq!(kept(&case).settings.port, 2);
    stub.answers(Reply::Status(500));
    let loaded = case.loaded();
    assert_eq!(loaded.settings.port, 2);
    assert_eq!(origin(&loaded, "server.port"), "last good copy of the config server: stub.yml");
    assert!(
        matches!(&loaded.imported[0].from, ImportedFrom::Copy { kept_at, .. } if *kept_at == DateTime::UNIX_EPOCH)
    );
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    let copy = case.folder.path().join("config-cache/shop-default-.json");
    let start = format!("settings are taken from {}, the last good copy, of 1970-", copy.display());
    assert!(warning.starts_with(&start), "{warning}");
    let _ = fs::remove_file(&copy);
    assert_eq!(loaded.copies.write(), [""; 0]);
    assert!(!copy.exists(), "a copy is not kept again");

    // The copy does not count for another question.
    let other = case.option("spring.profiles.active", "prod");
    assert_eq!(other.loaded().settings.port, 1);
}

#[test]
fn fail_fast_makes_an_optional_import_necessary() {
    let stub = Stub::that_answers(Reply::Settings(""));
    let case = optional(&stub);
    kept(&case);
    stub.answers(Reply::Status(500));
    case.option("spring.cloud.config.fail-fast", "true").missing(Occasion::Start);
}

#[test]
fn an_import_may_say_itself_how_often_it_is_asked_for() {
    let stub = Stub::that_answers(Reply::Status(503));
    let url = stub.url();
    let parameters = "max-attempts=3&initial-interval=1&max-interval=2&multiplier=1.5";
    for (import, attempts) in [
        (format!("configserver:{url}?{parameters}"), 3),
        (format!("optional:configserver:{url}?fail-fast=true&{parameters}"), 3),
        // The other import keeps what the settings say.
        (format!("optional:configserver:{url}?{parameters},configserver:{url}"), 7),
    ] {
        let before = stub.heard().len();
        let said = importing(&import).missing(Occasion::Start);
        assert_eq!(stub.heard().len() - before, attempts, "{said}");
    }
    stub.answers(Reply::Settings(r#""server.port": 2"#));
    let case = importing(&format!("configserver:{url}?fail-fast=true"));
    assert_eq!(case.port(), 2);
    assert_eq!(stub.heard().last().unwrap().path, "/shop/default");
    let loaded = case.loaded();
    let shown = &effective(&loaded, "spring.config.import").value;
    assert_eq!(*shown, format!("configserver:{url}?fail-fast=true"));
    let said = importing(&format!("configserver:{url}?fail-fasst=true")).wrong();
    assert!(said.contains("there is no parameter fail-fasst; there are fail-fast, "), "{said}");
}

#[test]
fn every_profile_that_applies_is_asked_for() {
    let (stub, case) = stub("");
    let case = case.local("spring.profiles.group.prod=db\nspring.profiles.include=base\n");
    case.loaded();
    case.option("spring.profiles.active", "prod").loaded();
    let paths: Vec<_> = stub.heard().into_iter().map(|h| h.path).collect();
    assert_eq!(paths, ["/shop/base", "/shop/base,prod,db"]);
}

#[test]
fn what_a_document_has_for_others_is_left_alone() {
    let (_stub, case) = stub(
        r#""foo": [1, {"a": null}], "bar": {"baz": {"x": []}}, "nothing": null, "server.port": null,
           "shop.topic": null, "shop.currencies": ["EUR", "JPY"], "shop": {"default-currency": "EUR"}"#,
    );
    let settings = case.local("server.port=81\n").loaded().settings;
    assert_eq!((settings.port, settings.topic.as_str()), (81, "orders"), "a null is no value");
    assert_eq!((settings.currencies.len(), settings.default_currency.as_str()), (2, "EUR"));
}

#[test]
fn a_source_with_the_old_condition_applies_to_its_profiles_alone() {
    let (_stub, case) = stub(r#""spring.profiles": "prod", "server.port": 2"#);
    let loaded = case.loaded();
    assert_eq!(loaded.settings.port, 8080);
    assert_eq!(
        loaded.warnings,
        ["settings for other profiles are left out: spring.profiles (config server: stub.yml)"]
    );
    let loaded = case.option("spring.profiles.active", "prod").loaded();
    assert_eq!((loaded.settings.port, loaded.warnings.len()), (2, 0));
}

#[test]
fn a_refresh_needs_an_answer_and_does_not_wait_for_one() {
    let (stub, case) = stub("");
    let last = kept(&case);
    stub.answers(Reply::Status(500));
    case.missing(Occasion::Refresh { last: &last.copies });
    assert_eq!(stub.heard().len(), 2);
}

#[test]
fn at_a_refresh_an_optional_import_stays_as_it_was_and_the_others_are_refreshed() {
    let one = Stub::that_answers(Reply::Settings(r#""server.port": 1, "shop.max-in-flight": 7"#));
    let two = Stub::that_answers(Reply::Settings(r#""server.port": 2"#));
    let (one_url, two_url) = (one.url(), two.url());
    let import = format!("optional:configserver:{one_url},configserver:{two_url}");
    let case = importing(&import);
    let first = kept(&case);
    // A refresh does not need the copies on the disk: they may be lost.
    fs::remove_dir_all(case.folder.path().join("config-cache")).unwrap();
    one.answers(Reply::Status(500));
    two.answers(Reply::Settings(r#""server.port": 3"#));
    let mut last = first;
    for _ in 0..2 {
        last = refreshed(&case, &last);
        let settings = &last.settings;
        assert_eq!((settings.port, settings.max_in_flight), (3, 7));
        let because =
            format!("no settings of shop/default after 1 try: {one_url}: it answered 500");
        let [warning] = &last.warnings[..] else { panic!("{:?}", last.warnings) };
        let stays = "settings stay as they were last given, at 1970-01-01T00:00:00Z: ";
        assert_eq!(*warning, format!("{stays}{because}"));
        let kept_at = DateTime::UNIX_EPOCH;
        assert_eq!(last.imported[0].from, ImportedFrom::Copy { kept_at, because });
        assert!(
            matches!(&last.imported[1].from, ImportedFrom::Server { server, .. } if *server == two_url)
        );
    }
    // The server that is needed does not answer.
    two.answers(Reply::Status(500));
    case.missing(Occasion::Refresh { last: &last.copies });
    one.answers(Reply::Settings(""));
    two.answers(Reply::Settings(""));
    assert_eq!(refreshed(&case, &last).settings.max_in_flight, 512);
}

#[test]
fn a_refresh_takes_nothing_away_because_nobody_answers() {
    let stub = Stub::that_answers(Reply::Settings(r#""shop.max-in-flight": 7"#));
    let case = optional(&stub);
    let last = kept(&case);
    stub.answers(Reply::Status(500));
    // An import that was never asked for has no settings to stay at.
    let other = case.option("spring.cloud.config.label", "next");
    let said = other.missing(Occasion::Refresh { last: &last.copies });
    assert!(said.ends_with("it answered 500; there is no copy of them"), "{said}");
    // A service on local settings alone stays on them.
    let start = other.loaded();
    let again = refreshed(&other, &start);
    assert_eq!(again.imported, start.imported);
    assert!(matches!(again.imported[0].from, ImportedFrom::Nowhere { .. }));
}

#[test]
fn a_config_server_cannot_send_us_elsewhere() {
    let (stub, case) = stub(
        r#""spring.cloud.config.uri": "http://pl4nted", "spring.cloud[config].name": "x",
           "spring.profilesActive": "x", "spring.profiles.active": "x", "shop.config.cacheDir": "/x",
           "spring.config.import": "configserver:http://pl4nted",
           "spring.config.activate.on-profile": "prod", "who": "pl4nted""#,
    );
    let case = case.local("spring.cloud.config.username=${who:ann}\n");
    for _ in 0..2 {
        let loaded = case.loaded();
        assert!(loaded.settings.profiles.is_empty());
        let [warning, unknown] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
        for name in [
            "spring.cloud.config.uri (config server: stub.yml)",
            "spring.cloud[config].name",
            "spring.profiles.active",
            "shop.config.cacheDir",
            "spring.config.import",
        ] {
            assert!(warning.contains(name), "{warning}");
        }
        assert!(unknown.contains("spring.profilesActive (config server: stub.yml)"), "{unknown}");
        assert!(!warning.contains("activate") && !warning.contains(PLANTED), "{warning}");
        let user = loaded.effective.iter().find(|e| e.key == "spring.cloud.config.username");
        assert_eq!(user.unwrap().value, "ann");
    }
    // ann, without a password
    assert!(stub.heard().iter().all(|heard| heard.headers.contains("Basic YW5uOg==")));
}

#[test]
fn wrong_values_of_a_config_server_are_named_with_their_source() {
    let (_stub, case) = stub(
        r#""server.port": {"value": "many", "origin": "3:7"}, "shop.topik": "x",
           "invalid.spring.datasource.password": "<n/a>", "invalid.spring.jpa.secret": "<n/a>",
           "shop.topic": "{cipher}pl4nted", "spring.datasource.password": "p""#,
    );
    let said = case.local("shop.max-in-flight=-1\n").wrong();
    for line in [
        "the settings are wrong in 5 places:\n",
        "\n  server.port = \"many\" (config server: stub.yml:3): must be a port",
        "\n  shop.topik (config server: stub.yml): there is no such setting; did you mean",
        "\n  spring.datasource.password (config server: stub.yml): the config server could not",
        "\n  shop.topic (config server: stub.yml): is encrypted, and only a config server",
        "\n  shop.max-in-flight = \"-1\" (application.properties:2): must be",
    ] {
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
    assert!(!said.contains(PLANTED), "{said}");
}

#[test]
fn what_could_not_be_decrypted_is_not_replaced_by_a_default() {
    let (_stub, case) = stub(r#""invalid.db.password": "<n/a>", "invalid.server.port": "<n/a>""#);
    let case = case.env("SERVER_PORT", "3");
    assert_eq!(case.loaded().settings.port, 3, "a higher layer needs no decryption");
    let said = case.local("spring.datasource.password=${db.password:}\n").wrong();
    let expected = "spring.datasource.password (application.properties:2): refers to \
                    ${db.password}, which the config server could not decrypt";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn wrong_settings_of_the_client_are_named_before_anybody_is_asked() {
    let (stub, case) = stub("");
    let said = case
        .local("spring.cloud.config.retry.multiplier=0.5\nspring.cloud.config.headers.a/b=c\n")
        .wrong();
    assert!(
        said.contains("spring.cloud.config.retry.multiplier = \"0.5\" (application.prop"),
        "{said}"
    );
    assert!(said.contains("spring.cloud.config.headers.*: a/b is no name of a header"), "{said}");
    assert!(stub.heard().is_empty());
    let said =
        importing("configserver:").option("spring.cloud.config.discovery.enabled", "true").wrong();
    assert!(said.contains("shop.registry names no registry to look it up in"), "{said}");
}

#[test]
fn servers_are_looked_up_in_a_registry() {
    let stub = Stub::that_answers(Reply::Settings(r#""server.port": 2"#));
    let case = importing("configserver:")
        .option("spring.cloud.config.discovery.enabled", "true")
        .option("shop.registry", &stub.url());
    assert_eq!(case.port(), 2);
    let said = case
        .option("spring.cloud.config.discovery.service-id", "other")
        .option("spring.cloud.config.retry.max-attempts", "1")
        .missing(Occasion::Start);
    assert!(said.ends_with("after 1 try: the config server other: it is not registered"), "{said}");
}

#[test]
fn a_server_without_an_import_is_a_warning() {
    let case = importing("").local("spring.cloud.config.uri=http://127.0.0.1:1\n");
    let [warning] = &case.loaded().warnings[..] else { panic!("one") };
    assert!(warning.contains("nothing is imported: add spring.config.import=configserver:"));
}

#[test]
fn nothing_is_imported_when_that_is_switched_off() {
    let (stub, case) = stub("");
    assert!(case.option("spring.cloud.config.enabled", "false").loaded().imported.is_empty());
    assert!(stub.heard().is_empty());
}

#[test]
fn no_secret_of_a_config_server_is_shown() {
    let (stub, case) = stub(
        r#""spring.datasource.password": "pl4nted", "shop.labels.secret": "pl4nted",
           "shop.topic": "${spring.datasource.password}""#,
    );
    let case = case.local(&format!("spring.cloud.config.headers.X-Key={PLANTED}\n"));
    let loaded = case.loaded();
    let shown = format!("{:?} {:?} {:?}", loaded.effective, loaded.warnings, loaded.imported);
    assert!(!shown.contains(PLANTED), "{shown}");
    stub.answers(Reply::Text("application/json", r#"{"propertySources":[{"name":"https://u:pl4nted@git/x.yml","source":{"server.port":"x"}}]}"#));
    let said = case.wrong();
    assert!(
        said.contains("config server: https://******@git/x.yml") && !said.contains(PLANTED),
        "{said}"
    );
}
