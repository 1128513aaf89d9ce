//! Large answers: pages that end by their bytes, and answers that no one reads.

use http_actix::HttpSettings;
use order_app::ports::PAGE_BYTES;
use tokio::net::TcpSocket;

use crate::support::{Connection, Reply, Service, head};

/// The most bytes of an order with all its lines, as an event or as an answer.
const LARGEST: usize = 240_000;

/// As many lines as an order may have, with the longest names.
fn lines(price: usize) -> String {
    let name = "\u{1d11e}".repeat(200);
    let line = |product| {
        format!(r#"{{"productId":{product},"name":"{name}","quantity":1,"unitPrice":"{price}"}}"#)
    };
    format!("[{}]", (1..=200).map(line).collect::<Vec<_>>().join(","))
}

async fn placed(service: &Service) -> Reply {
    let body = format!(r#"{{"customerId":42,"items":{}}}"#, lines(1));
    let reply = service.write("POST", "/orders", &[], &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply
}

/// The address of the next page.
fn next(reply: &Reply) -> Option<String> {
    let link = reply.header("link")?;
    Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned())
}

/// Follows the links from a page on.
async fn pages(service: &Service, first: &str) -> Vec<Reply> {
    let (mut pages, mut at) = (Vec::new(), Some(first.to_owned()));
    while let Some(target) = at {
        let page = service.call("GET", &target).await;
        assert_eq!(page.status, 200, "{target}");
        assert!(page.body.len() <= PAGE_BYTES + LARGEST, "{}", page.body.len());
        at = next(&page);
        pages.push(page);
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_follows_links_gets_every_large_event_once() {
    let service = Service::start();
    let id = placed(&service).await.json()["id"].clone();
    for price in 2..=12 {
        let body = format!(r#"{{"items":{}}}"#, lines(price));
        let reply = service.write("PUT", &format!("/orders/{id}"), &[], &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let pages = pages(&service, &format!("/orders/{id}/events")).await;
    assert!((2..=4).contains(&pages.len()), "{} pages", pages.len());
    let mut sequences = Vec::new();
    for page in &pages {
        let events = page.json();
        sequences.extend(
            events
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["data"]["sequence"].as_i64().unwrap()),
        );
    }
    assert_eq!(sequences, (1..=12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_follows_links_gets_every_large_order_once() {
    let service = Service::start();
    for _ in 0..12 {
        placed(&service).await;
    }
    let pages = pages(&service, "/orders/customer/42?limit=100").await;
    assert!((2..=4).contains(&pages.len()), "{} pages", pages.len());
    let mut ids = Vec::new();
    for page in &pages {
        let page_of = page.json();
        assert_eq!(page_of["nextCursor"].is_string(), next(page).is_some());
        ids.extend(
            page_of["orders"].as_array().unwrap().iter().map(|order| order["id"].as_i64().unwrap()),
        );
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_arrives_whole_with_its_length() {
    let service = Service::start();
    let placed = placed(&service).await;
    let found = service.call("GET", "/orders/1").await;
    assert!(found.body.len() > 150_000 && found.body == placed.body);
    let length = found.body.len().to_string();
    assert_eq!(found.header("content-length"), Some(length.as_str()));
    let only_head = service.call("HEAD", "/orders/1").await;
    assert_eq!(only_head.header("content-length"), Some(length.as_str()));
    let mut kept = service.connect().await;
    for _ in 0..3 {
        kept.send(&head("GET", "/orders/1", &[])).await;
        assert!(kept.reply("GET").await.body == found.body);
    }
}

/// A connection with a small window, on which answers are asked for and not read.
async fn ask_and_do_not_read(service: &Service, times: usize) -> Connection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut connection = Connection(socket.connect(service.address).await.unwrap());
    connection.send(&head("GET", "/orders/1", &[]).repeat(times)).await;
    connection
}

/// Asks until an answer has this status.
async fn until(service: &Service, target: &str, status: u16) -> Reply {
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let reply = service.call("GET", target).await;
        if reply.status == status {
            return reply;
        }
        assert!(
            tokio::time::Instant::now() < patience,
            "{target} is {} all the time",
            reply.status
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_cost_others_nothing() {
    let settings = HttpSettings { max_unread_answers: 500_000, ..HttpSettings::default() };
    let service = Service::with_settings(settings);
    placed(&service).await;
    service.placed().await;
    let mut strangers = Vec::new();
    // What the kernel takes of the first ones is not held here.
    for _ in 0..40 {
        strangers.push(ask_and_do_not_read(&service, 4).await);
    }
    let refused = until(&service, "/orders/1", 503).await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("overloaded", Some("1")));
    assert_eq!(service.call("GET", "/orders/2").await.status, 200, "small answers go on");
    assert_eq!(service.change_status(1, "CONFIRMED").await.status, 200, "so do writes");
    // They stand still, so they give way.
    until(&service, "/orders/1", 200).await;
    drop(strangers);
    for _ in 0..20 {
        assert_eq!(until(&service, "/orders/1", 200).await.status, 200);
    }
}
