//! A gate before a Kafka broker: closed, it ends every connection, also new ones. It puts its own address
//! in the place of the broker's in answers, so that clients stay with it, and tells whether a text has come through. A
//! message that is sent through it can close it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The gate; dropping it closes it for good. Not to be used inside a runtime.
#[derive(Debug)]
pub struct BrokerGate {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: Runtime,
}

/// The number of requests to produce, in Kafka's protocol.
const PRODUCE: &[u8] = &[0, 0];

#[derive(Debug, Default)]
struct State {
    closed: watch::Sender<bool>,
    /// Whether the next message that is sent closes it.
    closes_at_a_message: AtomicBool,
    /// How many connections it has refused.
    refused: AtomicUsize,
    awaited: Awaited,
}

/// Texts that are looked for in answers, and whether each has come through.
#[derive(Debug, Default)]
struct Awaited(Mutex<BTreeMap<String, bool>>);

impl BrokerGate {
    /// Passes connections on to the broker at this address. It is open at first.
    #[must_use]
    pub fn before(broker: &str) -> Self {
        let broker: SocketAddr = broker.parse().expect("an address of one broker");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (state, mut watching) = (Arc::clone(&shared), shared.closed.subscribe());
                if *watching.borrow() {
                    state.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        _ = watching.wait_for(|closed| *closed) => {}
                        () = pass(client, broker, address, &state) => {}
                    }
                });
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Ends every connection, and new ones at once.
    pub fn close(&self) {
        self.state.closed.send_replace(true);
    }

    /// Closes as soon as a client sends messages through it; they stay outside.
    pub fn close_at_a_message(&self) {
        self.state.closes_at_a_message.store(true, Ordering::Relaxed);
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.state.closed.borrow()
    }

    /// How many connections it has refused since it was made.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::Relaxed)
    }

    /// Lets connections through again.
    pub fn open(&self) {
        self.state.closed.send_replace(false);
    }

    /// Looks for a text in the answers of the broker from now on. A consumer gets messages in answers, and sees them as they
    /// were sent unless they are compressed.
    pub fn look_for(&self, text: &str) {
        self.state.awaited.all().insert(text.to_owned(), false);
    }

    /// Whether an answer with that text has come through.
    #[must_use]
    pub fn has_passed(&self, text: &str) -> bool {
        self.state.awaited.all().get(text).copied().unwrap_or_default()
    }
}

impl Awaited {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the texts that are in an answer.
    fn see(&self, answer: &[u8]) {
        for (text, passed) in self.all().iter_mut().filter(|(_, passed)| !**passed) {
            *passed = places(answer, text.as_bytes()).next().is_some();
        }
    }
}

async fn pass(client: TcpStream, broker: SocketAddr, own: SocketAddr, state: &State) {
    let Ok(server) = TcpStream::connect(broker).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = requests(from_client, to_server, state) => {}
        _ = answers(from_server, to_client, (broker, own), &state.awaited) => {}
    }
}

/// Passes requests on, each as a whole, until one closes the gate.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
) -> std::io::Result<()> {
    loop {
        let (length, request) = whole(&mut from).await?;
        let is_message = request.starts_with(PRODUCE);
        if is_message && state.closes_at_a_message.swap(false, Ordering::Relaxed) {
            state.closed.send_replace(true);
            return Ok(());
        }
        to.write_u32(length).await?;
        to.write_all(&request).await?;
    }
}

/// Passes answers on, each as a whole.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (broker, own): (SocketAddr, SocketAddr),
    awaited: &Awaited,
) -> std::io::Result<()> {
    let (theirs, ours) = (encoded(broker), encoded(own));
    loop {
        let (length, mut answer) = whole(&mut from).await?;
        for at in places(&answer, &theirs).collect::<Vec<_>>() {
            let end = at.saturating_add(ours.len());
            if let Some(place) = answer.get_mut(at..end).filter(|place| place.len() == ours.len()) {
                place.copy_from_slice(&ours);
            }
        }
        to.write_u32(length).await?;
        to.write_all(&answer).await?;
        awaited.see(&answer);
    }
}

/// The next request or answer, behind its length.
async fn whole(from: &mut OwnedReadHalf) -> std::io::Result<(u32, Vec<u8>)> {
    let length = from.read_u32().await?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    from.read_exact(&mut bytes).await?;
    Ok((length, bytes))
}

/// Where a part begins.
fn places<'a>(all: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = all.windows(part.len().max(1)).enumerate();
    windows.filter(move |(_, window)| *window == part).map(|(at, _)| at)
}

/// An address as it stands in answers: its host, then its port.
fn encoded(address: SocketAddr) -> Vec<u8> {
    let mut encoded = address.ip().to_string().into_bytes();
    encoded.extend(u32::from(address.port()).to_be_bytes());
    encoded
}
