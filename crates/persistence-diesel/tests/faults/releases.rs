//! A database that an earlier release has made and written: `fixtures/0.1.0` has the tables by the migrations of that release
//! (commit 0e19b21), and rows with the texts that it wrote; times and ids of events are made even.

use std::time::Duration;

use order_app::ports::{CustomerOrders, Duty, Extent, Leased, OrderStore, Stores};
use order_domain::{CancelReason, OrderStatus};
use order_testkit::databases::{self, Database};
use order_testkit::examples::{
    a_change, a_change_placing, a_customer, a_key, a_new_order, an_amount, an_order_id, moved,
    noon_plus, soon,
};
use persistence_diesel::migrate;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::rig::{settings, stores};

const fn dump(database: Database) -> &'static str {
    match database {
        Database::Sqlite => include_str!("fixtures/0.1.0/sqlite.sql"),
        Database::Postgres => include_str!("fixtures/0.1.0/postgres.sql"),
        Database::Mariadb | Database::Mysql => include_str!("fixtures/0.1.0/mysql.sql"),
    }
}

/// Five orders of customer 42, one in each status; the last one is cancelled. The second one is parked. An order in yen of
/// customer 43, whose event has no position.
const STATUSES: [OrderStatus; 5] = [
    OrderStatus::Pending,
    OrderStatus::Confirmed,
    OrderStatus::InProgress,
    OrderStatus::Delivered,
    OrderStatus::Cancelled,
];

pub(crate) fn a_database_of_release_0_1_0_is_migrated_and_read(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        databases::execute(url, dump(database)).await.expect("the dump is complete");
        let stores = stores(url);
        let found = stores.database.inspect().await.expect("it is looked at");
        assert_eq!(found, Some(vec![]));
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        assert_eq!(migrate(&settings(url), Extent::Quick).await.expect("again"), [""; 0]);
        read_orders(&*stores.orders).await;
        go_on(&stores).await;
    });
}

async fn read_orders(store: &dyn OrderStore) {
    for (id, status) in (1..).zip(STATUSES) {
        let order = store.order(an_order_id(id), soon()).await.expect("readable").expect("there");
        assert_eq!(order.status(), status);
        let events = store.events(an_order_id(id), 0, 10, soon()).await.expect("readable").items;
        let count = i64::try_from(events.len()).expect("a few");
        assert_eq!(count, order.version().get(), "order {id}");
        let (_, last) = events.last().expect("one");
        let last = last.as_ref().expect("readable");
        assert_eq!(last.occurred_at, order.snapshot().updated_at);
        let order = order.into_snapshot();
        assert_eq!(order.lines.total(), an_amount("150.07"));
        let reference = order.client_reference.map(|reference| reference.to_string());
        assert_eq!(reference.as_deref(), (id == 1).then_some("po-7"));
        let reason = (status == OrderStatus::Cancelled).then_some(CancelReason::ALL[0]);
        assert_eq!(order.cancel_reason, reason);
    }
    let yen = store.order(an_order_id(6), soon()).await.expect("readable").expect("there");
    assert_eq!(yen.currency().code(), "JPY");
    let all = CustomerOrders {
        customer_id: a_customer(42),
        statuses: vec![],
        created_from: Some(noon_plus(0)),
        created_to: None,
        after: None,
        limit: 50,
    };
    let page = store.customer_orders(&all, soon()).await.expect("the list works");
    let ids: Vec<_> = page.orders.iter().map(|order| order.id().get()).collect();
    assert_eq!((ids, page.left_out), (vec![5, 4, 3, 2, 1], 0));
}

/// The journal, the counter of ids and the orders go on where they were.
async fn go_on(Stores { orders, journal, .. }: &Stores) {
    let instance = Uuid::from_u128(8);
    let lease = journal.lease(Duty::Sequence, instance, Duration::from_mins(5), soon()).await;
    let lease = lease.expect("the journal leases").expect("it is free");
    let assigned = journal.assign_positions(&lease, 100, soon()).await.expect("assigned");
    assert_eq!(assigned, Leased::Done(1), "the event of the order in yen");
    let entries = journal.entries_after(0, None, 100, soon()).await.expect("it is read").items;
    assert!(entries.len() == 13 && entries.iter().all(Result::is_ok), "{entries:?}");
    let parked = journal.parked(None, 10, soon()).await.expect("it is read");
    assert_eq!(parked.iter().map(|parked| parked.order.get()).collect::<Vec<_>>(), [2]);
    let answer = orders.answer(&a_key("key-1"), soon()).await.expect("it is read");
    let body = answer.expect("it is there").answer.body;
    assert!(body.starts_with(br#"{"id":1,"customerId":42,"#), "{body:?}");
    let id = orders.next_order_id(soon()).await.expect("an id");
    assert!(id > an_order_id(6), "{id}");
    let new = a_change_placing(a_new_order(id.get(), 42));
    orders.commit(new.into(), soon()).await.expect("it is placed");
    let order = orders.order(an_order_id(1), soon()).await.expect("readable").expect("there");
    let confirmed = a_change(moved(&order, OrderStatus::Confirmed, noon_plus(9_999)));
    orders.commit(confirmed.into(), soon()).await.expect("it is confirmed");
}
