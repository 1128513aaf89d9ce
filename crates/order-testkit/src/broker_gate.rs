//! A gate before a Kafka broker: closed, it ends every connection, also new ones. It puts its own address
//! in the place of the broker's in answers, so that clients stay with it, and tells whether a text has come through.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The gate; dropping it closes it for good. Not to be used inside a runtime.
#[derive(Debug)]
pub struct BrokerGate {
    address: SocketAddr,
    closed: watch::Sender<bool>,
    awaited: Arc<Awaited>,
    _runtime: Runtime,
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
        let closed = watch::Sender::new(false);
        let awaited = Arc::<Awaited>::default();
        let (watching, looking) = (closed.subscribe(), Arc::clone(&awaited));
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mut watching, looking) = (watching.clone(), Arc::clone(&looking));
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        _ = watching.wait_for(|closed| *closed) => {}
                        () = pass(client, broker, address, &looking) => {}
                    }
                });
            }
        });
        Self { address, closed, awaited, _runtime: runtime }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Ends every connection, and new ones at once.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Lets connections through again.
    pub fn open(&self) {
        self.closed.send_replace(false);
    }

    /// Looks for a text in the answers of the broker from now on. A consumer gets messages in answers, and sees them as they
    /// were sent unless they are compressed.
    pub fn look_for(&self, text: &str) {
        self.awaited.all().insert(text.to_owned(), false);
    }

    /// Whether an answer with that text has come through.
    #[must_use]
    pub fn has_passed(&self, text: &str) -> bool {
        self.awaited.all().get(text).copied().unwrap_or_default()
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

async fn pass(client: TcpStream, broker: SocketAddr, own: SocketAddr, awaited: &Awaited) {
    let Ok(server) = TcpStream::connect(broker).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = answers(from_server, to_client, (broker, own), awaited) => {}
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
        let length = from.read_u32().await?;
        let mut answer = vec![0; usize::try_from(length).unwrap_or_default()];
        from.read_exact(&mut answer).await?;
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
