//! The messages of `graphql-transport-ws`, the protocol of the library graphql-ws.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::envelope::{Envelope, Malformed};

/// The name of the protocol in a handshake.
pub(super) const NAME: &str = "graphql-transport-ws";
/// The longest id that a client may give to an operation, in bytes.
const LONGEST_ID: usize = 128;

/// Codes with which a connection is closed. Clients of the library connect again only after some of them.
pub(super) mod closing {
    pub(in super::super) const BAD_REQUEST: u16 = 4400;
    pub(in super::super) const UNAUTHORIZED: u16 = 4401;
    pub(in super::super) const FORBIDDEN: u16 = 4403;
    pub(in super::super) const LATE: u16 = 4408;
    pub(in super::super) const ID_IN_USE: u16 = 4409;
    pub(in super::super) const GREETED_TWICE: u16 = 4429;
}

/// What a client says.
#[derive(Debug)]
pub(super) enum Message {
    /// The first message. What it says of its token.
    Init(Option<String>),
    Ping,
    Pong,
    Subscribe(String, Envelope),
    /// The client wants no more answers.
    Complete(String),
}

/// Why a message is no message of the protocol.
#[derive(Debug, thiserror::Error)]
pub(super) enum Invalid {
    #[error("The message is none of the protocol.")]
    Shape,
    #[error("The id must have 1 to {LONGEST_ID} bytes.")]
    Id,
    #[error(transparent)]
    Envelope(#[from] Malformed),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Read {
    ConnectionInit { payload: Option<Map<String, Value>> },
    Ping {},
    Pong {},
    Subscribe { id: String, payload: Map<String, Value> },
    Complete { id: String },
}

impl Message {
    pub(super) fn read(text: &[u8]) -> Result<Self, Invalid> {
        Ok(match serde_json::from_slice(text).map_err(|_| Invalid::Shape)? {
            Read::ConnectionInit { payload } => Self::Init(payload.and_then(authorization)),
            Read::Ping {} => Self::Ping,
            Read::Pong {} => Self::Pong,
            Read::Subscribe { id, payload } => {
                Self::Subscribe(checked(id)?, Envelope::of(payload)?)
            }
            Read::Complete { id } => Self::Complete(checked(id)?),
        })
    }
}

fn checked(id: String) -> Result<String, Invalid> {
    if (1..=LONGEST_ID).contains(&id.len()) { Ok(id) } else { Err(Invalid::Id) }
}

/// What would stand in the header of that name, which scripts in browsers cannot send. Spring reads the same member.
fn authorization(payload: Map<String, Value>) -> Option<String> {
    let found = payload.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?.1;
    match found {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[derive(Serialize)]
struct Written<'a, P> {
    id: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

/// The answer to the first message.
pub(super) const ACK: &[u8] = br#"{"type":"connection_ack"}"#;
/// Asks the client for a sign of life.
pub(super) const PING: &[u8] = br#"{"type":"ping"}"#;
/// Gives one.
pub(super) const PONG: &[u8] = br#"{"type":"pong"}"#;

/// An answer, which is JSON already.
pub(super) fn next(id: &str, answer: &[u8]) -> Vec<u8> {
    let mut message = br#"{"id":"#.to_vec();
    message.extend(serde_json::to_vec(id).unwrap_or_default());
    message.extend_from_slice(br#","type":"next","payload":"#);
    message.extend_from_slice(answer);
    message.push(b'}');
    message
}

/// Says that an operation is not executed.
pub(super) fn error(id: &str, errors: &[ServerError]) -> Vec<u8> {
    written(&Written { id, r#type: "error", payload: Some(errors) })
}

/// Says that no more answers come.
pub(super) fn complete(id: &str) -> Vec<u8> {
    written(&Written::<()> { id, r#type: "complete", payload: None })
}

fn written(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}
