//! A client of GraphQL over `WebSocket` that writes its frames itself.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::support::{Connection, Service, head};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key of RFC 6455, section 1.3, and what answers it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
pub(crate) const HANDSHAKE: [(&str, &str); 5] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", KEY),
    ("sec-websocket-protocol", "graphql-transport-ws"),
];
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
pub(crate) const FINAL: u8 = 0x80;
/// In the second byte of a frame.
pub(crate) const MASKED: u8 = 0x80;

/// A client.
pub(crate) struct Socket(pub(crate) Connection);

/// What the service has sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Message(Value),
    Pong(Vec<u8>),
    Closed(u16),
    /// Without a frame that says so.
    Cut,
}

impl Socket {
    pub(crate) async fn to(service: &Service, headers: &[(&str, &str)]) -> Self {
        Self::on(service.connect().await, headers).await
    }

    pub(crate) async fn on(mut connection: Connection, headers: &[(&str, &str)]) -> Self {
        let all = [&HANDSHAKE[..], headers].concat();
        connection.send(&head("GET", "/socket", &all)).await;
        let reply = connection.reply("GET").await;
        assert_eq!((reply.status, reply.header("sec-websocket-accept")), (101, Some(ACCEPT)));
        assert_eq!(reply.header("sec-websocket-protocol"), Some("graphql-transport-ws"));
        assert_eq!(reply.header("connection").map(str::to_lowercase).as_deref(), Some("upgrade"));
        assert_eq!(reply.header("upgrade"), Some("websocket"));
        assert_eq!(
            (reply.header("transfer-encoding"), reply.header("content-length")),
            (None, None)
        );
        reply.check_edge();
        Self(connection)
    }

    /// A client whose connection is acknowledged.
    pub(crate) async fn open(service: &Service) -> Self {
        let mut socket = Self::to(service, &[]).await;
        socket.say(&json!({"type": "connection_init"})).await;
        socket.gets(json!({"type": "connection_ack"})).await;
        socket
    }

    /// Masked with zeros: the content is sent as it is.
    pub(crate) async fn frame(&mut self, first: u8, content: &[u8]) {
        let mut bytes = vec![first];
        match u16::try_from(content.len()) {
            Ok(length @ ..126) => bytes.push(MASKED | u8::try_from(length).unwrap()),
            Ok(length) => {
                bytes.push(MASKED | 0x7e);
                bytes.extend(length.to_be_bytes());
            }
            Err(_) => {
                bytes.push(MASKED | 0x7f);
                bytes.extend(u64::try_from(content.len()).unwrap().to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.extend_from_slice(content);
        self.0.try_send(&bytes).await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.frame(FINAL | TEXT, message.to_string().as_bytes()).await;
    }

    pub(crate) async fn ask(&mut self, id: &str, query: &str) {
        self.say(&json!({"id": id, "type": "subscribe", "payload": {"query": query}})).await;
    }

    pub(crate) async fn next(&mut self) -> Got {
        timeout(PATIENCE, self.read()).await.expect("it comes in time")
    }

    async fn read(&mut self) -> Got {
        let Ok(first) = self.0.0.read_u8().await else { return Got::Cut };
        let short = self.0.0.read_u8().await.unwrap();
        assert_eq!(short & MASKED, 0, "the service masks nothing");
        let length = match short {
            126 => usize::from(self.0.0.read_u16().await.unwrap()),
            127 => usize::try_from(self.0.0.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut content = vec![0; length];
        if self.0.0.read_exact(&mut content).await.is_err() {
            return Got::Cut;
        }
        match first {
            0x81 => Got::Message(serde_json::from_slice(&content).expect("JSON")),
            0x8a => Got::Pong(content),
            0x88 => Got::Closed(u16::from_be_bytes([content[0], content[1]])),
            other => panic!("an unexpected frame: {other}"),
        }
    }

    pub(crate) async fn message(&mut self) -> Value {
        match self.next().await {
            Got::Message(message) => message,
            other => panic!("no message: {other:?}"),
        }
    }

    pub(crate) async fn gets(&mut self, message: Value) {
        assert_eq!(self.next().await, Got::Message(message));
    }

    pub(crate) async fn closed_with(mut self, code: u16) {
        assert_eq!(self.next().await, Got::Closed(code));
        self.frame(FINAL | CLOSE, &code.to_be_bytes()).await;
        assert_eq!(self.next().await, Got::Cut);
    }
}
