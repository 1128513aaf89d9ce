//! A running server with a store in memory, and a client that sends exactly the bytes it is told.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use http_actix::{
    About, Actuator, Component, Endpoint, Forms, Http, HttpSettings, Lifecycle, Management, Phase,
    Security, Site, Status, Tls, serve, serve_management,
};
use order_app::currencies::Currencies;
use order_app::feed::{Feed, FeedSettings};
use order_app::orders::{Orders, Ports};
use order_app::ports::{OrderStore, SagaStore};
use order_app::saga::SagaPolicy;
use order_app::wake_up::WakeUp;
use order_events::asyncapi::Topics;
use order_testkit::{FixedClock, Gate, InMemoryStore, Method, SentCommands, SequentialEntropy};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tls::{Line, Over, client, identity, own, shake_hands};

/// Far longer than anything here takes: only a defect reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const LINES: &str = r#"[{"productId":1,"quantity":3,"unitPrice":"49.99"}]"#;

/// The topics of the service.
pub(crate) fn topics() -> Topics {
    let mut topics = Topics::of_events("shop.{type}");
    topics.replies = "shop.replies".into();
    topics
}

/// A running server; stopped when dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) feed: Feed,
    over: Over,
    handle: ServerHandle,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with(InMemoryStore::default(), HttpSettings::default())
    }

    pub(crate) fn with_settings(settings: HttpSettings) -> Self {
        Self::with(InMemoryStore::default(), settings)
    }

    pub(crate) fn with(store: impl OrderStore + 'static, settings: HttpSettings) -> Self {
        Self::serving(Arc::new(store), settings, serve_usual)
    }

    /// A service over one or the other.
    pub(crate) fn over(
        over: Over,
        store: impl OrderStore + 'static,
        settings: HttpSettings,
    ) -> Self {
        let tls = (over == Over::Tls).then(|| Tls::new(identity(own())));
        let serve = |http, listener| serve(http, usual(), listener, tls);
        let mut service = Self::serving(Arc::new(store), settings, serve);
        service.over = over;
        service
    }

    /// A service with an empty store and this TLS.
    pub(crate) fn with_tls(tls: Tls, settings: HttpSettings) -> Self {
        let serve = |http, listener| serve(http, usual(), listener, Some(tls));
        let mut service = Self::serving(Arc::new(InMemoryStore::default()), settings, serve);
        service.over = Over::Tls;
        service
    }

    /// A service with a store that the test looks into.
    pub(crate) fn on(store: Arc<InMemoryStore>) -> Self {
        Self::serving(store, HttpSettings::default(), serve_usual)
    }

    /// A service with a store that has sagas, too.
    pub(crate) fn with_sagas(store: Arc<InMemoryStore>) -> Self {
        Self::serving_both(store.clone(), store, HttpSettings::default(), serve_usual)
    }

    /// A service with an empty store whose main port has these paths.
    pub(crate) fn at(site: Site, settings: HttpSettings) -> Self {
        let serve = |http, listener| serve(http, site, listener, None);
        Self::serving(Arc::new(InMemoryStore::default()), settings, serve)
    }

    /// A service with such a store, that answers in other forms.
    pub(crate) fn in_forms(store: Arc<InMemoryStore>, forms: Forms) -> Self {
        Self::serving(store, HttpSettings { forms, ..HttpSettings::default() }, serve_usual)
    }

    /// The management port of a service with an empty store.
    pub(crate) fn management(management: Management) -> Self {
        let site = Site::of_operators("").with(&Actuator::default(), &Endpoint::ALL);
        Self::management_at(site, management)
    }

    /// A service with such a store, whose callers say who they are.
    pub(crate) fn secured(store: Arc<InMemoryStore>, security: Security) -> Self {
        Self::secured_with(store, security, HttpSettings::default())
    }

    /// The same with other settings.
    pub(crate) fn secured_with(
        store: Arc<InMemoryStore>,
        security: Security,
        settings: HttpSettings,
    ) -> Self {
        let serve = |http, listener| serve_usual(Http { security, ..http }, listener);
        Self::serving_both(store.clone(), store, settings, serve)
    }

    /// A management port whose callers say who they are.
    pub(crate) fn secured_management(management: Management, security: Security) -> Self {
        let site = Site::of_operators("").with(&Actuator::default(), &Endpoint::ALL);
        let serve = |http, listener| {
            serve_management(Http { security, ..http }, management, site, listener, None)
        };
        Self::serving(Arc::new(InMemoryStore::default()), HttpSettings::default(), serve)
    }

    /// The same with other paths.
    pub(crate) fn management_at(site: Site, management: Management) -> Self {
        Self::management_with(site, management, HttpSettings::default())
    }

    /// The same with other settings.
    pub(crate) fn management_with(
        site: Site,
        management: Management,
        settings: HttpSettings,
    ) -> Self {
        let serve = |http, listener| serve_management(http, management, site, listener, None);
        Self::serving(Arc::new(InMemoryStore::default()), settings, serve)
    }

    fn serving(
        store: Arc<dyn OrderStore>,
        settings: HttpSettings,
        serve: impl FnOnce(Http, TcpListener) -> std::io::Result<Server>,
    ) -> Self {
        Self::serving_both(store, Arc::new(InMemoryStore::default()), settings, serve)
    }

    fn serving_both(
        store: Arc<dyn OrderStore>,
        sagas: Arc<dyn SagaStore>,
        settings: HttpSettings,
        serve: impl FnOnce(Http, TcpListener) -> std::io::Result<Server>,
    ) -> Self {
        let journal = Arc::new(InMemoryStore::default());
        Self::wired(store, sagas, (journal, FeedSettings::default()), settings, serve)
    }

    /// A service whose subscribers get the events of its own store.
    pub(crate) fn telling(
        store: Arc<InMemoryStore>,
        feed: FeedSettings,
        security: Security,
        settings: HttpSettings,
    ) -> Self {
        let serve = |http, listener| serve_usual(Http { security, ..http }, listener);
        Self::wired(store.clone(), store.clone(), (store, feed), settings, serve)
    }

    fn wired(
        store: Arc<dyn OrderStore>,
        sagas: Arc<dyn SagaStore>,
        (journal, feed): (Arc<InMemoryStore>, FeedSettings),
        mut settings: HttpSettings,
        serve: impl FnOnce(Http, TcpListener) -> std::io::Result<Server>,
    ) -> Self {
        settings.workers = Some(1);
        let entropy = Arc::new(SequentialEntropy::default());
        let clock = Arc::new(FixedClock::default());
        let feed = Feed::new(journal, clock.clone(), entropy.clone(), feed);
        tokio::spawn(feed.clone().run(WakeUp::default()));
        let commands = Arc::new(SentCommands::default());
        let ports = Ports { store, sagas, commands, clock, entropy: entropy.clone() };
        let lifecycle = Lifecycle::new();
        lifecycle.advance(Phase::Ready);
        let http = Http {
            orders: Orders::new(
                ports,
                Currencies::default(),
                SagaPolicy::default(),
                Duration::from_millis(1_200),
            ),
            feed: feed.clone(),
            entropy,
            lifecycle: lifecycle.clone(),
            about: About {
                name: "order-service".to_owned(),
                version: "1.2.3".to_owned(),
                info: Map::from_iter([("app".to_owned(), json!({"team": "shop"}))]),
            },
            settings,
            security: Security::default(),
            dependencies: Arc::new(peers),
            topics: topics(),
            in_flight: Arc::default(),
            scrape: Arc::new(|| "up 1\n".to_owned()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(http, listener).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, lifecycle, feed, over: Over::Tcp, handle }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        match self.over {
            Over::Tcp => Connection(Line::Plain(tcp)),
            // A server without room closes, over TCP as over TLS.
            Over::Tls => Connection(
                shake_hands(tcp, client(own(), None)).await.unwrap_or_else(|_| Line::Closed),
            ),
        }
    }

    /// One request without a body, on a connection of its own.
    pub(crate) async fn call(&self, method: &str, target: &str) -> Reply {
        self.call_with(method, target, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut connection = self.connect().await;
        connection.send(&head(method, target, headers)).await;
        let reply = connection.reply(method).await;
        reply.check_edge();
        reply
    }

    /// One request with a JSON body, on a connection of its own.
    pub(crate) async fn write(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let length = body.len().to_string();
        let mut all = vec![("content-type", "application/json"), ("content-length", &length)];
        all.extend_from_slice(headers);
        let mut connection = self.connect().await;
        connection.send(&head(method, target, &all)).await;
        connection.send(body).await;
        let reply = connection.reply(method).await;
        reply.check_edge();
        reply
    }

    /// Places an order for customer 42 and returns its id.
    pub(crate) async fn placed(&self) -> i64 {
        let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
        let reply = self.write("POST", "/orders", &[], &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["id"].as_i64().unwrap()
    }

    pub(crate) async fn change_status(&self, id: i64, status: &str) -> Reply {
        let body = format!(r#"{{"status":"{status}"}}"#);
        let target = format!("/orders/{id}/status");
        self.write("PUT", &target, &[], &body).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Dropping the future is enough: the command is sent when it is made.
        drop(self.handle.stop(false));
    }
}

/// The main port of a service without a management port, with the usual paths.
pub(crate) fn usual() -> Site {
    let site = Site::main("").with(&Actuator::default(), &Endpoint::OF_CLIENTS);
    let site = site.with_graphql(Some("/graphql".to_owned()), Some("/graphiql".to_owned()));
    site.with_websocket(Some("/socket".to_owned()))
}

fn serve_usual(http: Http, listener: TcpListener) -> std::io::Result<Server> {
    serve(http, usual(), listener, None)
}

/// Two peers: one is up, one is down.
fn peers() -> Vec<Component> {
    let details = json!({"broker": "b:9092"});
    let eureka = Component { name: "eureka", status: Status::Up, details: Value::Null };
    vec![eureka, Component { name: "kafka", status: Status::Down, details }]
}

pub(crate) fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: orders\r\n");
    for (name, value) in headers {
        head += &[name, ": ", value, "\r\n"].concat();
    }
    head + "\r\n"
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem, whose other members are checked.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        for member in ["type", "title", "detail", "instance", "code", "traceId"] {
            assert!(problem[member].is_string(), "{member} in {problem}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }

    /// Asserts what every answer must have.
    pub(crate) fn check_edge(&self) {
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        assert!(self.header("x-request-id").is_some());
        let no_store = self.header("cache-control") == Some("no-store");
        assert_eq!(no_store, self.header("etag").is_none(), "{self:?}");
        // GraphQL has a form of its own for what it refuses.
        let is_of_graphql = self.body.starts_with(br#"{"errors":["#);
        if self.status >= 400 && !self.body.is_empty() && self.status != 503 && !is_of_graphql {
            self.code();
        }
    }
}

/// An empty store whose commits wait at a gate.
pub(crate) fn held_at_commits(gate: &Arc<Gate>) -> InMemoryStore {
    let store = InMemoryStore::default();
    store.faults().before(Method::Commit).waits(gate);
    store
}

/// A socket to the server.
pub(crate) struct Connection(pub Line);

impl Connection {
    /// Sends as much as the server takes; it may close early.
    pub(crate) async fn send(&mut self, bytes: &str) {
        let sent = timeout(PATIENCE, self.0.write_all(bytes.as_bytes())).await;
        let _ = sent.expect("the server takes bytes or closes");
    }

    /// Whether bytes could still be sent.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(PATIENCE, self.0.write_all(bytes)).await;
        sent.expect("the server takes bytes or closes").is_ok()
    }

    pub(crate) async fn reply(&mut self, method: &str) -> Reply {
        timeout(PATIENCE, self.read_reply(method)).await.expect("an answer")
    }

    async fn read_reply(&mut self, method: &str) -> Reply {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("a whole head"));
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, length)| length.parse().unwrap());
        let bodiless = method == "HEAD" || status == 304 || status == 100;
        let mut body = vec![0; if bodiless { 0 } else { length }];
        self.0.read_exact(&mut body).await.expect("a whole body");
        Reply { status, headers, body }
    }

    /// Waits until the server has closed the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        let _ = end.expect("the server closes the connection");
        assert!(rest.is_empty(), "nothing comes after the answer");
    }
}
