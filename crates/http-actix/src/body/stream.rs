//! The stream of events: server-sent events (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;
use order_app::feed::{End, FeedBatch, FeedEvent, Subscription};
use tokio::time::{Instant, Sleep, sleep};

/// How long a stream may be silent; then it sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The milliseconds after which a client connects again.
const RETRY: u32 = 1_000;

type Next = Pin<Box<dyn Future<Output = (Subscription, Result<FeedBatch, End>)>>>;

/// The body of a stream. It reads from its subscription only when the connection can take more.
pub(crate) struct EventStream {
    next: Next,
    stopped: Pin<Box<dyn Future<Output = ()>>>,
    heartbeat: Pin<Box<Sleep>>,
    /// What is sent first.
    greeting: Option<Bytes>,
    /// Everything up to this id is sent, or does not pass the filter.
    through: i64,
    /// The last id that was sent.
    sent: i64,
    record: Record,
}

/// What the log says of a stream that has ended.
struct Record {
    trace_id: String,
    started: Instant,
    events: u64,
    /// Why it has ended, once it has.
    end: Option<&'static str>,
}

impl EventStream {
    /// A stream that ends when the instance is stopped.
    pub(crate) fn new(
        subscription: Subscription,
        stopped: impl Future<Output = ()> + 'static,
        trace_id: String,
    ) -> Self {
        let position = subscription.position();
        // A client that gets no event connects again with this id.
        let greeting = format!("retry: {RETRY}\nid: {position}\n\n");
        Self {
            next: listen(subscription),
            stopped: Box::pin(stopped),
            heartbeat: Box::pin(sleep(HEARTBEAT)),
            greeting: Some(greeting.into()),
            through: position,
            sent: position,
            record: Record { trace_id, started: Instant::now(), events: 0, end: None },
        }
    }

    fn next_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.record.end.is_some() {
            return Poll::Ready(None);
        }
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(greeting));
        }
        if self.stopped.as_mut().poll(context).is_ready() {
            self.record.end = Some("the instance is stopping");
            return Poll::Ready(None);
        }
        while let Poll::Ready((subscription, next)) = self.next.as_mut().poll(context) {
            let FeedBatch { events, through } = match next {
                Ok(batch) => batch,
                // The client connects again with its last id, and gets 410 `events_purged` or 401.
                Err(end) => {
                    self.record.end = Some(match end {
                        End::Gone(_) => "events were purged before they were sent",
                        End::Expired => "the token has expired",
                    });
                    return Poll::Ready(None);
                }
            };
            self.next = listen(subscription);
            self.through = through;
            if let Some(last) = events.last() {
                self.sent = last.position;
                let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
                self.record.events = self.record.events.saturating_add(count);
                self.rest();
                return Poll::Ready(Some(frames(&events)));
            }
        }
        if self.heartbeat.as_mut().poll(context).is_ready() {
            self.rest();
            // Polled once, so that the timer wakes this stream.
            let _ = self.heartbeat.as_mut().poll(context);
            return Poll::Ready(Some(self.heartbeat_frame()));
        }
        Poll::Pending
    }

    /// Starts the time until the next heartbeat.
    fn rest(&mut self) {
        let now = Instant::now();
        self.heartbeat.as_mut().reset(now.checked_add(HEARTBEAT).unwrap_or(now));
    }

    /// A comment; or, when events have passed that the filter leaves out, an id alone, so that the
    /// client connects again after them.
    fn heartbeat_frame(&mut self) -> Bytes {
        if self.through > self.sent {
            self.sent = self.through;
            return format!("id: {}\n\n", self.sent).into();
        }
        Bytes::from_static(b":\n\n")
    }
}

impl Stream for EventStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().next_chunk(context).map(|chunk| chunk.map(Ok))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(
            target: "access",
            message = "a stream of events has ended",
            end = self.end.unwrap_or("the client is gone"),
            events = self.events,
            duration_s = self.started.elapsed().as_secs_f64(),
            trace_id = self.trace_id.as_str(),
        );
    }
}

fn listen(mut subscription: Subscription) -> Next {
    Box::pin(async move {
        let next = subscription.next().await;
        (subscription, next)
    })
}

fn frames(events: &[std::sync::Arc<FeedEvent>]) -> Bytes {
    let room = events.iter().map(|event| event.json.len().saturating_add(64));
    let mut text = String::with_capacity(room.sum());
    for FeedEvent { position, kind, json, .. } in events.iter().map(AsRef::as_ref) {
        // Writing to a string cannot fail.
        let _ = write!(text, "id: {position}\nevent: {kind}\ndata: {json}\n\n");
    }
    text.into()
}

#[cfg(test)]
mod tests;
