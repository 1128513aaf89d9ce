//! What waits to be written to a WebSocket, in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::MessageBody as _;
use actix_web::web::Bytes;

use crate::app::App;
use crate::edge::LARGE;
use crate::unread_answers::UnreadAnswer;

/// A frame.
pub(super) enum Frame {
    Small(Bytes),
    /// Held in the budget of answers that clients have not taken, with the bytes that are left of it.
    Large(UnreadAnswer, usize),
}

/// See the head of the file.
#[derive(Default)]
pub(super) struct Writing(VecDeque<Frame>);

/// A frame has given way to others in its middle. Nothing can be written after it.
pub(super) struct GivenUp;

impl Frame {
    /// `None`: there is no room for it, and it need not be sent.
    pub(super) fn held(app: &App, bytes: Bytes, must: bool) -> Option<Self> {
        let size = bytes.len();
        if size <= LARGE {
            return Some(Self::Small(bytes));
        }
        app.unread.hold(bytes, must).map(|answer| Self::Large(answer, size))
    }
}

impl Writing {
    pub(super) fn add(&mut self, frame: Frame) {
        self.0.push_back(frame);
    }

    /// The next bytes; `None`: there are none.
    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Result<Option<Bytes>, GivenUp> {
        let Some(frame) = self.0.pop_front() else { return Ok(None) };
        let (mut answer, left) = match frame {
            Frame::Small(bytes) => return Ok(Some(bytes)),
            Frame::Large(answer, left) => (answer, left),
        };
        match Pin::new(&mut answer).poll_next(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                let left = left.saturating_sub(bytes.len());
                if left > 0 {
                    self.0.push_front(Frame::Large(answer, left));
                }
                Ok(Some(bytes))
            }
            Poll::Ready(_) | Poll::Pending => Err(GivenUp),
        }
    }
}
