//! Times that other programs write: as SQLite keeps them, in any of several forms, and in another zone than UTC.

use std::sync::Arc;

use order_app::ports::{CustomerOrders, Extent, OrderStore, StoreError};
use order_testkit::databases::{self, Database};
use order_testkit::examples::{
    a_change_placing, a_customer, a_new_order, an_order_id, noon_plus, soon,
};
use persistence_diesel::{StoreSettings, migrate, open};
use tokio::runtime::Runtime;

use crate::rig::{settings, store};

/// Values of a column, and the time that each means, in microseconds after 10:00 on 2024-05-01, UTC. Some are the same time.
const TIMES: [(&str, i64); 22] = [
    ("'2024-05-01 10:00:00.5'", 500_000),
    ("'2024-05-01 10:00:00.50'", 500_000),
    ("'2024-05-01 10:00:00.500001'", 500_001),
    ("'2024-05-01T10:00:00.4999999'", 499_999),
    ("'2024-05-01 10:00:00.999999999'", 999_999),
    ("'2024-05-01 10:00'", 0),
    ("'2024-05-01T10:00'", 0),
    ("'2024-05-01 10:00:00'", 0),
    ("'2024-05-01 10:00:00.0'", 0),
    ("'2024-05-01T10:00:00Z'", 0),
    ("'2024-05-01T10:00Z'", 0),
    ("'2024-05-01 10:00:00.000 Z'", 0),
    ("'2024-05-01 12:00:00+02:00'", 0),
    ("'2024-05-01T04:30:00.25-05:30'", 250_000),
    ("'2024-05-01 09:00 -01:00'", 0),
    ("1714557600000", 0),
    ("1714557600123", 123_000),
    ("1714557600", 0),
    ("'1714557599999'", -1_000),
    ("'2024-05-01'", -36_000_000_000),
    ("'2024-05-01 23:59:59.999999+00:00'", 50_399_999_999),
    ("'2024-05-02 00:30:00+14:00'", 1_800_000_000),
];

/// What is no time, in the column of an order.
const OTHERS: [&str; 12] = [
    "'yesterday'",
    "'2024-02-30 10:00:00'",
    "'2024-05-01 24:00:00'",
    "'2024-05-01 10:60'",
    "'2024-05-01 10:00:00.5e3'",
    "'2024-05-01 10:00:00 CET'",
    "'10:00'",
    "'0001-01-01 00:00:00'",
    "20240501",
    "17145576000000",
    "2460431.9",
    "x'323032342d30352d3031'",
];

fn list(limit: u32) -> CustomerOrders {
    CustomerOrders {
        customer_id: a_customer(7),
        statuses: vec![],
        created_from: None,
        created_to: None,
        after: None,
        limit,
    }
}

/// The ids in all pages with the times of their orders, and how many orders they leave out.
async fn listed(store: &Arc<dyn OrderStore>, query: &CustomerOrders) -> (Vec<(i64, i64)>, u32) {
    let (mut query, mut found, mut left_out) = (query.clone(), vec![], 0);
    loop {
        let page = store.customer_orders(&query, soon()).await.expect("the list works");
        found.extend(page.orders.iter().map(|order| {
            let created = order.snapshot().created_at.timestamp_micros();
            (created - 1_714_557_600_000_000, order.id().get())
        }));
        left_out += page.left_out;
        query.after = page.next;
        if page.next.is_none() {
            return (found, left_out);
        }
        assert!(found.len() <= TIMES.len() && left_out <= 12, "pages repeat");
    }
}

/// Each order is in the list once, by the time that a read of it shows, whatever the size of pages, and whether the row was
/// there before the migration or came later.
pub(crate) fn each_text_of_a_time_has_one_place_in_lists(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        let table = "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id BIGINT, items TEXT, \
                     total_amount BIGINT, status TEXT, created_at TIMESTAMP, updated_at TIMESTAMP)";
        databases::execute(url, table).await.expect(table);
        let values = TIMES.iter().map(|(value, _)| *value).chain(OTHERS);
        for (id, value) in (1..).zip(values) {
            let insert = format!(
                "INSERT INTO orders VALUES ({id}, 7, \
                 '[{{\"productId\":1,\"quantity\":3,\"unitPrice\":49.99}}]', 1499700, 'PENDING', {value}, {value})"
            );
            let insert = insert.replacen("orders", "orders (id, customer_id, items, total_amount, status, created_at, updated_at)", 1);
            if id == 18 {
                migrate(&settings(url), Extent::Quick).await.expect("it migrates");
            }
            databases::execute(url, &insert).await.expect(&insert);
        }
        let store = store(url);
        let mut expected = Vec::new();
        for (id, (value, micros)) in (1..).zip(TIMES) {
            let order = store.order(an_order_id(id), soon()).await.expect(value);
            let order = order.expect("it is there").into_snapshot();
            let created = order.created_at.timestamp_micros() - 1_714_557_600_000_000;
            assert_eq!(created, micros, "{value}");
            assert_eq!(order.updated_at, order.created_at, "{value}");
            expected.push((micros, id));
        }
        for (id, value) in (i64::try_from(TIMES.len()).expect("a few") + 1..).zip(OTHERS) {
            let order = store.order(an_order_id(id), soon()).await;
            let Err(StoreError::Unreadable(order)) = order else { panic!("{value}: {order:?}") };
            assert_eq!(order.column, "created_at", "{value}");
        }
        expected.sort_unstable();
        expected.reverse();
        let others = u32::try_from(OTHERS.len()).expect("a few");
        for limit in [1, 2, 3, 5, 7, 50] {
            assert_eq!(listed(&store, &list(limit)).await, (expected.clone(), others), "{limit}");
        }
        for (from, to) in [(0, 1), (1, 500_000), (-36_000_000_000, 0), (499_999, 500_001)] {
            let at = |micros: i64| chrono::DateTime::from_timestamp_micros(micros + 1_714_557_600_000_000);
            let query = CustomerOrders { created_from: at(from), created_to: at(to), ..list(2) };
            let within = |(micros, _): &(i64, i64)| (from..to).contains(micros);
            let within: Vec<_> = expected.iter().copied().filter(within).collect();
            assert_eq!(listed(&store, &query).await, (within, 0), "{from} {to}");
        }
        // The page is one range of the index, which the statement would refuse otherwise.
        let page = "(SELECT id FROM orders INDEXED BY orders_by_customer WHERE customer_id = 7 \
                    AND created_at_micros < 1714557600000000 ORDER BY created_at_micros DESC, id DESC LIMIT 9)";
        assert_eq!(databases::count(url, page).await.expect(page), 9);
        // A time between two microseconds bounds like the next one.
        let query = CustomerOrders {
            created_from: Some(noon_plus(0) + chrono::TimeDelta::nanoseconds(1)),
            ..list(2)
        };
        store.commit(a_change_placing(a_new_order(99, 7)).into(), soon()).await.expect("it is placed");
        assert_eq!(listed(&store, &query).await, (vec![], 0));
    });
}

/// A table whose times have no zone is refused when the settings say that another service means other times than UTC by them;
/// the statement that is named converts them.
pub(crate) fn times_of_another_zone_are_refused_by_name(database: Database) {
    let kinds: &[(&str, bool)] = match database {
        Database::Sqlite => &[("TIMESTAMP", false)],
        Database::Postgres => &[("TIMESTAMP(6)", false), ("TIMESTAMPTZ", true)],
        Database::Mariadb | Database::Mysql => &[
            ("DATETIME(6)", false),
            ("DATETIME", false),
            ("TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)", true),
        ],
    };
    for (kind, has_zone) in kinds {
        for zone in ["Europe/Berlin", "+02:00", "SERVER"] {
            let scratch = database.scratch();
            let url = &scratch.url;
            let with =
                |zone: &str| StoreSettings { time_zone: Some(zone.to_owned()), ..settings(url) };
            Runtime::new().expect("a runtime starts").block_on(async {
                let amount = if database == Database::Sqlite { "BIGINT" } else { "DECIMAL(19, 4)" };
                let table = format!(
                    "CREATE TABLE orders (id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, items JSON, \
                     total_amount {amount}, status VARCHAR(20), created_at {kind}, updated_at {kind})"
                );
                databases::execute(url, &table).await.expect(&table);
                for same in ["UTC", "Etc/UTC", "GMT", "Z", "+00:00", "utc"] {
                    let stores = open(&with(same), Arc::new(order_testkit::RandomEntropy));
                    let found = stores.expect("a URL").database.inspect().await.expect("looked at");
                    assert_eq!(found, Some(vec![]), "{same}");
                }
                let done = migrate(&with(zone), Extent::Whole).await;
                assert_eq!(done.is_ok(), *has_zone, "{kind} {zone}: {done:?}");
                let Err(refused) = done else { return };
                let said = order_app::errors::chain(&refused);
                for part in ["orders.created_at is ", "orders.updated_at is ", zone, "UTC"] {
                    assert!(said.contains(part), "{part}: {said}");
                }
                let row = "INSERT INTO orders VALUES (1, 7, \
                     '[{\"productId\":1,\"quantity\":3,\"unitPrice\":49.99}]', {total}, 'PENDING', \
                     '2026-07-01 12:00:00', '2026-07-01 12:00:00')";
                let total = if database == Database::Sqlite { "1499700" } else { "149.97" };
                databases::execute(url, &row.replace("{total}", total)).await.expect(row);
                let stores = open(&with(zone), Arc::new(order_testkit::RandomEntropy)).expect("a URL");
                let found = stores.database.inspect().await.expect("looked at").expect("a table");
                let mends = found.iter().filter_map(|finding| finding.statement.clone());
                let mends: Vec<_> = mends.collect();
                if database == Database::Sqlite || zone != "+02:00" {
                    return;
                }
                for mend in &mends {
                    databases::execute(url, mend).await.expect(mend);
                }
                migrate(&with(zone), Extent::Quick).await.expect("it is mended");
                let order = stores.orders.order(an_order_id(1), soon()).await.expect("readable");
                let order = order.expect("it is there").into_snapshot();
                assert_eq!(order.created_at.to_string(), "2026-07-01 10:00:00 UTC", "{mends:?}");
            });
        }
    }
}

/// A database without tables, in which the service would keep times without a zone.
pub(crate) fn a_new_table_is_not_made_for_times_of_another_zone(database: Database) {
    let scratch = database.scratch();
    let settings =
        StoreSettings { time_zone: Some("Europe/Berlin".into()), ..settings(&scratch.url) };
    let done =
        Runtime::new().expect("a runtime starts").block_on(migrate(&settings, Extent::Quick));
    // MySQL and MariaDB have a type of times that are UTC inside.
    let has_zone = matches!(database, Database::Mariadb | Database::Mysql);
    assert_eq!(done.is_ok(), has_zone, "{done:?}");
}
