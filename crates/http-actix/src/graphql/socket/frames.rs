//! The bytes of a WebSocket as messages (RFC 6455). The library reads and writes single frames; this file joins those of one
//! message, and bounds what is kept of a client that has not sent the whole.

use std::task::{Context, Poll, ready};

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser, ProtocolError};
use actix_web::dev::Payload;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt as _;

/// The most bytes of a message.
const LARGEST: usize = 64 << 10;
/// How many of the bytes that have come are looked at at a time, and about how many are kept room for while nothing comes.
const PIECE: usize = 16 << 10;
/// The most bytes that say why a connection is closed: a frame that closes has 125, its code 2.
const LONGEST_REASON: usize = 123;

/// What a client has sent.
pub(super) enum Sent {
    Text(BytesMut),
    Ping(BytesMut),
    Pong,
    Close,
}

/// Why no more messages come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The client is gone.
    Gone,
    /// The code and the reason with which the connection is closed.
    Wrong(CloseCode, &'static str),
}

/// See the head of the file.
pub(super) struct Frames {
    payload: Payload,
    /// What has come and is not looked at yet.
    rest: Bytes,
    /// The beginning of a frame.
    unread: BytesMut,
    /// The beginning of a message whose end has not come.
    begun: Option<Vec<u8>>,
}

impl Frames {
    pub(super) fn of(payload: Payload) -> Self {
        Self { payload, rest: Bytes::new(), unread: BytesMut::new(), begun: None }
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Sent, Broken>> {
        loop {
            if let Some(frame) =
                Parser::parse(&mut self.unread, true, LARGEST).map_err(|error| wrong(&error))?
            {
                match self.join(frame)? {
                    Some(sent) => return Poll::Ready(Ok(sent)),
                    None => continue,
                }
            }
            if self.announces_too_much() {
                return Poll::Ready(Err(too_large()));
            }
            if self.rest.is_empty() {
                self.release();
                match ready!(self.payload.poll_next_unpin(context)) {
                    Some(Ok(bytes)) => self.rest = bytes,
                    Some(Err(_)) | None => return Poll::Ready(Err(Broken::Gone)),
                }
            }
            let piece = self.rest.split_to(self.rest.len().min(PIECE));
            self.unread.extend_from_slice(&piece);
        }
    }

    /// Whether the head of the next frame says that it is longer than a message. The library would wait for the whole of it.
    fn announces_too_much(&self) -> bool {
        // The length stands in eight bytes where 127 stands in its place (RFC 6455, section 5.2).
        let is_long = self.unread.get(1).is_some_and(|second| second & 0x7f == 0x7f);
        let length = self.unread.get(2..10).and_then(|bytes| bytes.try_into().ok());
        let length = length.and_then(|bytes| usize::try_from(u64::from_be_bytes(bytes)).ok());
        is_long && length.is_some_and(|length| length > LARGEST)
    }

    /// Gives back the room of what has been read, while nothing comes.
    fn release(&mut self) {
        self.rest = Bytes::new();
        if self.unread.is_empty() && self.unread.capacity() > PIECE {
            self.unread = BytesMut::new();
        }
    }

    /// Joins a frame with those before it. `None`: the message goes on.
    fn join(
        &mut self,
        (is_last, code, content): (bool, OpCode, Option<BytesMut>),
    ) -> Result<Option<Sent>, Broken> {
        let content = content.unwrap_or_default();
        let text = match code {
            OpCode::Ping | OpCode::Pong | OpCode::Close if !is_last => return Err(misplaced()),
            OpCode::Ping => return Ok(Some(Sent::Ping(content))),
            OpCode::Pong => return Ok(Some(Sent::Pong)),
            OpCode::Close => {
                Parser::try_parse_close_payload(&content).map_err(|error| wrong(&error))?;
                return Ok(Some(Sent::Close));
            }
            OpCode::Binary => {
                return Err(Broken::Wrong(CloseCode::Unsupported, "Messages are texts."));
            }
            OpCode::Text if self.begun.is_none() && is_last => {
                return Ok(Some(Sent::Text(content)));
            }
            OpCode::Text if self.begun.is_none() => content.to_vec(),
            OpCode::Continue => {
                let mut begun = self.begun.take().ok_or_else(misplaced)?;
                if begun.len().saturating_add(content.len()) > LARGEST {
                    return Err(too_large());
                }
                begun.extend_from_slice(&content);
                begun
            }
            OpCode::Text | OpCode::Bad => return Err(misplaced()),
        };
        if is_last {
            return Ok(Some(Sent::Text(BytesMut::from(&*text))));
        }
        self.begun = Some(text);
        Ok(None)
    }
}

fn misplaced() -> Broken {
    Broken::Wrong(CloseCode::Protocol, "A frame is out of place.")
}

fn too_large() -> Broken {
    Broken::Wrong(CloseCode::Size, "A message may have 64 KiB.")
}

fn wrong(error: &ProtocolError) -> Broken {
    match error {
        ProtocolError::Overflow => too_large(),
        _ => Broken::Wrong(CloseCode::Protocol, "A frame is malformed."),
    }
}

/// A text as it is sent.
pub(super) fn text(content: &[u8]) -> Bytes {
    written(content, OpCode::Text)
}

/// The answer to a ping.
pub(super) fn pong(content: &[u8]) -> Bytes {
    written(content, OpCode::Pong)
}

/// The last frame of a connection.
pub(super) fn close(code: CloseCode, reason: &str) -> Bytes {
    let end = reason.floor_char_boundary(LONGEST_REASON);
    let description = reason.get(..end).map(ToOwned::to_owned);
    let mut bytes = BytesMut::new();
    Parser::write_close(&mut bytes, Some(CloseReason { code, description }), false);
    bytes.freeze()
}

fn written(content: &[u8], code: OpCode) -> Bytes {
    let mut bytes = BytesMut::new();
    Parser::write_message(&mut bytes, content, code, true, false);
    bytes.freeze()
}
