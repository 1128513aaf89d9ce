//! The handshake of a connection over TLS, before the HTTP library gets the connection. It has its own time and its own
//! bound ([`Turns`]); it counts among the connections from its first moment, and is closed like them where
//! there are too many.
//!
//! A client takes up a turn only when its first message has come in full, so clients that say nothing keep no other client waiting.

use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;

use super::Reason;
use super::state::State;
use super::stream::{Stream, Wire};
use super::turns::Turns;
use crate::tls::Tls;

/// The first byte of a handshake.
const HANDSHAKE: u8 = 22;
/// What a client gets that speaks HTTP without TLS.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 51\r\n\
    connection: close\r\n\r\nThis port is for HTTPS: ask it with https:// URLs.\n";

/// Shakes hands with a client, until its connection is to be closed.
pub(super) async fn shake_hands(
    wire: Wire,
    state: &Rc<State>,
    turns: &Rc<Turns>,
    tls: &Tls,
) -> Result<Stream> {
    state.shakes_hands();
    let mut shaking = pin!(shake(wire, state, turns, tls));
    let shaken = poll_fn(|cx| {
        if state.closing().is_some() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        let shaken = shaking.as_mut().poll(cx);
        if shaken.is_pending() {
            state.keep(cx.waker());
        }
        shaken
    });
    let shaken = shaken.await;
    match &shaken {
        Ok(_) => state.has_shaken_hands(),
        // Clients that only look whether the port is open say nothing, and go.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) => {
            tracing::debug!(cause = %error, peer = ?state.peer, "a handshake has failed");
            if state.closing().is_none() {
                state.close(Reason::Handshake);
            }
        }
    }
    shaken
}

async fn shake(wire: Wire, state: &Rc<State>, turns: &Rc<Turns>, tls: &Tls) -> Result<Stream> {
    let mut first = [0];
    match wire.tcp.peek(&mut first).await? {
        0 => return Err(ErrorKind::UnexpectedEof.into()),
        _ if first == [HANDSHAKE] => {}
        _ => return Err(refuse(wire, first).await),
    }
    let begun = LazyConfigAcceptor::new(Acceptor::default(), wire).await?;
    let turn = turns.take().await.ok_or(ErrorKind::ConnectionAborted)?;
    state.has_its_turn();
    let stream = begun.into_stream(tls.config()).await;
    drop(turn);
    Ok(Stream::Tls(Box::new(stream?)))
}

/// Answers a client that does not speak TLS, if it speaks HTTP, and waits for it to close: a close before it has been
/// read from would take the answer from it.
async fn refuse(mut wire: Wire, first: [u8; 1]) -> Error {
    if first.iter().all(u8::is_ascii_uppercase) && wire.write_all(PLAIN).await.is_ok() {
        let _ = wire.shutdown().await;
        let mut bytes = [0; 1_024];
        while wire.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
    Error::new(ErrorKind::InvalidData, "it does not begin as TLS does")
}
