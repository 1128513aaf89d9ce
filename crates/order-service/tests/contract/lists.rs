//! `GET /orders/customer/{customerId}`: order, pages, filters, cursors.

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{STATUSES, a_body, fresh, id_of, next_link, with};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        a_customer_without_orders_has_an_empty_list,
        orders_are_listed_newest_first_as_they_are_read,
        a_page_has_20_orders_unless_told_otherwise,
        links_lead_through_all_orders_once,
        cursors_do_the_same_as_links,
        orders_placed_meanwhile_do_not_move_later_pages,
        a_filter_by_status_takes_several,
        filters_by_time_start_with_from_and_end_before_to,
        filters_go_along_with_the_link,
        a_cursor_is_bound_to_its_filters,
        a_damaged_cursor_is_refused,
        a_limit_is_1_to_100,
        an_unknown_parameter_is_refused,
        a_filter_that_cannot_be_read_is_refused,
    ]
}

/// A customer with `count` orders, and their ids, newest first.
fn customer_with(stage: &Stage, count: usize) -> (i64, Vec<i64>) {
    let customer = fresh();
    let place = |turn| {
        let body = with(a_body(), "customerId", customer);
        id_of(&stage.instance(turn).place(&body).order(201))
    };
    let mut ids: Vec<_> = (0..count).map(place).collect();
    ids.reverse();
    (customer, ids)
}

/// A page's orders by id, and its cursor.
fn page(stage: &Stage, path: &str) -> (Vec<i64>, Option<String>) {
    let reply = stage.read(path);
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    let page = reply.json();
    let members: Vec<_> = page.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["nextCursor", "orders"]);
    let cursor = page["nextCursor"].as_str().map(str::to_owned);
    assert!(cursor.is_some() || page["nextCursor"].is_null(), "{page}");
    assert_eq!(cursor.is_some(), next_link(&reply).is_some(), "a link wherever a cursor");
    (page["orders"].as_array().unwrap().iter().map(id_of).collect(), cursor)
}

/// Every page that links lead to.
fn pages(stage: &Stage, first: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        assert!(pages.len() < 100, "the links go round");
        pages.push(page(stage, &path).0);
        next = next_link(&stage.read(&path));
    }
    pages
}

fn a_customer_without_orders_has_an_empty_list(stage: &Stage) {
    let reply = stage.read(&format!("/orders/customer/{}", fresh()));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json(), json!({"orders": [], "nextCursor": null}));
    assert_eq!(next_link(&reply), None);
}

fn orders_are_listed_newest_first_as_they_are_read(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 5);
    // A change does not move an order.
    stage.change(ids[3], &json!({"status": "CANCELLED", "reason": "FRAUD"})).order(200);
    let listed = stage.orders_of(customer);
    let read: Vec<_> = ids.iter().map(|id| stage.order(*id)).collect();
    assert_eq!(listed.iter().map(id_of).collect::<Vec<_>>(), ids);
    assert_eq!(listed, read);
    let key = |order: &Value| (order["createdAt"].as_str().unwrap().to_owned(), id_of(order));
    assert!(listed.windows(2).all(|pair| key(&pair[0]) > key(&pair[1])), "by time, then id");
}

fn a_page_has_20_orders_unless_told_otherwise(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 21);
    let path = format!("/orders/customer/{customer}");
    assert_eq!(pages(stage, &path), [&ids[..20], &ids[20..]]);
    let (all, cursor) = page(stage, &format!("{path}?limit=100"));
    assert_eq!((all, cursor), (ids, None));
}

fn links_lead_through_all_orders_once(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 6);
    for limit in [1, 2, 4, 5, 6, 7] {
        let path = format!("/orders/customer/{customer}?limit={limit}");
        let expected: Vec<_> = ids.chunks(limit).collect();
        assert_eq!(pages(stage, &path), expected, "{limit} each; no empty page at the end");
    }
}

fn cursors_do_the_same_as_links(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 5);
    let mut found = Vec::new();
    let mut path = format!("/orders/customer/{customer}?limit=2");
    // The page size may change from page to page, and the instance as well.
    for (turn, limit) in [2, 1, 9].into_iter().enumerate() {
        let reply = stage.instance(turn).read(&path);
        let page = reply.json();
        found.extend(page["orders"].as_array().unwrap().iter().map(id_of));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(cursor.chars().all(plain), "needs no escape in a query: {cursor}");
        let limit = if limit == 2 { 1 } else { 9 };
        path = format!("/orders/customer/{customer}?limit={limit}&cursor={cursor}");
    }
    assert_eq!(found, ids);
}

fn orders_placed_meanwhile_do_not_move_later_pages(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 4);
    let path = format!("/orders/customer/{customer}?limit=2");
    let (first, cursor) = page(stage, &path);
    assert_eq!(first, ids[..2]);
    for _ in 0..3 {
        stage.place(&with(a_body(), "customerId", customer)).order(201);
    }
    let (second, end) = page(stage, &format!("{path}&cursor={}", cursor.unwrap()));
    assert_eq!((second.as_slice(), end), (&ids[2..], None));
}

fn a_filter_by_status_takes_several(stage: &Stage) {
    let customer = fresh();
    let orders: Vec<_> = STATUSES
        .iter()
        .map(|status| {
            let id = id_of(&stage.place(&with(a_body(), "customerId", customer)).order(201));
            let way: &[&str] = match *status {
                "PENDING" => &[],
                "CANCELLED" => &["CANCELLED"],
                "CONFIRMED" => &["CONFIRMED"],
                "IN_PROGRESS" => &["CONFIRMED", "IN_PROGRESS"],
                _ => &["CONFIRMED", "IN_PROGRESS", "DELIVERED"],
            };
            for status in way {
                stage.change(id, &json!({"status": status})).order(200);
            }
            id
        })
        .collect();
    let path = format!("/orders/customer/{customer}");
    for (at, status) in STATUSES.iter().enumerate() {
        let (found, _) = page(stage, &format!("{path}?status={status}"));
        assert_eq!(found, [orders[at]], "{status}");
    }
    let (found, _) = page(stage, &format!("{path}?status=CANCELLED&status=PENDING"));
    assert_eq!(found, [orders[4], orders[0]]);
    assert_eq!(page(stage, &format!("{path}?status=CANCELLED,PENDING")).0, found, "with commas");
    let (found, _) = page(stage, &format!("{path}?status=canceled&status=cancelled"));
    assert_eq!(found, [orders[4]], "twice is once");
    let every: Vec<_> = STATUSES.iter().map(|status| format!("status={status}")).collect();
    let (found, _) = page(stage, &format!("{path}?{}", every.join("&")));
    assert_eq!(found.len(), 5);
}

fn filters_by_time_start_with_from_and_end_before_to(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 4);
    let path = format!("/orders/customer/{customer}");
    let placed = |at: usize| stage.order(ids[at])["createdAt"].as_str().unwrap().to_owned();
    // The newest comes first: ids[3] is the oldest.
    let found = |query: &str| page(stage, &format!("{path}?{query}")).0;
    assert_eq!(found(&format!("createdFrom={}", placed(2))), ids[..3]);
    assert_eq!(found(&format!("createdTo={}", placed(2))), ids[3..]);
    let between = format!("createdFrom={}&createdTo={}", placed(2), placed(0));
    assert_eq!(found(&between), ids[1..3]);
    // The same moment in another time zone, to the microsecond.
    let moment = chrono::DateTime::parse_from_rfc3339(&placed(2)).unwrap();
    let east = moment.with_timezone(&chrono::FixedOffset::east_opt(5 * 3_600).unwrap());
    let east = east.to_rfc3339().replace('+', "%2B");
    assert_eq!(found(&format!("createdFrom={east}")), ids[..3]);
    let after = (moment + chrono::TimeDelta::microseconds(1)).to_utc();
    let after = after.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    assert_eq!(found(&format!("createdFrom={after}")), ids[..2]);
    for all in ["createdFrom=0001-01-01T00:00:00Z", "createdTo=9999-12-31T23:59:59.999999Z"] {
        assert_eq!(found(all), ids, "{all}");
    }
    assert_eq!(found("createdFrom=9999-12-31T23:59:59Z"), [0; 0]);
}

fn filters_go_along_with_the_link(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 6);
    for id in [ids[1], ids[4]] {
        stage.change(id, &json!({"status": "CONFIRMED"})).order(200);
    }
    let from = stage.order(ids[4])["createdAt"].clone();
    let query =
        format!("limit=2&status=pending&status=cancelled&createdFrom={}", from.as_str().unwrap());
    let found = pages(stage, &format!("/orders/customer/{customer}?{query}"));
    assert_eq!(found, [vec![ids[0], ids[2]], vec![ids[3]]]);
}

fn a_cursor_is_bound_to_its_filters(stage: &Stage) {
    let (customer, ids) = customer_with(stage, 3);
    let path = format!("/orders/customer/{customer}");
    let bound = format!("{path}?limit=1&status=PENDING");
    let (_, cursor) = page(stage, &bound);
    let cursor = cursor.unwrap();
    assert_eq!(page(stage, &format!("{bound}&cursor={cursor}")).0, ids[1..2]);
    for other in [
        format!("{path}?cursor={cursor}"),
        format!("{path}?status=CONFIRMED&cursor={cursor}"),
        format!("{path}?status=PENDING&status=CONFIRMED&cursor={cursor}"),
        format!("{path}?status=PENDING&createdFrom=2020-01-01T00:00:00Z&cursor={cursor}"),
        format!("{path}?status=PENDING&createdTo=2999-01-01T00:00:00Z&cursor={cursor}"),
        format!("/orders/customer/{}?status=PENDING&cursor={cursor}", fresh()),
    ] {
        let reply = stage.read(&other);
        reply.problem(400, "invalid_cursor");
        assert_eq!(reply.places("parameter"), ["cursor"], "{other}");
    }
}

fn a_damaged_cursor_is_refused(stage: &Stage) {
    let (customer, _) = customer_with(stage, 2);
    let path = format!("/orders/customer/{customer}");
    let (_, cursor) = page(stage, &format!("{path}?limit=1"));
    let cursor = cursor.unwrap();
    let long = "A".repeat(4_000);
    for damaged in
        ["", "x", "null", "%00", &cursor[1..], &format!("{cursor}A"), "1", "%27--", &long]
    {
        stage.read(&format!("{path}?cursor={damaged}")).problem(400, "invalid_cursor");
    }
    stage
        .read(&format!("{path}?cursor={cursor}&cursor={cursor}"))
        .problem(400, "invalid_parameter");
}

fn a_limit_is_1_to_100(stage: &Stage) {
    let path = format!("/orders/customer/{}", fresh());
    for limit in ["1", "100"] {
        assert_eq!(stage.read(&format!("{path}?limit={limit}")).status, 200, "{limit}");
    }
    for limit in ["0", "101", "-1", "", "x", "1.5", "1e1", "99999999999999999999", "%2B5", "%201"] {
        let reply = stage.read(&format!("{path}?limit={limit}"));
        reply.problem(400, "invalid_parameter");
        assert_eq!(reply.places("parameter"), ["limit"], "{limit}");
    }
}

fn an_unknown_parameter_is_refused(stage: &Stage) {
    let reply = stage.read(&format!("/orders/customer/{}?Limit=5&page=2", fresh()));
    reply.problem(400, "invalid_parameter");
    assert_eq!(reply.places("parameter"), ["Limit", "page"]);
}

fn a_filter_that_cannot_be_read_is_refused(stage: &Stage) {
    let path = format!("/orders/customer/{}", fresh());
    for name in ["createdFrom", "createdTo"] {
        for time in
            ["", "today", "2026-11-22", "2026-11-22T12:00:00", "1763812800", "2026-02-30T00:00:00Z"]
        {
            let reply = stage.read(&format!("{path}?{name}={time}"));
            reply.problem(400, "invalid_parameter");
            assert_eq!(reply.places("parameter"), [name], "{time}");
        }
    }
    for status in ["SHIPPED", "", "PENDING,", "PENDING,SHIPPED"] {
        let reply = stage.read(&format!("{path}?status={status}"));
        reply.problem(400, "unknown_status");
        assert_eq!(reply.places("parameter"), ["status"], "{status}");
    }
    let reply = stage.read(&format!("{path}?status=SHIPPED&limit=0&createdFrom=x"));
    reply.problem(400, "invalid_parameter");
    let mut places = reply.places("parameter");
    places.sort_unstable();
    assert_eq!(places, ["createdFrom", "limit", "status"], "all at once");
}
