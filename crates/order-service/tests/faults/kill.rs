//! SIGKILL at any instant: an answered request has taken effect, an unanswered one can be repeated.

use std::sync::atomic::Ordering;

use order_testkit::databases::{Database, certificates};
use reqwest::StatusCode;
use reqwest::blocking::Client;
use serde_json::Value;

use crate::load::{Load, Sent, key};
use crate::size;
use crate::support::{Service, an_order, eventually};

const CLIENTS: usize = 16;

pub(crate) fn nothing_answered_is_lost(database: Database) {
    is_anything_lost(database, "", size(6, 50));
}

/// The same over encrypted connections to the database.
pub(crate) fn nothing_answered_is_lost_over_tls(database: Database) {
    let mode = if database == Database::Postgres { "verify-full" } else { "VERIFY_IDENTITY" };
    let authority = certificates().join("authority.pem");
    let encrypted = format!("?sslMode={mode}&sslCa={}", authority.display());
    is_anything_lost(database, &encrypted, size(2, 50));
}

fn is_anything_lost(database: Database, parameters: &str, rounds: u32) {
    let scratch = database.scratch();
    let url = format!("{}{parameters}", scratch.url);
    let mut customer = 1;
    let mut total = 0;
    for round in 0..rounds {
        let service = Service::on(&url);
        let load = Load::from(customer);
        // Killed at another point each time: early, at full speed, and in between.
        let enough = 1 + usize::try_from(round * 37 % 150).unwrap();
        load.run(&service.base, CLIENTS, |load| {
            assert!(
                eventually(|| load.succeeded.load(Ordering::Relaxed) >= enough),
                "{}",
                service.log()
            );
            service.signal("KILL");
            load.stop();
        });
        drop(service);
        let orders = load.orders.into_inner().unwrap();
        customer = 1 + orders.iter().map(|sent| sent.customer).max().unwrap();
        total += orders.len();
        let service = Service::on(&url);
        let client = Client::new();
        for sent in &orders {
            check(&service, &client, sent);
        }
    }
    assert!(total > 0, "orders were sent");
}

/// The order is as its client was told. If the client got no answer, it can repeat the request.
fn check(service: &Service, client: &Client, sent: &Sent) {
    let again = client.post(service.url("/orders")).header("Idempotency-Key", key(sent.customer));
    let again = again.json(&an_order(sent.customer)).send().unwrap();
    assert_eq!(again.status(), StatusCode::CREATED, "the same request gives the same order");
    let placed: Value = again.json().unwrap();
    if let Some(told) = &sent.placed {
        assert_eq!(&placed, told, "the first answer is given again");
    }
    let list: Value = service.get(&format!("/orders/customer/{}", sent.customer)).json().unwrap();
    let orders = list["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 1, "exactly one order for the key of customer {}", sent.customer);
    assert_eq!(orders[0]["id"], placed["id"]);
    let version = orders[0]["version"].as_i64().unwrap();
    assert!(version >= sent.version, "version {} was answered, not {version}", sent.version);
    let events: Value = service.get(&format!("/orders/{}/events", placed["id"])).json().unwrap();
    let sequence: Vec<i64> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["data"]["sequence"].as_i64().unwrap())
        .collect();
    assert_eq!(sequence, (1..=version).collect::<Vec<_>>(), "one event for each version");
    let newest = events.as_array().unwrap().last().unwrap();
    assert_eq!(newest["data"]["status"], orders[0]["status"]);
}
