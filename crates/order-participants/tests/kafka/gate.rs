//! A gate before the broker: closed, it ends every connection, also new ones. It puts its own address
//! in the place of the broker's in answers, so that clients stay with it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The gate; dropping it closes it for good.
pub(crate) struct Gate {
    own: SocketAddr,
    closed: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Gate {
    pub(crate) fn before(broker: &str) -> Self {
        let broker: SocketAddr = broker.parse().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let own = listener.local_addr().unwrap();
        let closed = watch::Sender::new(false);
        let watching = closed.subscribe();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut watching = watching.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        _ = watching.wait_for(|closed| *closed) => {}
                        () = pass(client, broker, own) => {}
                    }
                });
            }
        });
        Self { own, closed, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> String {
        self.own.to_string()
    }

    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(crate) fn open(&self) {
        self.closed.send_replace(false);
    }
}

async fn pass(client: TcpStream, broker: SocketAddr, own: SocketAddr) {
    let Ok(server) = TcpStream::connect(broker).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = answers(from_server, to_client, broker, own) => {}
    }
}

/// Passes answers on, each as a whole.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    broker: SocketAddr,
    own: SocketAddr,
) -> std::io::Result<()> {
    let (theirs, ours) = (encoded(broker), encoded(own));
    loop {
        let length = from.read_u32().await?;
        let mut answer = vec![0; usize::try_from(length).unwrap()];
        from.read_exact(&mut answer).await?;
        let places = answer.windows(theirs.len()).enumerate();
        let places: Vec<_> = places.filter(|(_, part)| *part == theirs).map(|(at, _)| at).collect();
        for at in places {
            answer[at..at + ours.len()].copy_from_slice(&ours);
        }
        to.write_u32(length).await?;
        to.write_all(&answer).await?;
    }
}

/// An address as it stands in answers: its host, then its port.
fn encoded(address: SocketAddr) -> Vec<u8> {
    let mut encoded = address.ip().to_string().into_bytes();
    encoded.extend(u32::from(address.port()).to_be_bytes());
    encoded
}
