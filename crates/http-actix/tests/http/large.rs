//! Large answers: pages that end by their bytes, and answers that no one reads.

use std::time::Duration;

use http_actix::HttpSettings;
use order_app::ports::PAGE_BYTES;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::support::{Connection, Reply, Service, head};
use crate::tls::Line;

/// The most bytes of a page: an order with all its lines has less than 240 kB.
const MOST: usize = PAGE_BYTES + 240_000;

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
        assert!(page.body.len() <= MOST, "{}", page.body.len());
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

/// A connection with a small window, on which more answers are asked for than the kernel takes, and not read: some small
/// ones first, so that the kernel's buffer does not end where an answer does.
async fn ask_and_do_not_read(service: &Service, small: usize) -> Connection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut connection = Connection(Line::Plain(socket.connect(service.address).await.unwrap()));
    connection.send(&head("GET", "/orders/2", &[]).repeat(small)).await;
    connection.send(&head("GET", "/orders/1", &[]).repeat(40)).await;
    connection
}

/// Asks until an answer has this status; `None` when none has within a time.
async fn within(time: Duration, service: &Service, target: &str, status: u16) -> Option<Reply> {
    let asking = async {
        loop {
            let reply = service.call("GET", target).await;
            if reply.status == status {
                return reply;
            }
        }
    };
    timeout(time, asking).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_cost_others_nothing() {
    // Room for one of them.
    let settings = HttpSettings { max_unread_answers: 200_000, ..HttpSettings::default() };
    let service = Service::with_settings(settings);
    placed(&service).await;
    service.placed().await;
    let (mut strangers, mut refused) = (Vec::new(), None);
    while refused.is_none() {
        assert!(strangers.len() < 20, "a large answer is refused when there is no room");
        strangers.push(ask_and_do_not_read(&service, 100 * strangers.len()).await);
        refused = within(Duration::from_secs(3), &service, "/orders/1", 503).await;
    }
    let refused = refused.unwrap();
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("overloaded", Some("1")));
    assert_eq!(service.call("GET", "/orders/2").await.status, 200, "small answers go on");
    let changed = service.change_status(1, "CONFIRMED").await;
    assert_eq!(changed.status, 200, "so do answers to writes: {}", changed.text());
    assert!(changed.body.len() > 150_000);
    // Those that stand still give way.
    let found = within(Duration::from_secs(20), &service, "/orders/1", 200).await;
    assert!(found.expect("there is room again").body == changed.body);
}
