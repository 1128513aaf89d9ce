//! A newer release migrates the database under one that serves: what the newer migration says decides whether the older release
//! starts beside it.

use std::process::Command;

use libtest_mimic::Trial;
use order_testkit::databases::{Database, execute};
use tokio::runtime::Builder;

use crate::honest::Honest;
use crate::support::{Service, eventually};
use crate::{size, trial};

/// What a migration of a later release does: it says whether older ones may serve, and changes a table.
const A_LATER_ONE: [&str; 3] = [
    "INSERT INTO schema_compatibility (version, name, older_may_serve) \
     VALUES ('9901', '9901_gifts', 'yes')",
    "ALTER TABLE orders ADD COLUMN gift VARCHAR(20)",
    "INSERT INTO __diesel_schema_migrations (version) VALUES ('9901')",
];

pub(crate) fn trials() -> Vec<Trial> {
    let name = "an_older_release_starts_beside_a_newer_migration_that_allows_it";
    let named = |database: Database| format!("{}::{name}", database.name());
    Database::ALL.map(|database| trial(named(database), move || beside(database))).into()
}

fn run(url: &str, statement: &str) {
    // In a file, a statement of another process must wait for the service.
    let patience = if url.starts_with("sqlite:") { "PRAGMA busy_timeout = 10000;" } else { "" };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(execute(url, &format!("{patience}{statement}"))).unwrap();
}

fn beside(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let service = Service::on(url);
    let honest = Honest::start(&service.base, 4);
    for statement in A_LATER_ONE {
        run(url, statement);
    }
    // Some of the clients' orders are placed after the change.
    let after = service.placed(7)["id"].as_i64().unwrap() + size(20, 2_000);
    assert!(eventually(|| service.placed(7)["id"].as_i64().unwrap() > after));
    let tally = honest.stop();
    assert!(tally.failed.is_empty(), "{tally:?}");
    assert!(!service.log().contains("9901_gifts"), "it asks at its start alone");
    drop(service);

    let options = [&*format!("--spring.datasource.url={url}"), "--order.migrate-at-start=false"];
    for (at_start, options) in [(true, &options[..1]), (false, &options[..])] {
        let service = Service::start(options);
        service.wait_until_ready();
        let placed = service.placed(7);
        service.move_to(&placed, "CONFIRMED");
        let said = service.log().matches("9901_gifts").count();
        assert_eq!(said, 1, "{}", service.log());
        println!(
            "{}: ready beside 9901_gifts, migrate-at-start={at_start}, told once",
            database.name()
        );
    }

    run(url, "UPDATE schema_compatibility SET older_may_serve = 'no' WHERE version = '9901'");
    for options in [&options[..1], &options[..]] {
        let service = Service::start(options);
        let refused = "older ones may not serve beside that: 9901_gifts";
        assert!(eventually(|| service.log().contains(refused)), "{}", service.log());
        assert_eq!(service.get("/actuator/health/readiness").status(), 503);
        // A newer release, or an operator, takes it back.
        run(url, "UPDATE schema_compatibility SET older_may_serve = 'yes' WHERE version = '9901'");
        service.wait_until_ready();
        run(url, "UPDATE schema_compatibility SET older_may_serve = 'no' WHERE version = '9901'");
    }
    let backlog = Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(["events", "backlog", options[0]])
        .output()
        .unwrap();
    let said = String::from_utf8(backlog.stderr).unwrap();
    assert!(said.contains("may not serve beside that: 9901_gifts"), "{said}");
    assert_eq!(backlog.status.code(), Some(1));
    println!(
        "{}: {} pairs while it was migrated, refused by name after it",
        database.name(),
        tally.pairs
    );
}
