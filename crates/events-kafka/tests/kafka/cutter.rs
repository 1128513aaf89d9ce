//! A proxy before a real broker that makes it unreachable, or cuts connections where it hurts: with
//! a request to produce not passed on, passed on in part, or passed on and its answer lost. Of the
//! protocol it knows where messages begin, which of them produce, and the addresses in answers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::cluster::{audit, publish_through};
use super::rig::{a_topic, broker, publisher, publisher_to_new, until};

const PRODUCE: [u8; 2] = [0, 0];
/// The requests to produce that come through between two cuts.
const BETWEEN: usize = 5;
/// As many of each kind. The client pauses longer and longer between connections, up to a second.
const CUTS: usize = 18;

/// The proxy, and what has happened at it.
pub(crate) struct Cutter {
    broker: SocketAddr,
    pub(crate) own: SocketAddr,
    /// Whether it closes all connections.
    down: watch::Sender<bool>,
    /// How many connections it cuts.
    most: usize,
    produced: AtomicUsize,
    cuts: AtomicUsize,
}

impl Cutter {
    pub(crate) async fn before(broker: SocketAddr, most: usize) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let (down, produced, cuts) =
            (watch::Sender::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let cutter = Arc::new(Self { broker, own, down, most, produced, cuts });
        let all = Arc::clone(&cutter);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&all).pass(client));
            }
        });
        cutter
    }

    /// Makes the broker unreachable through this proxy, or reachable again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.send_replace(down);
    }

    async fn pass(self: Arc<Self>, client: TcpStream) {
        let mut down = self.down.subscribe();
        let server = TcpStream::connect(self.broker).await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // The requests whose answers are lost, by the number that both have.
        let doomed = Mutex::default();
        tokio::select! {
            _ = self.requests(from_client, to_server, &doomed) => {}
            _ = self.answers(from_server, to_client, &doomed) => {}
            _ = down.wait_for(|down| *down) => {}
        }
    }

    async fn requests(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        doomed: &Mutex<BTreeSet<[u8; 4]>>,
    ) -> std::io::Result<()> {
        loop {
            let message = next(&mut from).await?;
            let begins = message[4..6] == PRODUCE;
            let produced =
                if begins { self.produced.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
            if produced > 0 && produced % BETWEEN == 0 && self.cuts() < self.most {
                match (produced / BETWEEN) % 3 {
                    0 => {
                        self.count();
                        return Ok(());
                    }
                    1 => {
                        to.write_all(&message[..message.len() / 2]).await?;
                        self.count();
                        return Ok(());
                    }
                    _ => {
                        let number = message[8..12].try_into().unwrap();
                        doomed.lock().unwrap().insert(number);
                    }
                }
            }
            to.write_all(&message).await?;
        }
    }

    async fn answers(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        doomed: &Mutex<BTreeSet<[u8; 4]>>,
    ) -> std::io::Result<()> {
        loop {
            let mut message = next(&mut from).await?;
            if doomed.lock().unwrap().contains(&message[4..8]) {
                self.count();
                return Ok(());
            }
            let (theirs, ours) = (encoded(self.broker), encoded(self.own));
            let places = message.windows(theirs.len()).enumerate();
            let places: Vec<_> =
                places.filter(|(_, part)| *part == theirs).map(|(at, _)| at).collect();
            for at in places {
                message[at..at + ours.len()].copy_from_slice(&ours);
            }
            to.write_all(&message).await?;
        }
    }

    fn count(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// The next message, with its length before it.
async fn next(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(4 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// An address as it stands in answers: its host, then its port.
fn encoded(address: SocketAddr) -> Vec<u8> {
    let mut encoded = address.ip().to_string().into_bytes();
    encoded.extend(u32::from(address.port()).to_be_bytes());
    encoded
}

async fn cut_and_audit(properties: &[(&str, &str)]) {
    let cutter = Cutter::before(broker().parse().unwrap(), CUTS).await;
    let topic = a_topic();
    publisher_to_new(&broker(), &topic, 6).await;
    let publisher = publisher(&cutter.own.to_string(), &topic, properties);
    let runtime = tokio::runtime::Handle::current();
    let all = Arc::clone(&cutter);
    let last = publish_through(&publisher, move || {
        let enough = || all.cuts() >= CUTS;
        assert!(runtime.block_on(until(enough, Duration::from_mins(1))), "{} cuts", all.cuts());
    })
    .await;
    audit(&broker(), &topic, &last);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_cost_no_event_and_no_order() {
    cut_and_audit(&[]).await;
}

/// The client gives up before it is connected again, so the caller publishes again.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_for_too_long_cost_no_event_and_no_order() {
    let slow = [("reconnect.backoff.ms", "2500"), ("reconnect.backoff.max.ms", "2500")];
    cut_and_audit(&[&slow[..], &[("delivery.timeout.ms", "1000")]].concat()).await;
}
