//! GraphQL over server-sent events, in its distinct mode: frames, how a stream ends, and what bounds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_actix::{GraphqlSettings, HttpSettings, Phase, Security};
use order_app::caller::{Access, Authority, Caller, CallerName};
use order_app::feed::FeedSettings;
use order_app::ports::{Authenticator, EventJournal as _, NotAuthenticated, OrderStore as _};
use order_testkit::InMemoryStore;
use order_testkit::examples::{
    a_change, a_change_placing, a_new_order, large_lines, noon, noon_plus, relined, soon,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::support::{Connection, Service, head};
use crate::tls::Line;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

const EVENTS: &str = "subscription { orderEvents(after: 0) { cursor event { orderId } } }";

/// Finds new events at once.
pub(crate) fn quick() -> FeedSettings {
    FeedSettings { poll: Duration::from_millis(5), ..FeedSettings::default() }
}

/// The answers to one document, as they come.
pub(crate) struct Answers {
    connection: Connection,
    pub(crate) head: String,
}

impl Answers {
    pub(crate) async fn to(service: &Service, document: &str, headers: &[(&str, &str)]) -> Self {
        Self::on(service.connect().await, document, headers).await
    }

    async fn on(mut connection: Connection, document: &str, headers: &[(&str, &str)]) -> Self {
        ask(&mut connection, document, headers).await;
        Self::coming(connection).await
    }

    /// Of a request that was sent.
    async fn coming(mut connection: Connection) -> Self {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head += &line(&mut connection).await;
        }
        Self { connection, head: head.to_lowercase() }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<String> {
        // The server sends each in a chunk of its own.
        let size = line(&mut self.connection).await;
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk");
        // With the end of its line.
        let mut chunk = vec![0; size.checked_add(2).expect("a small chunk")];
        let read = timeout(PATIENCE, self.connection.0.read_exact(&mut chunk)).await;
        read.expect("it comes in time").expect("a whole chunk");
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(size);
        if chunk.is_empty() {
            self.connection.closed().await;
            return None;
        }
        let frame = String::from_utf8(chunk).expect("text");
        assert!(frame.ends_with("\n\n"), "{frame:?}");
        Some(frame)
    }

    /// The next answer. Signs of life are passed over.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = self.frame().await.expect("the stream goes on");
            if frame != ":\n\n" {
                let data = frame.strip_prefix("event: next\ndata: ").expect("an answer");
                assert_eq!(frame.lines().count(), 3, "the data is one line: {frame}");
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }

    /// Demands that the stream is complete now.
    pub(crate) async fn complete(mut self) {
        assert_eq!(self.frame().await.as_deref(), Some("event: complete\ndata:\n\n"));
        assert_eq!(self.frame().await, None);
    }
}

async fn ask(connection: &mut Connection, document: &str, headers: &[(&str, &str)]) {
    let body = json!({"query": document}).to_string();
    let length = body.len().to_string();
    let mut all = vec![
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    all.extend_from_slice(headers);
    connection.send(&(head("POST", "/graphql", &all) + &body)).await;
}

async fn line(connection: &mut Connection) -> String {
    let mut line = Vec::new();
    let reading = async {
        while !line.ends_with(b"\r\n") {
            line.push(connection.0.read_u8().await.expect("a whole line"));
        }
    };
    timeout(PATIENCE, reading).await.expect("it comes in time");
    String::from_utf8(line).expect("text")
}

/// A service, and the store whose events it tells.
pub(crate) fn telling(settings: HttpSettings) -> (Service, Arc<InMemoryStore>) {
    let store = Arc::new(InMemoryStore::default());
    (Service::telling(store.clone(), quick(), Security::default(), settings), store)
}

pub(crate) async fn place(store: &InMemoryStore, id: i64, customer: i64) {
    store.commit(a_change_placing(a_new_order(id, customer)).into(), soon()).await.unwrap();
    store.give_positions().await;
}

#[tokio::test]
async fn the_head_is_that_of_a_stream_of_events() {
    let (service, _) = telling(HttpSettings::default());
    let answers = Answers::to(&service, EVENTS, &[]).await;
    for line in [
        "http/1.1 200 ok",
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "x-content-type-options: nosniff",
        "connection: close",
    ] {
        assert!(answers.head.lines().any(|found| found == line), "{line} in {}", answers.head);
    }
}

#[tokio::test]
async fn a_query_and_a_mutation_may_be_asked_as_streams() {
    let (service, _) = telling(HttpSettings::default());
    let change = "mutation { changeOrderStatus(input: {id: 1, status: CANCELLED}) { order { status } userErrors { code } } }";
    service.placed().await;
    for (document, data) in [
        ("{ order(id: 1) { id status } }", json!({"order": {"id": "1", "status": "PENDING"}})),
        (
            change,
            json!({"changeOrderStatus": {"order": {"status": "CANCELLED"}, "userErrors": []}}),
        ),
    ] {
        let mut answers = Answers::to(&service, document, &[]).await;
        assert_eq!(answers.next().await, json!({"data": data}));
        answers.complete().await;
    }
}

#[tokio::test]
async fn a_subscription_may_be_asked_by_get_as_browsers_do() {
    let (service, store) = telling(HttpSettings::default());
    place(&store, 1, 42).await;
    let document = EVENTS.replace(' ', "%20").replace('{', "%7B").replace('}', "%7D");
    let mut connection = service.connect().await;
    let target = format!("/graphql?query={document}");
    connection.send(&head("GET", &target, &[("accept", "text/event-stream")])).await;
    let mut answers = Answers::coming(connection).await;
    assert_eq!(answers.next().await["data"]["orderEvents"]["cursor"], "1");
}

#[tokio::test]
async fn what_cannot_begin_is_told_in_the_first_answer() {
    let (service, store) = telling(HttpSettings::default());
    place(&store, 1, 42).await;
    store.publish_all().await;
    store.add_versions(1, 1).await;
    store.publish_all().await;
    store.purge(noon_plus(1), 100, soon()).await.unwrap();
    for (arguments, code) in [
        ("after: \"x\"", "invalid_parameter"),
        ("after: -1", "invalid_parameter"),
        ("after: 7", "invalid_parameter"),
        ("after: 0", "events_purged"),
        ("orderId: \"01\"", "invalid_parameter"),
        ("customerId: 0", "invalid_parameter"),
    ] {
        let document = format!("subscription {{ orderEvents({arguments}) {{ cursor }} }}");
        let mut answers = Answers::to(&service, &document, &[]).await;
        let answer = answers.next().await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{arguments} {answer}");
        assert!(answer.get("data").is_none_or(Value::is_null), "{answer}");
        answers.complete().await;
    }
}

#[tokio::test]
async fn a_client_that_comes_back_with_its_cursor_misses_nothing() {
    let (service, store) = telling(HttpSettings::default());
    for id in 1..=3 {
        place(&store, id, 42).await;
    }
    let (mut seen, mut after) = (Vec::new(), "0".to_owned());
    for _ in 0..3 {
        let document = EVENTS.replace("after: 0", &format!("after: \"{after}\""));
        let mut answers = Answers::to(&service, &document, &[]).await;
        let answer = answers.next().await["data"]["orderEvents"].clone();
        after = answer["cursor"].as_str().unwrap().to_owned();
        seen.push(answer["event"]["orderId"].clone());
    }
    assert_eq!((json!(seen), &*after), (json!(["1", "2", "3"]), "3"));
}

#[tokio::test]
async fn a_stream_ends_without_complete_when_the_instance_is_draining() {
    let (service, store) = telling(HttpSettings::default());
    let mut answers = Answers::to(&service, EVENTS, &[]).await;
    place(&store, 1, 42).await;
    answers.next().await;
    service.lifecycle.advance(Phase::Draining);
    assert_eq!(answers.frame().await, None);
    let body = json!({"query": EVENTS}).to_string();
    let refused =
        service.write("POST", "/graphql", &[("accept", "text/event-stream")], &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "draining"));
}

/// Callers whose say ends in the moment in which they ask.
pub(crate) struct Ending;

#[async_trait]
impl Authenticator for Ending {
    async fn caller(&self, name: &str) -> Result<Caller, NotAuthenticated> {
        let authorities = Authority::ALL.into_iter().collect();
        let name = CallerName::new(name).expect("a name");
        Ok(Caller::new(name, Access::Everything, authorities, Some(noon())))
    }

    fn name(&self, _: Authority) -> &'static str {
        "any"
    }
}

#[tokio::test]
async fn a_stream_ends_without_complete_when_the_token_does() {
    let security = Security { authenticator: Some(Arc::new(Ending)), ..Security::default() };
    let service = Service::telling(Arc::default(), quick(), security, HttpSettings::default());
    let mut answers = Answers::to(&service, EVENTS, &[("authorization", "Bearer ann")]).await;
    assert_eq!(answers.frame().await, None);
}

#[tokio::test]
async fn a_silent_stream_sends_signs_of_life() {
    let graphql =
        GraphqlSettings { keep_alive: Duration::from_millis(20), ..GraphqlSettings::default() };
    let (service, store) =
        telling(HttpSettings { graphql: Some(graphql), ..HttpSettings::default() });
    let mut answers = Answers::to(&service, EVENTS, &[]).await;
    for _ in 0..3 {
        assert_eq!(answers.frame().await.as_deref(), Some(":\n\n"));
    }
    place(&store, 1, 42).await;
    assert_eq!(answers.next().await["data"]["orderEvents"]["cursor"], "1");
    assert_eq!(answers.frame().await.as_deref(), Some(":\n\n"));
}

#[tokio::test]
async fn a_stream_counts_among_the_streams_until_its_client_is_gone() {
    let feed = FeedSettings { max_streams: 1, ..quick() };
    let service =
        Service::telling(Arc::default(), feed, Security::default(), HttpSettings::default());
    let first = Answers::to(&service, EVENTS, &[]).await;
    assert_eq!(service.feed.report().streams, 1);
    let mut second = Answers::to(&service, EVENTS, &[]).await;
    let answer = second.next().await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["retryAfter"]), (&json!("overloaded"), &json!(1)));
    second.complete().await;
    drop(first);
    let gone = async {
        while service.feed.report().streams > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the server sees that its client is gone");
}

#[tokio::test]
async fn a_stream_of_events_holds_no_place_among_the_requests() {
    let (service, store) =
        telling(HttpSettings { max_in_flight: 1.into(), ..HttpSettings::default() });
    place(&store, 1, 42).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut answers = Answers::to(&service, EVENTS, &[]).await;
        answers.next().await;
        streams.push(answers);
    }
    assert_eq!(service.call("GET", "/orders/1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_as_a_stream_is_taken_as_fast_as_other_answers() {
    let (service, store) = telling(HttpSettings {
        max_in_flight: 1.into(),
        answer_deadline: Duration::from_secs(1),
        ..HttpSettings::default()
    });
    // The answer has 9 MB, and the kernel takes up to 4 MiB of them.
    for id in 1..=20 {
        let placed = a_change_placing(a_new_order(id, 42));
        let order = placed.order.clone();
        store.commit(placed.into(), soon()).await.unwrap();
        let event = relined(&order, large_lines("1"), noon());
        store.commit(a_change(event).into(), soon()).await.unwrap();
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut deaf = Connection(Line::Plain(socket.connect(service.address).await.unwrap()));
    let document = "{ ordersOfCustomer(customerId: 42) { edges { node { items { a: name b: name c: name } } } } }";
    ask(&mut deaf, document, &[]).await;
    let status = async || service.call("GET", "/orders/1").await.status;
    let held = async { while status().await != 503 {} };
    timeout(PATIENCE, held).await.expect("its place is taken");
    let cut = async { while status().await != 200 {} };
    timeout(PATIENCE, cut).await.expect("its place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_no_more_than_a_batch() {
    // 160 kB of each event are sent, and the kernel takes up to 4 MiB of them: 26 events.
    const ALL: u64 = 48;
    const MOST: u64 = 40;
    let (service, store) = telling(HttpSettings::default());
    let placed = a_change_placing(a_new_order(1, 42));
    let mut order = placed.order.clone();
    store.commit(placed.into(), soon()).await.unwrap();
    for price in 1..ALL {
        let event = relined(&order, large_lines(&price.to_string()), noon());
        order = event.order.clone();
        store.commit(a_change(event).into(), soon()).await.unwrap();
    }
    store.give_positions().await;
    let document = "subscription { orderEvents(after: 0) { event { items { name } } } }";
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut deaf = Connection(Line::Plain(socket.connect(service.address).await.unwrap()));
    ask(&mut deaf, document, &[]).await;
    let begun = async {
        while service.feed.report().streamed == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, begun).await.expect("it begins");
    let reading = "subscription { orderEvents(after: 0) { event { sequence } } }";
    let mut reading = Answers::to(&service, reading, &[]).await;
    for sequence in 1..=ALL {
        assert_eq!(reading.next().await["data"]["orderEvents"]["event"]["sequence"], sequence);
    }
    let held = service.feed.report().streamed - ALL;
    assert!((1..=MOST).contains(&held), "{held} of {ALL} events");
}
