//! A connection pooler before PostgreSQL: one that gives each client a session of its own is like the server itself, one that
//! shares sessions is refused by name, and other users of the pool notice nothing. And servers that ask for a password in
//! clear text.

mod passwords;
mod pgbouncer;

use std::time::Duration;

use libtest_mimic::Trial;
use order_testkit::databases::{Database, certificates};
use reqwest::StatusCode;

use self::pgbouncer::{Mode, Pgbouncer};
use crate::honest::{Honest, Tally};
use crate::support::{Service, an_order, eventually};
use crate::{size, trial};

/// How the refusal names the pooler.
const NAMED: &str = "is that of a connection pooler that shares sessions among its clients";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("postgres::a_pooler_that_shares_sessions_is_refused_by_name", shared_from_the_start),
        trial("postgres::a_pooler_that_shares_sessions_is_refused_by_name_over_tls", encrypted),
        trial("postgres::a_pooler_with_a_session_for_each_client_loses_no_request", not_shared),
        trial(
            "postgres::a_pooler_that_begins_to_share_is_refused_at_the_first_error",
            shared_later,
        ),
    ];
    trials.extend(passwords::trials());
    trials
}

/// Two instances on a pooler.
fn instances(pooler: &Pgbouncer) -> [Service; 2] {
    instances_at(&pooler.url())
}

fn instances_at(url: &str) -> [Service; 2] {
    let database = format!("--spring.datasource.url={url}");
    [(); 2].map(|()| Service::start(&[&database]))
}

/// Waits until each instance has refused its pooler by name, and takes no requests.
fn are_refused(instances: &[Service]) {
    for instance in instances {
        let refused = || {
            let is_ready = || instance.get("/actuator/health/readiness").status();
            instance.log().contains(NAMED) && is_ready() == StatusCode::SERVICE_UNAVAILABLE
        };
        assert!(eventually(refused), "the pooler is not named:\n{}", instance.log());
        let refused = || {
            let answer = instance.post("/orders", &an_order(1)).status();
            answer == StatusCode::SERVICE_UNAVAILABLE
        };
        assert!(eventually(refused), "an order is placed on a shared session");
    }
}

/// Honest clients on each instance for a while.
fn honest(instances: &[Service]) -> Vec<Tally> {
    let clients: Vec<_> = instances.iter().map(|one| Honest::start(&one.base, 4)).collect();
    std::thread::park_timeout(Duration::from_secs(size(1, 30)));
    clients.into_iter().map(Honest::stop).collect()
}

fn assert_nothing_failed(tallies: &[Tally]) {
    for tally in tallies {
        println!("{:.0} pairs of writes a second, failed: {:?}", tally.rate(), tally.failed);
        assert!(tally.failed.is_empty() && tally.pairs > 0, "{tally:?}");
    }
}

fn shared_from_the_start() {
    let scratch = Database::Postgres.scratch();
    let pooler = Pgbouncer::before(&scratch, Mode::Statement, 5);
    are_refused(&instances(&pooler));
    let pooler = pooler.restarted(Mode::Transaction, 5);
    let instances = instances(&pooler);
    are_refused(&instances);
    println!("both instances refused it by name, and took no order");
    // Five transactions at a time are on all five sessions of the pool.
    for (time_out, scans) in pooler.settings_of_others(5) {
        println!("another user of the pool: statement_timeout {time_out}, enable_seqscan {scans}");
        assert_eq!((&*time_out, &*scans), ("0", "on"), "the settings of the server itself");
    }
    // The operator mends it, and nothing has to be started again.
    let _pooler = pooler.restarted(Mode::Session, 40);
    instances.iter().for_each(Service::wait_until_ready);
    assert_nothing_failed(&honest(&instances));
}

/// The process of the server, which tells poolers apart, is told over TLS, too.
fn encrypted() {
    let scratch = Database::Postgres.scratch();
    let pooler = Pgbouncer::before(&scratch, Mode::Transaction, 5);
    let authority = certificates().join("authority.pem");
    let tls = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    let instances = instances_at(&format!("{}?{tls}", pooler.url()));
    are_refused(&instances);
    let _pooler = pooler.restarted(Mode::Session, 40);
    instances.iter().for_each(Service::wait_until_ready);
}

fn not_shared() {
    let scratch = Database::Postgres.scratch();
    let pooler = Pgbouncer::before(&scratch, Mode::Session, 40);
    let both = instances(&pooler);
    both.iter().for_each(Service::wait_until_ready);
    assert_nothing_failed(&honest(&both));
    drop(both);
    for (time_out, scans) in pooler.settings_of_others(10) {
        assert_eq!((&*time_out, &*scans), ("0", "on"), "the settings of the server itself");
    }
}

fn shared_later() {
    let scratch = Database::Postgres.scratch();
    let pooler = Pgbouncer::before(&scratch, Mode::Session, 40);
    let instances = instances(&pooler);
    instances.iter().for_each(Service::wait_until_ready);
    let clients = instances.each_ref().map(|one| Honest::start(&one.base, 4));
    pooler.switch(Mode::Transaction, 40);
    are_refused(&instances);
    for tally in clients.map(Honest::stop) {
        println!(
            "while the pooler shared sessions: {} pairs, failed: {:?}",
            tally.pairs, tally.failed
        );
    }
    let _pooler = pooler.restarted(Mode::Session, 40);
    instances.iter().for_each(Service::wait_until_ready);
    assert_nothing_failed(&honest(&instances));
}
