//! A stream of answers: the distinct mode of GraphQL over SSE. Each answer is an event `next`; `complete` says that no more
//! come. A stream that an instance cuts short when it stops, or when the caller's token ends, has no `complete`: its client
//! comes back.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use actix_web::web::Bytes;
use async_graphql::Response;
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep};

use super::answers;
use super::asking::Asking;

/// Answers; `Err` when making one has panicked.
type Responses = Pin<Box<dyn Stream<Item = thread::Result<Response>> + Send>>;

/// Says that no more answers come.
pub(super) const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

/// The body of a stream. It asks for the next answer only when the connection can take more.
pub(super) struct AnswerStream {
    responses: Responses,
    asking: Arc<Asking>,
    stopped: Pin<Box<dyn Future<Output = ()>>>,
    keep_alive: Duration,
    heartbeat: Pin<Box<Sleep>>,
    record: Record,
}

/// What the log says of a stream that has ended.
struct Record {
    trace_id: String,
    started: Instant,
    answers: u64,
    /// Why it has ended, once it has.
    end: Option<&'static str>,
}

impl AnswerStream {
    pub(super) fn new(
        responses: impl Stream<Item = Response> + Send + 'static,
        asking: Arc<Asking>,
        stopped: impl Future<Output = ()> + 'static,
        keep_alive: Duration,
        trace_id: String,
    ) -> Self {
        let record = Record { trace_id, started: Instant::now(), answers: 0, end: None };
        let (stopped, heartbeat) = (Box::pin(stopped), Box::pin(sleep(keep_alive)));
        let responses = Box::pin(AssertUnwindSafe(responses).catch_unwind());
        Self { responses, asking, stopped, keep_alive, heartbeat, record }
    }

    fn next_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.record.end.is_some() {
            return Poll::Ready(None);
        }
        if self.stopped.as_mut().poll(context).is_ready() {
            self.record.end = Some("the instance is stopping");
            return Poll::Ready(None);
        }
        match self.responses.poll_next_unpin(context) {
            Poll::Ready(Some(Err(_))) => {
                self.record.end = Some("an answer could not be made");
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(response))) => {
                self.record.answers = self.record.answers.saturating_add(1);
                self.rest();
                Poll::Ready(Some(next(&response)))
            }
            Poll::Ready(None) if self.asking.is_cut() => {
                self.record.end = Some("the token has expired");
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                self.record.end = Some("there are no more answers");
                Poll::Ready(Some(Bytes::from_static(COMPLETE)))
            }
            Poll::Pending if self.heartbeat.as_mut().poll(context).is_ready() => {
                self.rest();
                // Polled once, so that the timer wakes this stream.
                let _ = self.heartbeat.as_mut().poll(context);
                Poll::Ready(Some(Bytes::from_static(b":\n\n")))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Starts the time until the next sign of life.
    fn rest(&mut self) {
        let now = Instant::now();
        self.heartbeat.as_mut().reset(now.checked_add(self.keep_alive).unwrap_or(now));
    }
}

/// An answer as an event.
pub(super) fn next(response: &Response) -> Bytes {
    let json = answers::json(response);
    let mut bytes = Vec::with_capacity(json.len().saturating_add(32));
    bytes.extend_from_slice(b"event: next\ndata: ");
    bytes.extend_from_slice(&json);
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

impl Stream for AnswerStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().next_chunk(context).map(|chunk| chunk.map(Ok))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(
            target: "access",
            message = "a stream of answers has ended",
            end = self.end.unwrap_or("the client is gone"),
            answers = self.answers,
            duration_s = self.started.elapsed().as_secs_f64(),
            trace_id = self.trace_id.as_str(),
        );
    }
}
