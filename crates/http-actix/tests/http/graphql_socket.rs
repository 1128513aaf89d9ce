//! GraphQL over `WebSocket`, by `graphql-transport-ws`: the handshake, the protocol, how a connection ends, and what bounds it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http_actix::{
    Actuator, Cors, Endpoint, GraphqlSettings, HttpSettings, Phase, RateLimit, Security, Site,
    SocketSettings,
};
use order_app::feed::FeedSettings;
use order_app::ports::OrderStore as _;
use order_testkit::examples::{
    a_change, a_change_placing, a_new_order, large_lines, noon, relined, soon,
};
use order_testkit::{Gate, InMemoryStore};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::graphql_stream::{Ending, place, quick, telling};
use crate::support::{Connection, Service, held_at_commits};
use crate::tls::Line;
use crate::tokens::PlainTokens;
use crate::websocket::{
    BINARY, CLOSE, FINAL, Got, HANDSHAKE, KEY, MASKED, PING, PONG, Socket, TEXT,
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const EVENTS: &str = "subscription { orderEvents(after: 0) { cursor event { orderId } } }";
fn site() -> Site {
    let site = Site::main("").with(&Actuator::default(), &Endpoint::OF_CLIENTS);
    site.with_graphql(Some("/graphql".to_owned()), None).with_websocket(Some("/socket".to_owned()))
}

fn query(id: i64) -> String {
    format!("{{ order(id: {id}) {{ id status }} }}")
}

fn found(id: &str) -> Value {
    json!({"data": {"order": {"id": id, "status": "PENDING"}}})
}

fn a_next(id: &str, payload: &Value) -> Value {
    json!({"id": id, "type": "next", "payload": payload})
}

fn a_complete(id: &str) -> Value {
    json!({"id": id, "type": "complete"})
}

#[tokio::test]
async fn a_handshake_that_lacks_something_is_told_what() {
    let service = Service::start();
    for (left_out, instead, field) in [
        ("connection", None, "Connection"),
        ("sec-websocket-version", None, "Sec-WebSocket-Version"),
        ("sec-websocket-version", Some("8"), "Sec-WebSocket-Version"),
        ("sec-websocket-key", None, "Sec-WebSocket-Key"),
        ("sec-websocket-key", Some("short"), "Sec-WebSocket-Key"),
        ("sec-websocket-protocol", None, "Sec-WebSocket-Protocol"),
        ("sec-websocket-protocol", Some("graphql-ws, soap"), "Sec-WebSocket-Protocol"),
        ("content-length", Some("0"), "Content-Length"),
        ("transfer-encoding", Some("chunked"), "Transfer-Encoding"),
    ] {
        let mut headers: Vec<_> =
            HANDSHAKE.into_iter().filter(|(name, _)| *name != left_out).collect();
        headers.extend(instead.map(|value| (left_out, value)));
        let reply = service.call_with("GET", "/socket", &headers).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_parameter"), "{left_out}");
        assert_eq!(reply.json()["errors"][0]["header"], field, "{}", reply.text());
    }
    let twice = [&HANDSHAKE[..], &[("sec-websocket-key", KEY)]].concat();
    assert_eq!(service.call_with("GET", "/socket", &twice).await.status, 400);
    assert_eq!(service.call("GET", "/socket").await.status, 404);
    assert_eq!(service.call_with("GET", "/graphiql/none", &HANDSHAKE).await.status, 404);
}

#[tokio::test]
async fn it_may_be_at_the_path_of_graphql_itself() {
    let path = || Some("/socket".to_owned());
    let service = Service::at(site().with_graphql(path(), None), HttpSettings::default());
    service.placed().await;
    let body = json!({"query": query(1)}).to_string();
    assert_eq!(service.write("POST", "/socket", &[], &body).await.json(), found("1"));
    let mut socket = Socket::open(&service).await;
    socket.ask("a", &query(1)).await;
    socket.gets(a_next("a", &found("1"))).await;
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_by_the_settings_alone() {
    let of = |origin: &'static str| [&HANDSHAKE[..], &[("origin", origin)]].concat();
    let service = Service::start();
    let refused = service.call_with("GET", "/socket", &of("https://a.example")).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "cross_site_request"));
    let own = ("origin", "http://orders");
    Socket::to(&service, &[own]).await;
    let twice = [&HANDSHAKE[..], &[own, ("origin", "https://a.example")]].concat();
    assert_eq!(service.call_with("GET", "/socket", &twice).await.status, 403);
    let cors = Cors {
        origins: vec!["https://a.example".to_owned()],
        patterns: Vec::new(),
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        headers: Vec::new(),
        exposed: Vec::new(),
        credentials: false,
        max_age: Duration::ZERO,
    };
    let service = Service::with_settings(HttpSettings {
        graphql_cors: Some(cors),
        ..HttpSettings::default()
    });
    Socket::to(&service, &[("origin", "https://a.example")]).await;
    let refused = service.call_with("GET", "/socket", &of("https://b.example")).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "cross_site_request"));
}

#[tokio::test]
async fn queries_mutations_and_events_come_beside_each_other() {
    let (service, store) = telling(HttpSettings::default());
    let mut socket = Socket::open(&service).await;
    socket.ask("events", EVENTS).await;
    place(&store, 1, 42).await;
    let event = json!({"data": {"orderEvents": {"cursor": "1", "event": {"orderId": "1"}}}});
    socket.gets(a_next("events", &event)).await;
    socket.ask("query", &query(1)).await;
    socket.gets(a_next("query", &found("1"))).await;
    socket.gets(a_complete("query")).await;
    // An id is free again when its operation is complete.
    let cancel = "mutation { changeOrderStatus(input: {id: 1, status: CANCELLED}) { order { status } userErrors { code } } }";
    socket.ask("query", cancel).await;
    let cancelled = json!({"order": {"status": "CANCELLED"}, "userErrors": []});
    socket.gets(a_next("query", &json!({"data": {"changeOrderStatus": cancelled}}))).await;
    socket.gets(a_complete("query")).await;
    store.give_positions().await;
    assert_eq!(socket.message().await["payload"]["data"]["orderEvents"]["cursor"], "2");
    socket.say(&json!({"id": "events", "type": "complete"})).await;
    socket.say(&json!({"type": "ping", "payload": {"at": 1}})).await;
    socket.gets(json!({"type": "pong"})).await;
    assert_eq!(service.feed.report().streams, 0);
    socket.frame(FINAL | PING, b"there?").await;
    assert_eq!(socket.next().await, Got::Pong(b"there?".to_vec()));
    socket.frame(FINAL | CLOSE, &1_000_u16.to_be_bytes()).await;
    assert_eq!(socket.next().await, Got::Closed(1_000));
    assert_eq!(socket.next().await, Got::Cut);
}

#[tokio::test]
async fn what_is_not_executed_is_told_as_an_error_and_the_connection_goes_on() {
    let service = Service::start();
    let mut socket = Socket::open(&service).await;
    for (document, code) in [
        ("{", "invalid_document"),
        ("{ nothing }", "invalid_document"),
        ("query { order }", "invalid_document"),
        (
            "subscription { a: orderEvents { cursor } b: orderEvents { cursor } }",
            "invalid_document",
        ),
    ] {
        socket.ask("a", document).await;
        let message = socket.message().await;
        assert_eq!((&message["id"], &message["type"]), (&json!("a"), &json!("error")), "{message}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{message}");
    }
    // The feed refuses in the first answer, as over HTTP.
    socket.ask("a", "subscription { orderEvents(after: -1) { cursor } }").await;
    let code = &socket.message().await["payload"]["errors"][0]["extensions"]["code"];
    assert_eq!(code, "invalid_parameter");
    socket.gets(a_complete("a")).await;
    socket.ask("a", &format!("{{ {} }}", "a: order(id: 1) { id } ".repeat(60))).await;
    assert_eq!(socket.message().await["payload"][0]["extensions"]["code"], "query_too_expensive");
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_is_closed_with_its_code() {
    let service = Service::start();
    let init = json!({"type": "connection_init"});
    let ask = json!({"id": "a", "type": "subscribe", "payload": {"query": EVENTS}});
    for (messages, code) in [
        (vec![ask.clone()], 4401),
        (vec![json!("connection_init")], 4400),
        (vec![json!({"type": "start"})], 4400),
        (vec![init.clone(), json!({"type": "subscribe", "payload": {"query": EVENTS}})], 4400),
        (
            vec![
                init.clone(),
                json!({"id": "", "type": "subscribe", "payload": {"query": EVENTS}}),
            ],
            4400,
        ),
        (vec![init.clone(), json!({"id": "a".repeat(129), "type": "complete"})], 4400),
        (vec![init.clone(), json!({"id": "a", "type": "subscribe", "payload": {}})], 4400),
        (
            vec![init.clone(), json!({"id": "a", "type": "subscribe", "payload": {"query": 1}})],
            4400,
        ),
        (vec![init.clone(), init.clone()], 4429),
        (vec![init.clone(), ask.clone(), ask], 4409),
    ] {
        let mut socket = Socket::to(&service, &[]).await;
        for message in &messages {
            socket.say(message).await;
        }
        if messages[0] == init {
            socket.gets(json!({"type": "connection_ack"})).await;
        }
        socket.closed_with(code).await;
    }
}

#[tokio::test]
async fn frames_that_are_wrong_are_refused_and_parts_of_a_message_are_joined() {
    let service = Service::start();
    let mut socket = Socket::to(&service, &[]).await;
    socket.frame(TEXT, br#"{"type":"#).await;
    socket.frame(FINAL | PING, b"").await;
    socket.frame(0, br#""connection_"#).await;
    socket.frame(FINAL, br#"init"}"#).await;
    assert_eq!(socket.next().await, Got::Pong(Vec::new()));
    socket.gets(json!({"type": "connection_ack"})).await;
    let large = vec![b' '; 40 << 10];
    for (frames, code) in [
        (vec![(FINAL | BINARY, &b"{}"[..])], 1003),
        (vec![(FINAL, b"{}")], 1002),
        (vec![(TEXT, b"{"), (FINAL | TEXT, b"}")], 1002),
        (vec![(PING, b"")], 1002),
        (vec![(FINAL | 0x40 | TEXT, b"{}")], 1002),
        (vec![(FINAL | PING, &large[..126])], 1002),
        (vec![(FINAL | CLOSE, &[3][..])], 1002),
        (vec![(FINAL | CLOSE, &1_005_u16.to_be_bytes()[..])], 1002),
        (vec![(TEXT, &large), (FINAL, &large)], 1009),
    ] {
        let mut socket = Socket::open(&service).await;
        for (first, content) in frames {
            socket.frame(first, content).await;
        }
        socket.closed_with(code).await;
    }
    // Of one that is too large, the content is not waited for.
    let mut socket = Socket::open(&service).await;
    let mut begun = vec![FINAL | TEXT, MASKED | 0x7f];
    begun.extend(u64::MAX.wrapping_shr(2).to_be_bytes());
    begun.extend([0; 4]);
    socket.0.try_send(&begun).await;
    socket.closed_with(1009).await;
}

/// A service over GraphQL with these times.
fn with_times(init_timeout: u64, keep_alive: u64) -> HttpSettings {
    let [init_timeout, keep_alive] = [init_timeout, keep_alive].map(Duration::from_millis);
    let socket = SocketSettings { init_timeout, keep_alive };
    let graphql = GraphqlSettings { socket, ..GraphqlSettings::default() };
    HttpSettings { graphql: Some(graphql), ..HttpSettings::default() }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let service = Service::with_settings(with_times(20, 15_000));
    Socket::to(&service, &[]).await.closed_with(4408).await;
}

#[tokio::test]
async fn a_client_without_a_sign_of_life_is_cut() {
    let service = Service::with_settings(with_times(3_000, 300));
    let mut socket = Socket::open(&service).await;
    for _ in 0..3 {
        socket.gets(json!({"type": "ping"})).await;
        socket.say(&json!({"type": "pong"})).await;
    }
    socket.gets(json!({"type": "ping"})).await;
    socket.frame(FINAL | PONG, b"").await;
    socket.gets(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, Got::Cut);
}

#[tokio::test]
async fn the_token_comes_in_the_head_or_in_the_first_message() {
    let service = Service::secured(Arc::default(), PlainTokens::security());
    let ann = "Bearer ann.42.read-write";
    let init =
        |token: &str| json!({"type": "connection_init", "payload": {"Authorization": token}});
    let refused = service
        .call_with("GET", "/socket", &[&HANDSHAKE[..], &[("authorization", "Bearer no")]].concat())
        .await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "unauthenticated"));
    for message in [json!({"type": "connection_init"}), init("Bearer no"), init("Basic eA==")] {
        let mut socket = Socket::to(&service, &[]).await;
        socket.say(&message).await;
        socket.closed_with(4403).await;
    }
    let body = json!({"query": "mutation { placeOrder(input: {customerId: 42, items: [{productId: 1, quantity: 1, unitPrice: \"1\"}]}) { order { id } } }"}).to_string();
    service.write("POST", "/graphql", &[("authorization", ann)], &body).await;
    let mut by_head = Socket::to(&service, &[("authorization", ann)]).await;
    by_head.say(&json!({"type": "connection_init"})).await;
    let mut by_message = Socket::to(&service, &[]).await;
    by_message.say(&init(ann)).await;
    let mut other = Socket::to(&service, &[]).await;
    other.say(&init("Bearer bob.43.read")).await;
    for (socket, order) in [
        (&mut by_head, found("1")),
        (&mut by_message, found("1")),
        (&mut other, json!({"data": {"order": null}})),
    ] {
        socket.gets(json!({"type": "connection_ack"})).await;
        socket.ask("a", &query(1)).await;
        socket.gets(a_next("a", &order)).await;
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_the_token_ends_under_a_subscription() {
    let security = Security { authenticator: Some(Arc::new(Ending)), ..Security::default() };
    let service = Service::telling(Arc::default(), quick(), security, HttpSettings::default());
    let mut socket = Socket::to(&service, &[("authorization", "Bearer ann")]).await;
    socket.say(&json!({"type": "connection_init"})).await;
    socket.gets(json!({"type": "connection_ack"})).await;
    socket.ask("a", EVENTS).await;
    socket.closed_with(4403).await;
}

#[tokio::test]
async fn a_stop_closes_all_connections_and_lets_no_new_one_in() {
    let service = Service::start();
    let mut sockets = [Socket::open(&service).await, Socket::to(&service, &[]).await];
    sockets[0].ask("a", EVENTS).await;
    service.lifecycle.advance(Phase::Draining);
    for socket in sockets {
        socket.closed_with(1001).await;
    }
    let refused = service.call_with("GET", "/socket", &HANDSHAKE).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "draining"));
}

#[tokio::test]
async fn a_connection_has_sixteen_operations_at_once() {
    let service = Service::start();
    let mut socket = Socket::open(&service).await;
    for id in 0..16 {
        socket.ask(&id.to_string(), EVENTS).await;
    }
    socket.ask("more", EVENTS).await;
    let refused = socket.message().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("more"), &json!("error")));
    let extensions = &refused["payload"][0]["extensions"];
    assert_eq!((&extensions["limit"], &extensions["most"]), (&json!("operations"), &json!(16)));
    socket.say(&json!({"id": "7", "type": "complete"})).await;
    socket.ask("more", "{ __typename }").await;
    assert_eq!(socket.message().await["type"], "next");
}

#[tokio::test]
async fn an_operation_counts_until_it_has_ended_also_when_its_client_waits_no_more() {
    let gate = Arc::new(Gate::default());
    let service = Service::with(held_at_commits(&gate), HttpSettings::default());
    let mut socket = Socket::open(&service).await;
    let place = "mutation { placeOrder(input: {customerId: 42, items: [{productId: 1, quantity: 1, unitPrice: \"1\"}]}) { order { id } } }";
    let refused = async |socket: &mut Socket| {
        socket.ask("one", "{ __typename }").await;
        socket.say(&json!({"type": "ping"})).await;
        socket.message().await["payload"][0]["extensions"]["limit"] == "operations"
    };
    for _ in 0..16 {
        socket.ask("write", place).await;
        gate.arrival().await;
        socket.say(&json!({"id": "write", "type": "complete"})).await;
    }
    assert!(refused(&mut socket).await);
    socket.gets(json!({"type": "pong"})).await;
    gate.let_through(16);
    let free = async {
        while refused(&mut socket).await {
            socket.message().await;
        }
    };
    timeout(PATIENCE, free).await.expect("their places are free again");
}

#[tokio::test]
async fn each_operation_counts_as_a_request() {
    const BURST: u32 = 4;
    let rate_limit =
        RateLimit { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(BURST).unwrap() };
    let service = Service::with_settings(HttpSettings {
        rate_limit: Some(rate_limit),
        max_in_flight: 1.into(),
        ..HttpSettings::default()
    });
    // The handshake and the check of the first message count, too.
    let mut socket = Socket::open(&service).await;
    let mut codes = Vec::new();
    for id in 0..BURST {
        socket.ask(&id.to_string(), EVENTS).await;
        socket.say(&json!({"type": "ping"})).await;
        let message = socket.message().await;
        if message["type"] == "error" {
            codes.push(message["payload"][0]["extensions"]["code"].clone());
            socket.gets(json!({"type": "pong"})).await;
        }
    }
    assert!(codes.contains(&json!("rate_limited")), "{codes:?}");
}

#[tokio::test]
async fn connections_and_their_subscriptions_hold_no_place_among_the_requests() {
    let (service, store) =
        telling(HttpSettings { max_in_flight: 1.into(), ..HttpSettings::default() });
    place(&store, 1, 42).await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut socket = Socket::open(&service).await;
        socket.ask("a", EVENTS).await;
        socket.message().await;
        socket.ask("b", &query(1)).await;
        assert_eq!(socket.message().await["payload"], found("1"));
        sockets.push(socket);
    }
    assert_eq!(service.call("GET", "/orders/1").await.status, 200);
}

#[tokio::test]
async fn a_connection_without_operations_makes_room_for_others() {
    for is_silent in [false, true] {
        makes_room(is_silent).await;
    }
}

/// `is_silent`: it has not said its first word.
async fn makes_room(is_silent: bool) {
    let settings = HttpSettings { max_connections: 2, ..with_times(60_000, 15_000) };
    let (service, store) = telling(settings);
    place(&store, 1, 42).await;
    let mut busy = Socket::open(&service).await;
    busy.ask("a", EVENTS).await;
    busy.message().await;
    let mut idle =
        if is_silent { Socket::to(&service, &[]).await } else { Socket::open(&service).await };
    let served = async { while service.call("GET", "/orders/1").await.status != 200 {} };
    timeout(PATIENCE, served).await.expect("one gives way");
    assert_eq!(idle.next().await, Got::Cut);
    busy.say(&json!({"type": "ping"})).await;
    busy.gets(json!({"type": "pong"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_few_events_and_is_cut() {
    // 160 kB of each event are sent, and the kernel takes up to 4 MiB of them: 26 events.
    const ALL: u64 = 48;
    const MOST: u64 = 40;
    let feed = FeedSettings::default();
    let store = Arc::new(InMemoryStore::default());
    let settings =
        HttpSettings { answer_deadline: Duration::from_secs(2), ..HttpSettings::default() };
    let service = Service::telling(store.clone(), feed, Security::default(), settings);
    let placed = a_change_placing(a_new_order(1, 42));
    let mut order = placed.order.clone();
    store.commit(placed.into(), soon()).await.unwrap();
    for price in 1..ALL {
        let event = relined(&order, large_lines(&price.to_string()), noon());
        order = event.order.clone();
        store.commit(a_change(event).into(), soon()).await.unwrap();
    }
    store.give_positions().await;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(4_096).unwrap();
    let connection = Connection(Line::Plain(tcp.connect(service.address).await.unwrap()));
    let mut deaf = Socket::on(connection, &[]).await;
    deaf.say(&json!({"type": "connection_init"})).await;
    deaf.gets(json!({"type": "connection_ack"})).await;
    deaf.ask("a", "subscription { orderEvents(after: 0) { event { items { name } } } }").await;
    let cut = async {
        while service.feed.report().streamed == 0 || service.feed.report().streams > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, cut).await.expect("it is cut");
    let held = service.feed.report().streamed;
    assert!((1..=MOST).contains(&held), "{held} of {ALL} events");
}
