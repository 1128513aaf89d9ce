//! Replays: interrupted and resumed, one at a time, and events that cannot be read.

use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};

use order_testkit::databases::{self, Database, Scratch};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{eventually, send_signal};
use crate::{Instance, LARGE, Topic, small};

#[test]
fn past_events_are_replayed_interrupted_and_resumed() {
    const ORDERS: i64 = 20;
    const EVENTS: usize = 80;
    for database in Database::ALL {
        let (scratch, topic, elsewhere) =
            (database.scratch(), Topic::new(LARGE), Topic::new(LARGE));
        let instance = Instance::start(&scratch, &topic);
        let orders: Vec<_> = (0..ORDERS).map(|_| instance.delivered(&small())).collect();
        let waits = || instance.get("")["waitingEvents"].as_i64();
        assert!(eventually(|| waits() == Some(0)), "{}", instance.service.log());

        let counted = instance.told(&["replay", "--dry-run", "--json"]);
        assert_eq!((&counted["events"], &counted["unpublished"]), (&json!(EVENTS), &json!(0)));
        let selected = ["replay", "--dry-run", "--json", "--type", "order.created", "--order"];
        let first = orders[0].to_string();
        let one = [&selected[..], &[first.as_str()]].concat();
        assert_eq!(instance.told(&one)["events"], 1);
        let mut reader = elsewhere.reader();
        reader.read();
        assert_eq!(reader.events, 0, "a dry run sends nothing");

        let after = interrupted_on_the_command_line(&instance, &elsewhere);
        let after = cancelled_over_http(&instance, &elsewhere, &after);
        let rest =
            instance.told(&["replay", "--topic", &elsewhere.name, "--after", &after, "--json"]);
        assert_eq!((&rest["state"], &rest["position"]), (&json!("COMPLETED"), &json!(EVENTS)));
        for order in &orders {
            reader.until(*order, &[1, 2, 3, 4]);
        }
        assert_eq!(reader.replays, reader.events, "all are marked");
        let repeated = reader.events - EVENTS;
        assert!(repeated <= 40, "{repeated} came twice");
        // The usual topic has each event once.
        let mut live = topic.reader();
        let arrived = eventually(|| {
            live.read();
            live.events >= EVENTS
        });
        assert!(arrived, "{:?}", live.sequences);
        assert_eq!((live.events, live.replays), (EVENTS, 0));
    }
}

#[test]
fn a_replay_of_few_orders_goes_on_after_the_last_one_that_is_done() {
    let (scratch, topic, elsewhere) =
        (Database::Sqlite.scratch(), Topic::new(LARGE), Topic::new(LARGE));
    let instance = Instance::start(&scratch, &topic);
    let orders = published(&instance, 8);
    let named: Vec<_> = orders.iter().map(|order| format!("--order={order}")).collect();
    let few = |more: &[&str]| {
        let mut asked = vec!["replay", "--topic", &elsewhere.name];
        asked.extend(named.iter().map(String::as_str));
        asked.extend(more);
        instance.command(&asked)
    };
    // Four orders at a time.
    let mut slow = few(&["--rate=4"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let errors = BufReader::new(slow.stderr.take().unwrap());
    let mut last = String::new();
    for line in errors.lines().map(Result::unwrap) {
        let up_to = line.split("up to order ").nth(1).and_then(|rest| rest.split(' ').next());
        if up_to.is_some_and(|order| order.parse::<i64>().unwrap() >= orders[0]) {
            send_signal("INT", slow.id());
        }
        last = line;
    }
    assert_eq!(slow.wait().unwrap().code(), Some(130), "{last}");
    let after = last.strip_prefix("order-service: interrupted; to go on: --after-order ").unwrap();
    let done = orders.iter().filter(|order| **order <= after.parse().unwrap()).count();
    assert!((1..8).contains(&done), "{last}");

    let rest = few(&["--json", "--after-order", after]).output().unwrap();
    let told: Value = serde_json::from_slice(&rest.stdout).unwrap();
    assert_eq!((&told["state"], &told["events"]), (&json!("COMPLETED"), &json!(4 * (8 - done))));
    assert_eq!(told["afterOrder"], json!(orders[7]));
    let mut reader = elsewhere.reader();
    for order in &orders {
        reader.until(*order, &[1, 2, 3, 4]);
    }
    let again = json!({"orders": orders, "afterOrder": orders[5], "dryRun": true});
    let path = format!("/replays/{}", instance.post("/replays", &again)["id"].as_str().unwrap());
    assert!(eventually(|| instance.get(&path)["state"] == "COMPLETED"));
    let counted = instance.get(&path);
    assert_eq!((&counted["events"], &counted["afterOrder"]), (&json!(8), &json!(orders[7])));
}

/// Starts a slow replay, interrupts it when it has sent something, and returns where to go on.
fn interrupted_on_the_command_line(instance: &Instance, to: &Topic) -> String {
    let slow = ["replay", "--topic", &to.name, "--rate", "10"];
    let mut replay = instance.command(&slow).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let replay = replay.as_mut().unwrap();
    let errors = BufReader::new(replay.stderr.take().unwrap());
    let mut last = String::new();
    for line in errors.lines().map(Result::unwrap) {
        if line.starts_with("position ") && !line.contains(" 0 events") {
            send_signal("INT", replay.id());
        }
        last = line;
    }
    assert_eq!(replay.wait().unwrap().code(), Some(130));
    let after = last.strip_prefix("order-service: interrupted; to go on: --after ").unwrap();
    assert!((1..80).contains(&after.parse::<i64>().unwrap()), "{after}");
    after.to_owned()
}

/// Starts a slow replay, cancels it when it has sent something, and returns where to go on.
fn cancelled_over_http(instance: &Instance, to: &Topic, after: &str) -> String {
    let after: i64 = after.parse().unwrap();
    let body = json!({"topic": to.name, "after": after, "rate": 10});
    let job = instance.post("/replays", &body);
    let path = format!("/replays/{}", job["id"].as_str().unwrap());
    let events = || instance.get(&path)["events"].as_i64();
    assert!(eventually(|| events() > Some(0)), "{}", instance.service.log());
    let cancelled = instance.ask("DELETE", &path, &Value::Null);
    let cancelled: Value = cancelled.json().unwrap();
    assert_eq!(cancelled["state"], "CANCELLED");
    let position = cancelled["position"].as_i64().unwrap();
    assert!((after..80).contains(&position) && position > after, "{cancelled}");
    position.to_string()
}

/// Some orders that were delivered, all of whose events are published.
fn published(instance: &Instance, orders: usize) -> Vec<i64> {
    let orders = (0..orders).map(|_| instance.delivered(&small())).collect();
    let waits = || instance.get("")["waitingEvents"].as_i64();
    assert!(eventually(|| waits() == Some(0)), "{}", instance.service.log());
    orders
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn one_replay_sends_at_a_time_and_another_may_after_a_kill() {
    for database in Database::ALL {
        let (scratch, topic, elsewhere) =
            (database.scratch(), Topic::new(LARGE), Topic::new(LARGE));
        let first = Instance::start(&scratch, &topic);
        let second = Instance::start(&scratch, &topic);
        let orders = published(&first, 8);
        let slow = json!({"topic": elsewhere.name, "rate": 1});
        let job = first.post("/replays", &slow);
        let refused = second.ask("POST", "/replays", &slow);
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        let problem: Value = refused.json().unwrap();
        assert_eq!(
            (&problem["code"], problem.get("replayId")),
            (&json!("replay_in_progress"), None)
        );
        let whole = ["replay", "--topic", &elsewhere.name, "--json"];
        let refused = second.tell(&whole);
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        assert!(said(&refused).contains("another replay is running"), "{refused:?}");
        assert_eq!(second.told(&["replay", "--dry-run", "--json"])["events"], 32);

        let events =
            || first.get(&format!("/replays/{}", job["id"].as_str().unwrap()))["events"].as_i64();
        assert!(eventually(|| events() > Some(0)), "{}", first.service.log());
        first.service.signal("KILL");
        first.service.wait();
        // The killed replay counts as running until its lease is over.
        let mut last = second.tell(&whole);
        assert_eq!(last.status.code(), Some(3), "{last:?}");
        assert!(
            eventually(|| {
                last = second.tell(&whole);
                last.status.success()
            }),
            "{last:?}"
        );
        let mut reader = elsewhere.reader();
        for order in orders {
            reader.until(order, &[1, 2, 3, 4]);
        }
        // A replay that has ended stops no other one.
        second.told(&whole);
    }
}

/// Makes the second event of an order unreadable.
fn damage(scratch: &Scratch, order: i64) {
    let patience =
        if scratch.url.starts_with("sqlite") { "PRAGMA busy_timeout = 9999;" } else { "" };
    let statement = format!(
        "{patience}UPDATE outbox SET event_type = 'order.lost' \
         WHERE order_id = {order} AND sequence = 2"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(databases::execute(&scratch.url, &statement)).unwrap();
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_replayed() {
    for database in Database::ALL {
        let (scratch, topic, elsewhere) =
            (database.scratch(), Topic::new(LARGE), Topic::new(LARGE));
        let instance = Instance::start(&scratch, &topic);
        let orders = published(&instance, 3);
        damage(&scratch, orders[1]);
        let id = orders[1].to_string();
        let one = ["replay", "--topic", &elsewhere.name, "--json", "--order", &id];
        for (arguments, events) in [(&one[..4], 11), (&one[..], 3)] {
            let replayed = instance.tell(arguments);
            assert_eq!(replayed.status.code(), Some(4), "{replayed:?}");
            assert!(said(&replayed).contains("some events cannot be read"), "{replayed:?}");
            let told: Value = serde_json::from_slice(&replayed.stdout).unwrap();
            assert_eq!((&told["state"], &told["events"]), (&json!("COMPLETED"), &json!(events)));
            assert_eq!(told["unreadable"], 1);
            let named = &told["unreadableEvents"][0];
            assert_eq!((&named["orderId"], &named["sequence"]), (&json!(orders[1]), &json!(2)));
            // Only the walk through the journal knows its position.
            assert_eq!(named["position"].is_i64(), events == 11, "{named}");
        }
        let shown = instance.tell(&["replay", "--topic", &elsewhere.name, "--order", &id]);
        assert!(String::from_utf8_lossy(&shown.stdout).contains("cannot be read"), "{shown:?}");
        let mut reader = elsewhere.reader();
        reader.until(orders[0], &[1, 2, 3, 4]);
        reader.until(orders[1], &[1, 3, 4]);
        reader.until(orders[2], &[1, 2, 3, 4]);
        let job = instance.post("/replays", &json!({"topic": elsewhere.name}));
        let path = format!("/replays/{}", job["id"].as_str().unwrap());
        assert!(eventually(|| instance.get(&path)["state"] == "COMPLETED"));
        let ended = instance.get(&path);
        assert_eq!((&ended["unreadable"], &ended["events"]), (&json!(1), &json!(11)));
        assert_eq!(ended["unreadableEvents"][0]["orderId"], orders[1]);
        assert!(instance.service.log().contains("an event is left out of a replay"));
    }
}
