//! Events whose rows cannot be read, or are gone: each is reported at its position, and the others stay
//! readable.

use std::time::Duration;

use order_app::ports::{
    Duty, EventJournal, Extent, JournalEntry, JournalInspection, Leased, OrderStore, Selection,
    Stores, Unreadable, shard,
};
use order_domain::OrderEventKind;
use order_testkit::databases::{self, Database};
use order_testkit::examples::{a_change_placing, a_new_order, an_order_id, soon, within};
use persistence_diesel::migrate;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::rig::{settings, stores};

const EVENTS: i64 = 8;
const NO_ROW: &str = "there is no row of this order and version";

/// Defects of the event of order 3: how it is broken, how it is corrected, and the reported reason.
fn defects(database: Database) -> Vec<(String, String, &'static str)> {
    let update = |column: &str, value: &str| {
        format!("UPDATE outbox SET {column} = {value} WHERE order_id IN (3, 99)")
    };
    let defect = |column: &str, broken: &str, right: &str, said: &'static str| {
        (update(column, broken), update(column, right), said)
    };
    let noon = "'2026-11-22 12:00:00'";
    let mut defects = vec![
        defect("event_type", "'order.lost'", "'order.created'", "an unknown type of event"),
        defect("sequence", "7", "1", NO_ROW),
        defect("order_id", "99", "3", NO_ROW),
    ];
    match database {
        Database::Sqlite => {
            defects.push(defect("occurred_at", "'yesterday'", noon, "occurred_at"));
            defects.push(defect("occurred_at", "x'00ff'", noon, "occurred_at"));
        }
        Database::Postgres => {
            defects.push(defect("occurred_at", "'infinity'", noon, "occurred_at"));
        }
        Database::Mariadb | Database::Mysql => {
            let (broken, right, said) = defect("occurred_at", "0", noon, "occurred_at");
            defects.push((format!("SET SESSION sql_mode = ''; {broken}"), right, said));
        }
    }
    defects.push((
        "CREATE TABLE kept AS SELECT * FROM outbox WHERE order_id = 3; \
         DELETE FROM outbox WHERE order_id = 3"
            .to_owned(),
        "INSERT INTO outbox SELECT * FROM kept".to_owned(),
        NO_ROW,
    ));
    defects
}

async fn read(
    journal: &dyn EventJournal,
    after: i64,
    shard: Option<u16>,
    limit: u32,
) -> Vec<Result<JournalEntry, Unreadable>> {
    journal.entries_after(after, shard, limit, soon()).await.expect("the journal reads").items
}

/// Events of the orders 1 to [`EVENTS`], with their positions in this order.
async fn with_events(url: &str) -> Stores {
    migrate(&settings(url), Extent::Quick).await.expect("it migrates");
    let stores = stores(url);
    for id in 1..=EVENTS {
        let change = a_change_placing(a_new_order(id, 7));
        stores.orders.commit(change.into(), soon()).await.expect("the order is placed");
    }
    let (instance, lasts) = (Uuid::from_u128(7), Duration::from_mins(5));
    let lease = stores.journal.lease(Duty::Sequence, instance, lasts, soon()).await;
    let lease = lease.expect("the journal leases").expect("it is free");
    let assigned =
        stores.journal.assign_positions(&lease, 100, soon()).await.expect("positions are assigned");
    assert_eq!(assigned, Leased::Done(8));
    stores
}

pub(crate) fn an_unreadable_event_is_named(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        let Stores { orders, journal, inspection, .. } = with_events(url).await;
        let whole = read(&*journal, 0, None, 100).await;
        assert!(whole.len() == 8 && whole.iter().all(Result::is_ok), "{whole:?}");
        for (breaks, corrects, said) in defects(database) {
            databases::execute(url, &breaks).await.expect(&breaks);
            let read_now = read(&*journal, 0, None, 100).await;
            for (number, (found, expected)) in read_now.iter().zip(&whole).enumerate() {
                if number != 2 {
                    assert_eq!(found, expected, "{breaks}");
                }
            }
            let Err(unreadable) = &read_now[2] else { panic!("{breaks}: {:?}", read_now[2]) };
            assert_eq!((unreadable.position, unreadable.sequence.get()), (3, 1));
            assert_eq!(unreadable.order, an_order_id(3));
            assert!(unreadable.reason.contains(said), "{said}: {}", unreadable.reason);
            let of_shard = read(&*journal, 0, Some(shard(an_order_id(3))), 100).await;
            assert_eq!(of_shard, &read_now[2..3]);
            // It counts as one entry of a page.
            assert_eq!(read(&*journal, 1, None, 2).await, &read_now[1..3]);
            assert_eq!(read(&*journal, 2, None, 1).await, &read_now[2..3]);
            assert_eq!(selected(&*inspection).await, read_now, "{breaks}");
            if breaks.contains("event_type") || breaks.contains("occurred_at") {
                let found = inspection.order_events(an_order_id(3), 0, 10, soon()).await;
                let found = found.expect("the journal finds events").events.items;
                let [(sequence, Err(reason))] = &found[..] else { panic!("{breaks}: {found:?}") };
                assert!(sequence.get() == 1 && reason.contains(said), "{said}: {reason}");
            }
            databases::execute(url, &corrects).await.expect(&corrects);
            let mended = read(&*journal, 2, None, 1).await;
            assert!(mended[0].is_ok(), "{corrects}: {mended:?}");
        }
        a_history_names_what_it_lacks(&*orders, url, database).await;
    });
}

/// What a selection of all events finds: the broken one, too, because it may be any event.
async fn selected(inspection: &dyn JournalInspection) -> Vec<Result<JournalEntry, Unreadable>> {
    let kinds = vec![OrderEventKind::Created];
    let selection = Selection { kinds, ..Selection::default() };
    let page = inspection.select(&selection, 0, 100, soon()).await.expect("the journal selects");
    assert_eq!(page.through, EVENTS);
    // It counts as one entry of a page.
    let page_of_three = inspection.select(&selection, 0, 3, soon()).await;
    assert_eq!(page_of_three.expect("the journal selects").through, 3);
    page.events
}

/// An unreadable event of a history is named, and the others are there.
async fn a_history_names_what_it_lacks(orders: &dyn OrderStore, url: &str, database: Database) {
    for (breaks, corrects, said) in defects(database) {
        // In the other cases, the order has no such row.
        if !breaks.contains("event_type") && !breaks.contains("occurred_at") {
            continue;
        }
        databases::execute(url, &breaks).await.expect(&breaks);
        let history = orders.events(an_order_id(3), 0, 10, within(Duration::from_secs(2))).await;
        let history = history.expect("the history is read").items;
        let [(sequence, Err(reason))] = &history[..] else { panic!("{breaks}: {history:?}") };
        assert!(sequence.get() == 1 && reason.contains(said), "{said}: {reason}");
        databases::execute(url, &corrects).await.expect(&corrects);
    }
}

/// A row that is broken or gone is purged, and so are the others.
pub(crate) fn an_unreadable_event_is_purged(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        let Stores { journal, .. } = with_events(url).await;
        for statement in [
            "UPDATE outbox SET event_type = 'order.lost' WHERE order_id = 2",
            "DELETE FROM outbox WHERE order_id = 3",
            "UPDATE leases SET position = 8 WHERE name LIKE 'publish-%'",
        ] {
            databases::execute(url, statement).await.expect(statement);
        }
        let before = order_testkit::examples::noon_plus(1);
        journal.purge(before, 100, soon()).await.expect("it is purged");
        assert_eq!(journal.purged_through(soon()).await.expect("it is known"), 8);
        assert_eq!(read(&*journal, 0, None, 100).await, []);
    });
}
