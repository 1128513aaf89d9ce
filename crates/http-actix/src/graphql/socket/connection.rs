//! One WebSocket: reads the client's messages, has its operations answered, and says why it ends. It is the body of the answer
//! to the handshake, so it is asked for bytes only when the connection can take more; and only then does it read on, and have
//! subscriptions make their next answers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::ws::CloseCode;
use actix_web::web::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep};
use tracing::Instrument as _;

use super::super::beyond::too_expensive;
use super::super::envelope::Envelope;
use super::super::settings::SocketSettings;
use super::frames::{self, Broken, Frames, Sent};
use super::operation::{self, Answers, Connected, Said, Slot};
use super::protocol::{self, Message, closing};
use super::writing::{Frame, GivenUp, Writing};
use crate::connections::Upgraded;
use crate::edge;
use crate::problem::{Code, Problem};

/// The most operations at once.
const MOST_OPERATIONS: usize = 16;
/// How long the client may take to answer that the connection is closed.
const LINGER: Duration = Duration::from_secs(2);

/// See the head of the file.
pub(super) struct Connection {
    at: Rc<Connected>,
    carrier: Upgraded,
    frames: Frames,
    phase: Phase,
    /// The token is in the head of the handshake, or comes in the first message.
    has_token: bool,
    /// The next one to be asked is first.
    operations: VecDeque<(String, Answers)>,
    /// Counts the operations of which something runs, those included that the client no longer waits for.
    slots: Rc<()>,
    writing: Writing,
    stopped: Pin<Box<dyn Future<Output = ()>>>,
    keep_alive: Duration,
    heartbeat: Pin<Box<Sleep>>,
    /// Whether the client has sent something since it was last asked for a sign of life.
    is_heard: bool,
    /// Whether the client's messages are looked at before its operations are; each goes first in turn.
    is_reading_first: bool,
    record: Record,
}

type Step = fn(&mut Connection, &mut Context<'_>) -> Poll<()>;

enum Phase {
    /// The client has not said the first word, and may take until then.
    Silent(Pin<Box<Sleep>>),
    /// What it has said of its token is checked.
    Greeting(LocalBoxFuture<'static, Result<(), Problem>>, Option<Rc<str>>),
    /// Operations may come; what it has said of its token is asked for each of them.
    Open(Option<Rc<str>>),
    /// It is told that the connection is closed, and may answer until then.
    Closing(Pin<Box<Sleep>>),
    Ended,
}

/// What the log says of a connection that has ended.
struct Record {
    trace_id: String,
    started: Instant,
    operations: u64,
    answers: u64,
    /// Why it has ended, once it has.
    end: Option<&'static str>,
    /// The code with which the service has closed it.
    code: Option<u16>,
}

impl Connection {
    pub(super) fn new(
        at: Rc<Connected>,
        frames: Frames,
        has_token: bool,
        stopped: impl Future<Output = ()> + 'static,
        trace_id: String,
    ) -> Self {
        let SocketSettings { init_timeout, keep_alive } = at.api.settings.socket;
        let started = Instant::now();
        Self {
            carrier: Upgraded::of(&at.request),
            at,
            frames,
            phase: Phase::Silent(Box::pin(sleep(init_timeout))),
            has_token,
            operations: VecDeque::new(),
            slots: Rc::default(),
            writing: Writing::default(),
            stopped: Box::pin(stopped),
            keep_alive,
            heartbeat: Box::pin(sleep(keep_alive)),
            is_heard: true,
            is_reading_first: false,
            record: Record { trace_id, started, operations: 0, answers: 0, end: None, code: None },
        }
    }

    fn next_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match self.writing.next(context) {
                Ok(Some(bytes)) => return Poll::Ready(Some(bytes)),
                Ok(None) => {}
                Err(GivenUp) => self.end("an answer has given way to others"),
            }
            if matches!(self.phase, Phase::Ended) {
                self.carrier.ends();
                return Poll::Ready(None);
            }
            let works = !self.operations.is_empty() || matches!(self.phase, Phase::Greeting(..));
            self.carrier.rests(!works);
            ready!(self.go_on(context));
        }
    }

    /// Deals with one thing that has happened.
    fn go_on(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Phase::Closing(until) = &mut self.phase {
            return if until.as_mut().poll(context).is_ready() {
                self.phase = Phase::Ended;
                Poll::Ready(())
            } else {
                self.read_last(context)
            };
        }
        if self.stopped.as_mut().poll(context).is_ready() {
            self.close(CloseCode::Away, "The instance is stopping.");
            return Poll::Ready(());
        }
        if self.greet(context).is_ready() {
            return Poll::Ready(());
        }
        self.is_reading_first = !self.is_reading_first;
        let mut both: [Step; 2] = [Self::read, Self::answer];
        if !self.is_reading_first {
            both.reverse();
        }
        if both.into_iter().any(|step| step(self, context).is_ready()) {
            return Poll::Ready(());
        }
        self.ask_for_a_sign(context)
    }

    /// Ends the times and the work of the beginning.
    fn greet(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.phase {
            Phase::Silent(until) => {
                ready!(until.as_mut().poll(context));
                self.close(closing::LATE.into(), "Connection initialisation timeout");
            }
            Phase::Greeting(checking, authorization) => {
                let checked = ready!(checking.poll_unpin(context));
                let authorization = authorization.take();
                match checked {
                    Ok(()) => {
                        self.phase = Phase::Open(authorization);
                        self.write(protocol::ACK);
                    }
                    Err(problem) => match problem.code() {
                        Code::Unauthenticated => self.forbid(),
                        _ => self.close(CloseCode::Again, problem.detail()),
                    },
                }
            }
            Phase::Open(_) | Phase::Closing(_) | Phase::Ended => return Poll::Pending,
        }
        Poll::Ready(())
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // What comes while the token is checked is read afterwards.
        if matches!(self.phase, Phase::Greeting(..)) {
            return Poll::Pending;
        }
        let sent = ready!(self.frames.poll_next(context));
        self.is_heard = true;
        match sent {
            Ok(Sent::Text(text)) => match Message::read(&text) {
                Ok(message) => self.take(message),
                Err(invalid) => self.close(closing::BAD_REQUEST.into(), &invalid.to_string()),
            },
            Ok(Sent::Ping(bytes)) => self.writing.add(Frame::Small(frames::pong(&bytes))),
            Ok(Sent::Pong) => {}
            Ok(Sent::Close) => {
                self.writing.add(Frame::Small(frames::close(CloseCode::Normal, "")));
                self.end("the client has closed it");
            }
            Err(Broken::Gone) => self.end("the client is gone"),
            Err(Broken::Wrong(code, reason)) => self.close(code, reason),
        }
        Poll::Ready(())
    }

    /// Waits until the client has closed its side, too.
    fn read_last(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Ok(Sent::Close) | Err(_) = ready!(self.frames.poll_next(context)) {
                self.phase = Phase::Ended;
                return Poll::Ready(());
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Init(said) if matches!(self.phase, Phase::Silent(_)) => self.begin(said),
            Message::Init(_) => {
                self.close(closing::GREETED_TWICE.into(), "Too many initialisation requests");
            }
            Message::Ping => self.write(protocol::PONG),
            Message::Pong => {}
            Message::Subscribe(id, envelope) => match &self.phase {
                Phase::Open(authorization) => {
                    let authorization = authorization.clone();
                    self.subscribe(authorization, id, envelope);
                }
                _ => self.close(closing::UNAUTHORIZED.into(), "Unauthorized"),
            },
            Message::Complete(id) => self.operations.retain(|(own, _)| *own != id),
        }
    }

    /// Has the token checked: that of the handshake, or that of the first message.
    fn begin(&mut self, said: Option<String>) {
        let said: Option<Rc<str>> = said.filter(|_| !self.has_token).map(Rc::from);
        let (at, token) = (Rc::clone(&self.at), said.clone());
        let checking =
            async move { edge::caller_by(&at.request, token.as_deref()).await.map(drop) };
        let checking = checking.instrument(self.at.span.clone()).boxed_local();
        self.phase = Phase::Greeting(checking, said);
    }

    fn subscribe(&mut self, authorization: Option<Rc<str>>, id: String, envelope: Envelope) {
        if self.operations.iter().any(|(own, _)| *own == id) {
            let told = format!("Subscriber for {id} already exists");
            return self.close(closing::ID_IN_USE.into(), &told);
        }
        let running = Rc::strong_count(&self.slots).saturating_sub(1);
        if self.operations.len().max(running) >= MOST_OPERATIONS {
            let told = "Too many operations on one connection. Wait for the end of another one.";
            let error = too_expensive("operations", MOST_OPERATIONS, told);
            let error = error.into_server_error(async_graphql::Pos::default());
            return self.write(&protocol::error(&id, &[error]));
        }
        self.record.operations = self.record.operations.saturating_add(1);
        let slot = Slot::of(&self.slots);
        let answers = operation::begin(&self.at, authorization, (id.clone(), slot), envelope);
        self.operations.push_back((id, answers));
    }

    /// Asks each operation once, until one has something to say.
    fn answer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..self.operations.len() {
            let Some((id, mut answers)) = self.operations.pop_front() else { break };
            match answers.poll_next_unpin(context) {
                Poll::Pending => {
                    self.operations.push_back((id, answers));
                    continue;
                }
                Poll::Ready(Some(Said::Answer(frame))) => {
                    self.record.answers = self.record.answers.saturating_add(1);
                    self.writing.add(frame);
                    self.operations.push_back((id, answers));
                }
                Poll::Ready(Some(Said::Refused(frame))) => self.writing.add(frame),
                Poll::Ready(Some(Said::Forbidden)) => self.forbid(),
                Poll::Ready(Some(Said::Failed)) => {
                    self.close(CloseCode::Error, "An answer could not be made.");
                }
                Poll::Ready(None) => self.write(&protocol::complete(&id)),
            }
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// A client that says nothing for as long as the service has waited for it twice is gone.
    fn ask_for_a_sign(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.heartbeat.as_mut().poll(context));
        if !mem::take(&mut self.is_heard) {
            self.end("the client gives no sign of life");
            return Poll::Ready(());
        }
        self.write(protocol::PING);
        let now = Instant::now();
        self.heartbeat.as_mut().reset(now.checked_add(self.keep_alive).unwrap_or(now));
        Poll::Ready(())
    }

    fn write(&mut self, message: &[u8]) {
        self.writing.add(Frame::Small(frames::text(message)));
    }

    /// The client comes back with another token.
    fn forbid(&mut self) {
        self.close(closing::FORBIDDEN.into(), "Forbidden");
    }

    fn close(&mut self, code: CloseCode, reason: &str) {
        self.writing.add(Frame::Small(frames::close(code, reason)));
        self.operations.clear();
        self.record.end.get_or_insert("it was closed by the service");
        self.record.code = Some(code.into());
        self.phase = Phase::Closing(Box::pin(sleep(LINGER)));
    }

    fn end(&mut self, why: &'static str) {
        self.operations.clear();
        self.record.end.get_or_insert(why);
        self.phase = Phase::Ended;
    }
}

impl Stream for Connection {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().next_bytes(context).map(|bytes| bytes.map(Ok))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(
            target: "access",
            message = "a WebSocket has ended",
            end = self.end.unwrap_or("the client is gone"),
            code = self.code,
            operations = self.operations,
            answers = self.answers,
            duration_s = self.started.elapsed().as_secs_f64(),
            trace_id = self.trace_id.as_str(),
        );
    }
}
