//! Databases that other programs use, too: that migrate at the same time, with a table of the Spring service,
//! with rows that others wrote.

use std::sync::Arc;

use futures_util::future::join_all;
use order_app::ports::{Conflict, CustomerOrders, Extent, OrderChange, OrderStore, StoreError};
use order_domain::{Currency, MAX_ID, OrderStatus, Version};
use order_testkit::databases::{self, Database};
use order_testkit::examples::{
    a_change, a_change_placing, a_customer, a_key, a_new_order, a_recorded_answer, an_amount,
    an_order_id, moved, noon, soon,
};
use persistence_diesel::migrate;
use tokio::runtime::Runtime;

use crate::rig::{settings, store};

/// Every migration runs once, and no process fails.
pub(crate) fn several_processes_migrate_at_once(database: Database) {
    let scratch = database.scratch();
    let runtime = Runtime::new().expect("a runtime starts");
    let done = runtime.block_on(async {
        let migrations = (0..4).map(|_| {
            let settings = settings(&scratch.url);
            tokio::spawn(
                async move { migrate(&settings, Extent::Quick).await.expect("it migrates") },
            )
        });
        join_all(migrations.collect::<Vec<_>>()).await
    });
    let mut done: Vec<String> = done.into_iter().flat_map(|ran| ran.expect("no panic")).collect();
    let all = done.len();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), all, "each migration ran once: {done:?}");
    assert!(all >= 5, "{done:?}");
}

/// The seven columns keep their names and meaning: existing rows are orders, new ids follow theirs, and other
/// programs may still insert rows with the seven columns alone.
pub(crate) fn a_table_of_seven_columns_is_adopted(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let (amount, first, second) = match database {
        Database::Sqlite => ("BIGINT", "1499700", "75000"),
        _ => ("DECIMAL(19, 4)", "149.97", "7.5"),
    };
    let document = match database {
        Database::Sqlite => "TEXT",
        _ => "JSON",
    };
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(
            url,
            &format!(
                "CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, customer_id BIGINT NOT NULL, \
                 items {document} NOT NULL, total_amount {amount} NOT NULL, \
                 status VARCHAR(20) NOT NULL, created_at TIMESTAMP NOT NULL, \
                 updated_at TIMESTAMP NOT NULL)"
            ),
        )
        .await;
        execute(url, &insert(4_711, "\"49.99\"", 3, first, "CONFIRMED")).await;
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        let found = store.order(an_order_id(4_711), soon()).await.expect("it is readable");
        let found = found.expect("it is there");
        assert_eq!(found.status(), OrderStatus::Confirmed);
        assert_eq!(found.snapshot().lines.total(), an_amount("149.97"));
        assert!(store.next_order_id(soon()).await.expect("an id") > an_order_id(4_711));
        // The adopted order lives on.
        let progressed = a_change(moved(&found, OrderStatus::InProgress, noon()));
        store.commit(progressed.into(), soon()).await.expect("it may go on");
        // Another program inserts a row under one of our next ids, with a price that is a number.
        let taken = store.next_order_id(soon()).await.expect("an id").get() + 1;
        execute(url, &insert(taken, "7.50", 1, second, "PENDING")).await;
        let theirs = store.order(an_order_id(taken), soon()).await.expect("it is readable");
        let theirs = theirs.expect("it is there").into_snapshot();
        assert_eq!((theirs.lines.total(), theirs.version), (an_amount("7.5"), Version::FIRST));
        assert_eq!(theirs.lines.currency(), Currency::USD);
        let stored = store.stored(an_order_id(taken), None, soon()).await.expect("it is readable");
        assert_eq!(stored.expect("it is there").saga_revision, 0, "it has no saga");
        let clash = a_change_placing(a_new_order(taken, 7));
        assert!(matches!(store.commit(clash.into(), soon()).await, Err(StoreError::Conflict(_))));
        let next = store.next_order_id(soon()).await.expect("an id");
        assert!(next > an_order_id(taken), "the store steps over ids that others use");
    });
}

/// JPA counts versions from 0. Both services go on counting in the same column, and neither overwrites a change of the other.
pub(crate) fn a_version_that_jpa_made_is_reused(database: Database) {
    let types = match database {
        Database::Sqlite => return no_type_can_be_changed(database),
        _ => ["INTEGER NOT NULL DEFAULT 0", "INTEGER NOT NULL", "BIGINT NOT NULL DEFAULT '0'"],
    };
    for version in types {
        let scratch = database.scratch();
        let url = &scratch.url;
        Runtime::new().expect("a runtime starts").block_on(async {
            execute(url, &nullable_table(database)).await;
            execute(url, &format!("ALTER TABLE orders ADD COLUMN version {version}")).await;
            let document = r#"[{"productId":1,"quantity":3,"unitPrice":49.99}]"#;
            for (id, version) in [(1, 0), (2, 6), (3, -1)] {
                let theirs = row(database, id, document, "149.97", "PENDING");
                let theirs = theirs.replacen("updated_at)", "updated_at, version)", 1);
                let theirs = theirs.strip_suffix(')').expect("it ends so");
                execute(url, &format!("{theirs}, {version})")).await;
            }
            migrate(&settings(url), Extent::Quick).await.expect("it migrates");
            let store = store(url);
            store
                .commit(a_change_placing(a_new_order(4, 7)).into(), soon())
                .await
                .expect("it is placed");
            for (id, expected, stored) in [(1, 1, 0), (2, 7, 6), (4, 1, 0)] {
                let order = store.order(an_order_id(id), soon()).await.expect("readable");
                let order = order.expect("it is there");
                assert_eq!(order.version().get(), expected, "order {id}");
                let one = format!("orders WHERE id = {id} AND version = {stored}");
                assert_eq!(databases::count(url, &one).await.expect("counted"), 1, "{one}");
                let change = a_change(moved(&order, OrderStatus::Confirmed, noon()));
                assert_eq!(change.event.sequence.get(), expected + 1);
                store.commit(change.clone().into(), soon()).await.expect("it is changed");
                // The other service has read the version before, and so has a second change of ours.
                let set = "UPDATE orders SET status = 'CANCELLED'";
                let stale =
                    format!("{set}, version = {stored} + 1 WHERE id = {id} AND version = {stored}");
                execute(url, &stale).await;
                let order = store.order(an_order_id(id), soon()).await.expect("readable");
                let order = order.expect("it is there");
                assert_eq!(order.status(), OrderStatus::Confirmed, "order {id}");
                // Now the other service comes first.
                let (now, next) = (stored + 1, stored + 2);
                execute(
                    url,
                    &format!("{set}, version = {next} WHERE id = {id} AND version = {now}"),
                )
                .await;
                let late = a_change(moved(&order, OrderStatus::InProgress, noon()));
                let late = store.commit(late.into(), soon()).await;
                assert!(matches!(late, Err(StoreError::Conflict(Conflict::Version))), "{late:?}");
            }
            assert_eq!(unreadable_column(&store, 3).await, "version");
            let listed = listed(&store, &of_customer_7()).await;
            assert_eq!((listed.0.len(), listed.1), (3, 1));
        });
    }
}

/// There, too, changes of a batch have their answers, and those that are refused have none.
pub(crate) fn answers_beside_a_version_that_jpa_made(database: Database) {
    if database == Database::Sqlite {
        return;
    }
    let scratch = database.scratch();
    let url = &scratch.url;
    let answered = |key: &str, change: OrderChange| {
        let answer = a_recorded_answer(a_key(key));
        OrderChange { answer: Some(answer), ..change }
    };
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(url, &nullable_table(database)).await;
        execute(url, "ALTER TABLE orders ADD COLUMN version INTEGER NOT NULL DEFAULT 0").await;
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        let mut changes = Vec::new();
        for id in 1..=30 {
            let placed = a_change_placing(a_new_order(id, 7));
            store.commit(placed.clone().into(), soon()).await.expect("it is placed");
            let confirmed = a_change(moved(&placed.order, OrderStatus::Confirmed, noon()));
            if id % 2 == 0 {
                store.commit(confirmed.clone().into(), soon()).await.expect("it is confirmed");
            }
            // Every other one comes too late.
            let cancelled = a_change(moved(&placed.order, OrderStatus::Cancelled, noon()));
            changes.push((id % 2 == 1, answered(&format!("change-{id}"), cancelled)));
            let placed = a_change_placing(a_new_order(100 + id, 7));
            changes.push((true, answered(&format!("place-{id}"), placed)));
        }
        let commits = changes.iter().map(|(_, change)| store.commit(change.clone().into(), soon()));
        let results = join_all(commits).await;
        for ((lands, change), result) in changes.into_iter().zip(results) {
            let expected = change.answer.expect("it has one");
            let key = expected.key.key.clone();
            assert_eq!(result.is_ok(), lands, "{key}: {result:?}");
            let found = store.answer(&expected.key, soon()).await.expect("it is read");
            assert_eq!(found, lands.then_some(expected), "{key}");
        }
    });
}

/// SQLite changes no column, so a column of another service must make room.
fn no_type_can_be_changed(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(url, &nullable_table(database)).await;
        execute(url, "ALTER TABLE orders ADD COLUMN version INTEGER").await;
        let refused = migrate(&settings(url), Extent::Whole).await;
        let refused = order_app::errors::chain(&refused.expect_err("it is refused"));
        assert!(refused.contains("orders.version is INTEGER"), "{refused}");
    });
}

/// The document may have any type that holds JSON: Hibernate makes `jsonb` on PostgreSQL.
pub(crate) fn each_type_of_document_works(database: Database) {
    let types: &[&str] = match database {
        Database::Postgres => &["JSON", "JSONB", "TEXT"],
        Database::Mariadb | Database::Mysql => &["JSON", "LONGTEXT CHARACTER SET utf8mb4"],
        Database::Sqlite => &["JSON", "TEXT"],
    };
    let amount = if database == Database::Sqlite { "BIGINT" } else { "DECIMAL(19, 4)" };
    for document in types {
        let scratch = database.scratch();
        let url = &scratch.url;
        Runtime::new().expect("a runtime starts").block_on(async {
            execute(
                url,
                &format!(
                    "CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, customer_id BIGINT NOT NULL, \
                     items {document} NOT NULL, total_amount {amount} NOT NULL, \
                     status VARCHAR(20) NOT NULL, created_at TIMESTAMP NOT NULL, \
                     updated_at TIMESTAMP NOT NULL)"
                ),
            )
            .await;
            migrate(&settings(url), Extent::Quick).await.expect("it migrates");
            let text = r#"[{"productId":1,"name":"Lämpchen 灯","quantity":3,"unitPrice":49.99}]"#;
            execute(url, &row(database, 1, text, "149.97", "CONFIRMED")).await;
            let store = store(url);
            store.commit(a_change_placing(a_new_order(2, 7)).into(), soon()).await.expect("it is placed");
            for id in [1, 2, 1, 2] {
                let order = store.order(an_order_id(id), soon()).await.expect("it is readable");
                let order = order.expect("it is there");
                let next = order.status().allowed_transitions().next().expect("it may go on");
                store.commit(a_change(moved(&order, next, noon())).into(), soon()).await.expect("changed");
            }
            assert_eq!(listed(&store, &of_customer_7()).await.1, 0, "{document}");
            let order = store.order(an_order_id(1), soon()).await.expect("readable").expect("there");
            let name = order.snapshot().lines.as_slice()[0].name.as_ref().expect("a name");
            assert_eq!(name.as_str(), "Lämpchen 灯", "{document}");
        });
    }
}

/// The other rows stay readable.
pub(crate) fn an_unreadable_row_is_set_aside(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        for id in 1..=6 {
            let change = a_change_placing(a_new_order(id, 7));
            store.commit(change.into(), soon()).await.expect("it is placed");
        }
        execute(url, "UPDATE orders SET status = 'LOST' WHERE id = 2").await;
        execute(url, "UPDATE orders SET total_amount = -5 WHERE id = 3").await;
        execute(url, "UPDATE orders SET currency = 'ABC' WHERE id = 4").await;
        execute(url, "UPDATE orders SET cancel_reason = 'WHIM' WHERE id = 5").await;
        for (id, column) in
            [(2, "status"), (3, "total_amount"), (4, "currency"), (5, "cancel_reason")]
        {
            assert_eq!(unreadable_column(&store, id).await, column);
        }
        assert_eq!(listed(&store, &of_customer_7()).await, (vec![6, 1], 4));
    });
}

/// A row that another program wrote is read when it has one clear meaning, and found by its status; a change then writes it as
/// ours.
pub(crate) fn rows_with_one_clear_meaning_are_read(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let line = r#""productId":1,"quantity":3,"unitPrice":49.99"#;
    let documents = [
        r#"[{"product_id":1,"quantity":3,"unit_price":"49.99"}]"#.to_owned(),
        r#"[{"productId":"1","quantity":"3","unitPrice":49.990}]"#.to_owned(),
        r#"[{"productId":1.0,"quantity":3.0,"unitPrice":4999e-2}]"#.to_owned(),
        format!(r#"[{{{line},"name":null,"sku":"A-1","tags":[{{"x":1}}]}}]"#),
        format!("{:?}", format!("[{{{line}}}]")),
    ];
    let spellings = ["confirmed", "Confirmed", " CONFIRMED ", "CONFIRMED", "cOnFiRmEd"];
    let progress = ["in_progress", "In Progress", "in-progress", "InProgress", "INPROGRESS"];
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(url, &nullable_table(database)).await;
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        let mut id = 0;
        for (document, statuses) in documents.iter().zip(spellings.iter().zip(progress)) {
            for status in [*statuses.0, statuses.1, "canceled"] {
                id += 1;
                execute(url, &row(database, id, document, "149.97", status)).await;
            }
        }
        // Empty texts, and times that another clock gave, have one meaning, too.
        let empty = "UPDATE orders SET client_reference = '', cancel_reason = NULL WHERE id = 1";
        execute(url, empty).await;
        execute(url, "UPDATE orders SET updated_at = '2026-11-22 11:59:59' WHERE id = 2").await;
        execute(url, "UPDATE orders SET updated_at = NULL WHERE id = 3").await;
        for id in 1..=id {
            let order = store.order(an_order_id(id), soon()).await.expect("it is readable");
            let order = order.expect("it is there").into_snapshot();
            assert_eq!(order.lines.total(), an_amount("149.97"), "order {id}");
            assert_eq!(order.updated_at, order.created_at, "order {id}");
            assert_eq!(order.client_reference, None, "order {id}");
        }
        for (status, first) in [
            (OrderStatus::Confirmed, 1),
            (OrderStatus::InProgress, 2),
            (OrderStatus::Cancelled, 3),
            (OrderStatus::Delivered, i64::MAX),
        ] {
            let query = CustomerOrders { statuses: vec![status], ..of_customer_7() };
            let expected: Vec<_> = (first..=id).step_by(3).collect();
            let (mut found, left_out) = listed(&store, &query).await;
            found.reverse();
            assert_eq!((found, left_out), (expected, 0), "{status}");
        }
        let found = store.order(an_order_id(1), soon()).await.expect("readable").expect("there");
        let progressed = a_change(moved(&found, OrderStatus::InProgress, noon()));
        store.commit(progressed.into(), soon()).await.expect("it may go on");
        let ours = "orders WHERE id = 1 AND status = 'IN_PROGRESS' AND version = 2";
        assert_eq!(databases::count(url, ours).await.expect("it is counted"), 1);
    });
}

/// What has no clear meaning is named by its column.
pub(crate) fn rows_without_a_clear_meaning_are_named_by_their_column(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let line = r#""productId":1,"quantity":3,"unitPrice":49.99"#;
    let whole = format!("[{{{line}}}]");
    let long = format!(r#"[{{{line},"name":"{}"}}]"#, "x".repeat(201));
    let twice = format!("[{{{line}}},{{{line}}}]");
    let rows = [
        (&*whole, "160.00", "PENDING", "total_amount"),
        (&*long, "149.97", "PENDING", "items"),
        (&*twice, "299.94", "PENDING", "items"),
        ("[]", "0", "PENDING", "items"),
        ("{}", "149.97", "PENDING", "items"),
        ("7", "149.97", "PENDING", "items"),
        (r#"[{"quantity":3,"unitPrice":49.99}]"#, "149.97", "PENDING", "items"),
        (
            r#"[{"productId":1,"product_id":2,"quantity":3,"unitPrice":49.99}]"#,
            "149.97",
            "PENDING",
            "items",
        ),
        (r#"[{"productId":1,"quantity":1.5,"unitPrice":99.98}]"#, "149.97", "PENDING", "items"),
        (r#"[{"productId":1,"quantity":3,"unitPrice":"49,99"}]"#, "149.97", "PENDING", "items"),
        (r#"[{"productId":1,"quantity":3,"unitPrice":49.991}]"#, "149.973", "PENDING", "items"),
        (&*whole, "149.97", "SHIPPED", "status"),
        (&*whole, "149.97", "", "status"),
    ];
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(url, &nullable_table(database)).await;
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        for (id, (document, total, status, column)) in (1..).zip(rows) {
            execute(url, &row(database, id, document, total, status)).await;
            assert_eq!(unreadable_column(&store, id).await, column, "{document} {total} {status}");
        }
        let all = u32::try_from(rows.len()).expect("a few");
        assert_eq!(listed(&store, &of_customer_7()).await, (vec![], all));
        // NULL, where the table lets it in.
        for (id, column) in
            (1..).zip(["items", "total_amount", "status", "created_at", "customer_id"])
        {
            execute(url, &row(database, 100 + id, &whole, "149.97", "PENDING")).await;
            execute(url, &format!("UPDATE orders SET {column} = NULL WHERE id = {}", 100 + id))
                .await;
            assert_eq!(unreadable_column(&store, 100 + id).await, column);
        }
    });
}

async fn unreadable_column(store: &Arc<dyn OrderStore>, id: i64) -> &'static str {
    match store.order(an_order_id(id), soon()).await {
        Err(StoreError::Unreadable(order)) if order.id == id => order.column,
        other => panic!("order {id}: {other:?}"),
    }
}

/// The ids in all pages, and how many orders they leave out.
async fn listed(store: &Arc<dyn OrderStore>, query: &CustomerOrders) -> (Vec<i64>, u32) {
    let (mut query, mut ids, mut left_out) = (query.clone(), vec![], 0);
    loop {
        let page = store.customer_orders(&query, soon()).await.expect("the list works");
        ids.extend(page.orders.iter().map(|order| order.id().get()));
        left_out += page.left_out;
        query.after = page.next;
        if page.next.is_none() {
            return (ids, left_out);
        }
    }
}

/// The table of a service that declares nothing but the types.
fn nullable_table(database: Database) -> String {
    let (document, amount) = match database {
        Database::Sqlite => ("TEXT", "BIGINT"),
        _ => ("JSON", "DECIMAL(19, 3)"),
    };
    format!(
        "CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, customer_id BIGINT NULL, \
         items {document} NULL, total_amount {amount} NULL, status VARCHAR(255) NULL, \
         created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL)"
    )
}

/// An insert of the seven columns.
fn row(database: Database, id: i64, document: &str, total: &str, status: &str) -> String {
    let total = match database {
        Database::Sqlite => format!("CAST(round({total} * 10000) AS INTEGER)"),
        _ => total.to_owned(),
    };
    let document = match database {
        // A backslash in a text means itself elsewhere.
        Database::Mariadb | Database::Mysql => document.replace('\\', "\\\\"),
        _ => document.to_owned(),
    };
    format!(
        "INSERT INTO orders (id, customer_id, items, total_amount, status, created_at, updated_at) \
         VALUES ({id}, 7, '{document}', {total}, '{status}', '2026-11-22 12:00:00', \
         '2026-11-22 12:00:00')"
    )
}

/// Requests that share its statement get their results.
pub(crate) fn an_unreadable_row_does_not_affect_others_in_a_batch(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    // A value that is no amount, where a column can hold one.
    let (column, wrong) = match database {
        Database::Postgres => ("total_amount", "'NaN'"),
        _ => ("status", "'LOST'"),
    };
    Runtime::new().expect("a runtime starts").block_on(async {
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        for (id, customer) in [(1, 7), (2, 8)] {
            let change = a_change_placing(a_new_order(id, customer));
            store.commit(change.into(), soon()).await.expect("it is placed");
        }
        execute(url, &format!("UPDATE orders SET {column} = {wrong} WHERE id = 2")).await;
        let lists = (0..40).map(|number| {
            let customer = 7 + i64::from(number % 8 == 3);
            let query = CustomerOrders { customer_id: a_customer(customer), ..of_customer_7() };
            let store = store.clone();
            tokio::spawn(async move { (customer, store.customer_orders(&query, soon()).await) })
        });
        let orders = (0..40).map(|number| {
            let id = 1 + i64::from(number % 8 == 3);
            let store = store.clone();
            tokio::spawn(async move { (id, store.order(an_order_id(id), soon()).await) })
        });
        let (lists, orders): (Vec<_>, Vec<_>) = (lists.collect(), orders.collect());
        for list in join_all(lists).await {
            match list.expect("no panic") {
                (7, page) => assert_eq!(page.expect("a page").orders.len(), 1),
                (_, page) => assert_eq!(page.expect("a page").orders, []),
            }
        }
        for order in join_all(orders).await {
            match order.expect("no panic") {
                (1, order) => assert!(order.expect("readable").is_some()),
                (_, order) => assert!(matches!(order, Err(StoreError::Unreadable(_))), "{order:?}"),
            }
        }
    });
}

fn of_customer_7() -> CustomerOrders {
    CustomerOrders {
        customer_id: a_customer(7),
        statuses: vec![],
        created_from: None,
        created_to: None,
        after: None,
        limit: 2,
    }
}

async fn execute(url: &str, statements: &str) {
    databases::execute(url, statements).await.expect("the statements run");
}

/// An id above the largest valid one does not use up our ids.
pub(crate) fn an_id_beyond_all_is_stepped_over(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let total = if database == Database::Sqlite { "75000" } else { "7.5" };
    Runtime::new().expect("a runtime starts").block_on(async {
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        for id in [MAX_ID, MAX_ID + 1, 1_793_847_502_347_593_728] {
            execute(url, &insert(id, "7.50", 1, total, "PENDING")).await;
        }
        let store = store(url);
        for _ in 0..100 {
            let id = store.next_order_id(soon()).await.expect("an id");
            let change = a_change_placing(a_new_order(id.get(), 7));
            store.commit(change.into(), soon()).await.expect("it is free");
        }
    });
}

/// Callers may be on a runtime of one thread, as the workers of an HTTP server are, and may go away at any
/// moment.
pub(crate) fn a_caller_on_one_thread_may_go_away(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let main = Runtime::new().expect("a runtime starts");
    let store = main.block_on(async {
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        let store = store(url);
        for id in 1..=50 {
            store
                .commit(a_change_placing(a_new_order(id, 7)).into(), soon())
                .await
                .expect("placed");
        }
        store
    });
    let worker = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    worker.block_on(async {
        for micros in 0..300 {
            let patience = std::time::Duration::from_micros(micros * 5);
            let _ = tokio::time::timeout(patience, store.order(an_order_id(7), soon())).await;
            let hasty = order_testkit::examples::within(patience);
            let _ = store.events(an_order_id(7), 0, 10, hasty).await;
        }
        store.ping(soon()).await.expect("the store works");
    });
}

pub(crate) fn insert(id: i64, price: &str, quantity: u16, total: &str, status: &str) -> String {
    format!(
        "INSERT INTO orders (id, customer_id, items, total_amount, status, created_at, updated_at) \
         VALUES ({id}, 7, '[{{\"productId\":1,\"quantity\":{quantity},\"unitPrice\":{price}}}]', \
         {total}, '{status}', '2026-11-22 12:00:00', '2026-11-22 12:00:00')"
    )
}
