//! The journal when answers get lost, when other writers have not committed, and on databases from before the
//! journal.

use std::time::{Duration, Instant};

use order_app::ports::{
    Duty, EventJournal, Extent, JournalEntry, Lease, Leased, Parked, Parking, Progress, shard,
};
use order_app::ports::{OrderStore, StoreError, Stores};
use order_app::relay::RelaySettings;
use order_domain::{OrderId, Version};
use order_testkit::Conduct;
use order_testkit::databases::{self, Database};
use order_testkit::examples::{a_change_placing, a_new_order, an_order_id, soon, within};
use persistence_diesel::migrate;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::rig::{Rig, settings, stores};

const LONG: Duration = Duration::from_mins(5);
const A_SECOND: Duration = Duration::from_secs(1);
const EVENTS: i64 = 5;

async fn place_orders(orders: &dyn OrderStore, ids: std::ops::RangeInclusive<i64>) {
    for id in ids {
        let change = a_change_placing(a_new_order(id, 7));
        orders.commit(change.into(), soon()).await.expect("the order is placed");
    }
}

async fn lease(journal: &dyn EventJournal, duty: Duty) -> Lease {
    let lease = journal.lease(duty, Uuid::from_u128(7), LONG, soon()).await;
    lease.expect("the journal leases").expect("it is free")
}

async fn read(journal: &dyn EventJournal) -> Vec<JournalEntry> {
    let read = journal.entries_after(0, None, 1_000, soon()).await.expect("the journal reads");
    read.items.into_iter().collect::<Result<_, _>>().expect("all events can be read")
}

/// Demands that the events of the orders 1 to [`EVENTS`] have one position each.
async fn assert_placed_once(rig: &Rig) {
    let read = read(&*rig.journal).await;
    let found: Vec<_> = read.iter().map(|one| (one.position, one.event.order_id.get())).collect();
    assert_eq!(found, (1..=EVENTS).map(|number| (number, number)).collect::<Vec<_>>());
    assert_eq!(rig.journal.last_position(soon()).await.unwrap(), EVENTS);
    assert_eq!((rig.count("journal").await, rig.count("outbox_incoming").await), (EVENTS, 0));
}

async fn with_events(rig: &Rig) -> Lease {
    place_orders(&*rig.store, 1..=EVENTS).await;
    lease(&*rig.journal, Duty::Sequence).await
}

/// The positions are assigned, so the journal must report their number, and must not assign them twice.
pub(crate) async fn assignment_answer_lost(rig: Rig) {
    let lease = with_events(&rig).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    let assigned = rig.journal.assign_positions(&lease, 100, soon()).await.expect("it has landed");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert_eq!(assigned, Leased::Done(5));
    assert_placed_once(&rig).await;
}

/// The server did not get it, so the journal assigns the positions again, once.
pub(crate) async fn assignment_lost(rig: Rig) {
    let lease = with_events(&rig).await;
    rig.proxy.behave(Conduct::LosesCommit);
    let assigned =
        rig.journal.assign_positions(&lease, 100, soon()).await.expect("it lands in the end");
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "a commit was lost");
    assert_eq!(assigned, Leased::Done(5));
    assert_placed_once(&rig).await;
}

/// The outcome cannot be known; the same call again finds the positions assigned, or assigns them.
pub(crate) async fn gone_after_an_assignment(rig: Rig) {
    let lease = with_events(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let outcome = rig.journal.assign_positions(&lease, 100, within(A_SECOND)).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    rig.proxy.behave(Conduct::Honest);
    let again =
        rig.journal.assign_positions(&lease, 100, soon()).await.expect("the database is back");
    assert!(matches!(again, Leased::Done(0 | 5)), "{again:?}");
    assert_placed_once(&rig).await;
}

/// The server ends the transaction of an idle client, and its locks, before a lease of the usual length is
/// over.
pub(crate) async fn holder_halted(rig: Rig) {
    let lease = with_events(&rig).await;
    let (duty, moment) = (lease.duty, Duration::from_millis(1));
    let renewed = rig.journal.lease(duty, lease.instance, moment, soon()).await;
    assert!(renewed.expect("the journal leases").is_some());
    rig.proxy.behave(Conduct::HaltsAtCommit);
    let halted = rig.journal.assign_positions(&lease, 100, within(A_SECOND)).await;
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "a transaction was halted");
    assert!(matches!(halted, Err(StoreError::OutcomeUnknown(_))), "{halted:?}");
    let (begin, other) = (Instant::now(), Uuid::from_u128(8));
    let taken = loop {
        if let Ok(Some(taken)) = rig.journal.lease(duty, other, LONG, within(A_SECOND)).await {
            break taken;
        }
        assert!(begin.elapsed() < RelaySettings::default().lease, "the lease is taken over");
    };
    assert!(taken.epoch > lease.epoch);
    assert_eq!(rig.journal.assign_positions(&taken, 100, soon()).await.unwrap(), Leased::Done(5));
    assert_placed_once(&rig).await;
}

fn parking(order: OrderId) -> Progress {
    let parking = Parking { order, from: Version::FIRST, reason: "refused".to_owned() };
    Progress { position: 3, park: vec![parking], unpark: Vec::new() }
}

async fn the_parked(rig: &Rig) -> Parked {
    let mut parked = rig.journal.parked(None, 10, soon()).await.expect("the journal lists");
    assert_eq!(parked.len(), 1, "{parked:?}");
    parked.remove(0)
}

/// An order with a position, and the lease of its shard.
async fn with_a_shard(rig: &Rig) -> (OrderId, Lease) {
    let sequencing = with_events(rig).await;
    rig.journal
        .assign_positions(&sequencing, 100, soon())
        .await
        .expect("the positions are assigned");
    let order = an_order_id(1);
    (order, lease(&*rig.journal, Duty::Publish(shard(order))).await)
}

/// The order is parked, and counts one attempt.
pub(crate) async fn progress_answer_lost(rig: Rig) {
    let (order, lease) = with_a_shard(&rig).await;
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    let advanced = rig.journal.advance(&lease, &parking(order), soon()).await;
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert_eq!(advanced.expect("it has landed"), Leased::Done(()));
    let parked = the_parked(&rig).await;
    assert_eq!((parked.from, parked.attempts, parked.redrive), (Version::FIRST, 1, false));
    let renewed = rig.journal.lease(lease.duty, lease.instance, LONG, soon()).await;
    assert_eq!(renewed.unwrap().map(|lease| lease.position), Some(3));
}

/// A publisher that does not know the outcome repeats the call, even after an operator has skipped an event.
pub(crate) async fn gone_after_progress(rig: Rig) {
    let (order, lease) = with_a_shard(&rig).await;
    rig.proxy.behave(Conduct::GoesDownAfterCommit);
    let outcome = rig.journal.advance(&lease, &parking(order), within(A_SECOND)).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    rig.proxy.behave(Conduct::Honest);
    for _ in 0..2 {
        let again = rig.journal.advance(&lease, &parking(order), soon()).await;
        assert_eq!(again.expect("the database is back"), Leased::Done(()));
    }
    assert_eq!(the_parked(&rig).await.attempts, 1);
    assert!(
        rig.journal.redrive(order, Some((Version::FIRST, "not needed")), soon()).await.unwrap()
    );
    rig.journal.advance(&lease, &parking(order), soon()).await.expect("the database works");
    let parked = the_parked(&rig).await;
    assert_eq!((parked.from.get(), parked.redrive), (2, true), "the skip is not undone");
}

/// One event is skipped, not two.
pub(crate) async fn skip_answer_lost(rig: Rig) {
    let (order, lease) = with_a_shard(&rig).await;
    rig.journal.advance(&lease, &parking(order), soon()).await.expect("the order is parked");
    rig.proxy.behave(Conduct::LosesCommitAnswer);
    let asked = rig.journal.redrive(order, Some((Version::FIRST, "not needed")), soon()).await;
    assert_eq!(rig.proxy.conduct(), Conduct::Honest, "an answer was lost");
    assert!(asked.expect("it has landed"));
    let parked = the_parked(&rig).await;
    assert_eq!((parked.from.get(), parked.redrive), (2, true));
    assert_eq!(rig.count("skipped_events").await, 1);
}

/// The sequencer neither waits for a writer that has not committed nor sees its rows. Rows that become
/// visible later get later positions, whatever their keys are.
pub(crate) async fn a_writer_has_not_committed(rig: Rig) {
    place_orders(&*rig.store, 100..=100).await;
    let lease = lease(&*rig.journal, Duty::Sequence).await;
    let mut writer = rig.session().await;
    let uncommitted = if rig.url.starts_with("postgres") {
        "BEGIN; \
         INSERT INTO outbox_incoming (order_ids, sequences, event_ids) \
         SELECT ARRAY[order_id - 1], ARRAY[sequence], ARRAY[event_id] FROM outbox; \
         INSERT INTO outbox_incoming (order_ids, sequences, event_ids) \
         SELECT ARRAY[order_id + 1], ARRAY[sequence], ARRAY[event_id] FROM outbox"
    } else {
        "BEGIN; \
         INSERT INTO outbox_incoming (order_id, sequence, event_id) \
         SELECT order_id - 1, sequence, event_id FROM outbox; \
         INSERT INTO outbox_incoming (order_id, sequence, event_id) \
         SELECT order_id + 1, sequence, event_id FROM outbox"
    };
    writer.run(uncommitted).await.expect("the writer writes");
    let assigned = rig.journal.assign_positions(&lease, 100, within(A_SECOND)).await;
    assert_eq!(assigned.expect("it waits for no writer"), Leased::Done(1));
    assert_eq!(rig.count("journal WHERE position = 1 AND order_id = 100").await, 1);
    writer.run("COMMIT").await.expect("the writer commits");
    let assigned = rig.journal.assign_positions(&lease, 100, soon()).await;
    assert_eq!(assigned.expect("the journal assigns positions"), Leased::Done(2));
    assert_eq!(rig.count("journal WHERE position = 2 AND order_id = 99").await, 1);
    assert_eq!(rig.count("journal WHERE position = 3 AND order_id = 101").await, 1);
}

/// Events from before the journal get positions, too, and keep them when the migration runs again after a
/// crash.
pub(crate) fn events_from_before_the_journal(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let Stores { orders, journal, .. } = stores(url);
        place_orders(&*orders, 1..=EVENTS).await;
        for table in
            ["outbox_incoming", "journal", "leases", "instances", "parked_orders", "skipped_events"]
        {
            execute(url, &format!("DROP TABLE {table}")).await;
        }
        migrate_again(url).await;
        let lease = lease(&*journal, Duty::Sequence).await;
        let assigned =
            journal.assign_positions(&lease, 3, soon()).await.expect("positions are assigned");
        assert_eq!(assigned, Leased::Done(3));
        if matches!(database, Database::Mariadb | Database::Mysql) {
            // The others migrate in one transaction.
            migrate_again(url).await;
        }
        let assigned =
            journal.assign_positions(&lease, 100, soon()).await.expect("positions are assigned");
        assert_eq!(assigned, Leased::Done(2));
        let ids: Vec<_> =
            read(&*journal).await.iter().map(|placed| placed.event.order_id.get()).collect();
        assert_eq!(ids, (1..=EVENTS).collect::<Vec<_>>());
    });
}

/// A page costs only its own events, however many follow, also on tables without statistics. A database that
/// was empty at the start has none, and the planner took the whole backlog for a few rows, which it read and
/// sorted for each page.
pub(crate) fn a_page_costs_no_more_when_many_events_follow(database: Database) {
    const BACKLOG: i64 = 20_000;
    const PAGE: u32 = 10;
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        execute(
            url,
            &format!(
                "ALTER TABLE outbox SET (autovacuum_enabled = false);
                 ALTER TABLE journal SET (autovacuum_enabled = false);
                 INSERT INTO outbox SELECT CAST(LPAD(TO_HEX(n), 32, '0') AS UUID), n, 1, \
                 'order.created', now(), '{{}}', '{{}}' FROM generate_series(1, {BACKLOG}) AS n;
                 INSERT INTO journal SELECT sequence, sequence, order_id, 1, event_id FROM \
                 (SELECT order_id, order_id AS sequence, event_id FROM outbox) AS placed"
            ),
        )
        .await;
        let page =
            stores(url).journal.entries_after(0, None, PAGE, soon()).await.expect("it reads");
        assert_eq!((page.items.len(), page.more), (10, true));
        // The server publishes the counts of its connections within seconds.
        let looked_up = "(SELECT generate_series(1, idx_tup_fetch + seq_tup_read) \
                         FROM pg_stat_user_tables WHERE relname = 'journal') AS looked_up";
        let begin = Instant::now();
        let rows = loop {
            let rows = databases::count(url, looked_up).await.expect("it counts");
            if rows > 0 || begin.elapsed() > LONG {
                break rows;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        // One more than the page has tells that others follow.
        assert_eq!(rows, i64::from(PAGE) + 1, "rows that were read for a page");
    });
}

/// Runs the last migration again.
async fn migrate_again(url: &str) {
    execute(url, "DELETE FROM __diesel_schema_migrations WHERE version = '0006'").await;
    let done = migrate(&settings(url), Extent::Quick).await.expect("it migrates");
    assert_eq!(done.len(), 1, "{done:?}");
}

async fn execute(url: &str, statements: &str) {
    databases::execute(url, statements).await.expect("the statements run");
}

/// Every call of the journal, each until a deadline.
pub(crate) async fn ask_everything(
    journal: &dyn EventJournal,
    time: Duration,
) -> Vec<Result<(), StoreError>> {
    let (name, order) = (Uuid::from_u128(7), an_order_id(1));
    let lease = |duty| Lease { duty, instance: name, epoch: 1, position: 0 };
    let (sequencing, publishing) = (lease(Duty::Sequence), lease(Duty::Publish(1)));
    let progress = parking(order);
    vec![
        journal.heartbeat(name, LONG, within(time)).await.map(drop),
        journal.lease(Duty::Sequence, name, LONG, within(time)).await.map(drop),
        journal.release(&publishing, within(time)).await,
        journal.assign_positions(&sequencing, 10, within(time)).await.map(drop),
        journal.entries_after(0, None, 10, within(time)).await.map(drop),
        journal.last_position(within(time)).await.map(drop),
        journal.advance(&publishing, &progress, within(time)).await.map(drop),
        journal.parked(None, 10, within(time)).await.map(drop),
        journal.redrive(order, Some((Version::FIRST, "no")), within(time)).await.map(drop),
        journal.backlog(within(time)).await.map(drop),
    ]
}
