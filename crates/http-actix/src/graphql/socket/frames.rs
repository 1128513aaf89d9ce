//! The bytes of a WebSocket as messages (RFC 6455). The library reads and writes single frames; this file joins those of one
//! message, and bounds what is kept of a client that has not sent the whole.

use std::task::{Context, Poll, ready};

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser, ProtocolError};
use actix_web::dev::Payload;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt as _;

/// The most bytes of a message.
const LARGEST: usize = 64 << 10;
/// The most bytes of a frame in front of its content.
const LONGEST_HEAD: usize = 14;
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
    unread: BytesMut,
    /// The beginning of a message whose end has not come.
    begun: Option<BytesMut>,
}

impl Frames {
    pub(super) fn of(payload: Payload) -> Self {
        Self { payload, unread: BytesMut::new(), begun: None }
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
            // The library would wait for the whole of a frame that it then refuses.
            if self.unread.len() > LARGEST.saturating_add(LONGEST_HEAD) {
                return Poll::Ready(Err(too_large()));
            }
            match ready!(self.payload.poll_next_unpin(context)) {
                Some(Ok(bytes)) => self.unread.extend_from_slice(&bytes),
                Some(Err(_)) | None => return Poll::Ready(Err(Broken::Gone)),
            }
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
            OpCode::Close => return Ok(Some(Sent::Close)),
            OpCode::Binary => {
                return Err(Broken::Wrong(CloseCode::Unsupported, "Messages are texts."));
            }
            OpCode::Text if self.begun.is_none() => content,
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
            return Ok(Some(Sent::Text(text)));
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
