//! A TCP proxy that misbehaves on command: between a store and its database it cuts connections,
//! stalls, and loses commits or their answers. Of the protocols it knows how a client commits.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the proxy treats the bytes that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Passes everything on.
    Honest,
    /// Closes every connection, and new ones at once.
    Down,
    /// Keeps connections open and passes nothing on.
    Stalled,
    /// Passes a commit on, loses its answer with the connection, and is honest again.
    LosesCommitAnswer,
    /// Passes a commit on, loses its answer with the connection, and is down from then on.
    GoesDownAfterCommit,
    /// Cuts the connection instead of passing a commit on, and is honest again.
    LosesCommit,
    /// Stops passing on the bytes of a connection before its commit and keeps it open, as if the
    /// client were halted; is honest again to others.
    HaltsAtCommit,
}

/// How a store tells its database to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// With the word COMMIT.
    Spoken,
    /// With the word COMMIT, or with a statement of PostgreSQL's extended protocol that writes an
    /// event, or one of the examples of sagas, and is a transaction of its own.
    Implied,
}

impl Commit {
    /// How our store does it on the database with this URL.
    #[must_use]
    pub fn on(url: &str) -> Self {
        if url.starts_with("postgres") { Self::Implied } else { Self::Spoken }
    }

    /// Whether a client commits in these bytes, and whether they are complete.
    fn is_in(self, said: &[u8]) -> Option<Whole> {
        // `READ COMMITTED` is no commit.
        let mut words = said.windows(6).enumerate();
        if words
            .any(|(at, word)| word == b"COMMIT" && said.get(at.saturating_add(6)) != Some(&b'T'))
        {
            return Some(Whole(true));
        }
        // A statement that writes an event contains its type, and one that writes a saga its document. It ends with the
        // message Sync.
        let writes = |what: &[u8; 7]| said.windows(7).any(|word| word == what);
        let implied = self == Self::Implied && (writes(b"order.c") || writes(b"\"saga\":"));
        implied.then(|| Whole(said.ends_with(b"S\0\0\0\x04")))
    }
}

/// Whether all bytes of a statement are there.
struct Whole(bool);

/// The proxy; it ends with its runtime.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    conduct: Arc<watch::Sender<Conduct>>,
}

impl Proxy {
    /// Passes connections to [`Proxy::address`] on to a server.
    pub async fn before(server: SocketAddr, commit: Commit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let conduct = Arc::new(watch::channel(Conduct::Honest).0);
        let orders = Arc::clone(&conduct);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, commit, Arc::clone(&orders)));
            }
        });
        Self { address, conduct }
    }

    /// Changes the conduct from now on, also on open connections.
    pub fn behave(&self, conduct: Conduct) {
        self.conduct.send_replace(conduct);
    }

    /// The conduct now: after a loss, it turns honest by itself.
    #[must_use]
    pub fn conduct(&self) -> Conduct {
        *self.conduct.borrow()
    }
}

async fn pass(
    client: TcpStream,
    server: SocketAddr,
    commit: Commit,
    conduct: Arc<watch::Sender<Conduct>>,
) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    // Otherwise each statement of a transaction waits for the acknowledgement of the one before.
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut watching = conduct.subscribe();
    tokio::select! {
        () = requests(from_client, to_server, commit, &conduct) => {}
        () = answers(from_server, to_client, conduct.subscribe()) => {}
        _ = watching.wait_for(|conduct| *conduct == Conduct::Down) => {}
    }
}

/// Passes on the client's bytes, until a loss.
async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    commit: Commit,
    conduct: &watch::Sender<Conduct>,
) {
    let mut watching = conduct.subscribe();
    // Large, because Nagle's algorithm holds up small pieces.
    let mut said = Vec::with_capacity(1 << 20);
    while let Ok(1..) = client.read_buf(&mut said).await {
        let commits = match commit.is_in(&said) {
            Some(Whole(false)) => continue,
            commits => commits.is_some(),
        };
        if watching.wait_for(|conduct| *conduct != Conduct::Stalled).await.is_err() {
            return;
        }
        let now = *conduct.borrow();
        match now {
            // It may be read before the connection is ended.
            Conduct::Down => return,
            Conduct::LosesCommit if commits => {
                conduct.send_replace(Conduct::Honest);
                return;
            }
            Conduct::HaltsAtCommit if commits => {
                conduct.send_replace(Conduct::Honest);
                // Until the server closes the connection.
                return std::future::pending().await;
            }
            Conduct::LosesCommitAnswer | Conduct::GoesDownAfterCommit if commits => {
                let then = match now {
                    Conduct::GoesDownAfterCommit => Conduct::Down,
                    _ => Conduct::Honest,
                };
                let _ = server.write_all(&said).await;
                // The server receives everything before the connection ends.
                let _ = server.shutdown().await;
                conduct.send_replace(then);
                return;
            }
            _ => {
                if server.write_all(&said).await.is_err() {
                    return;
                }
            }
        }
        said.clear();
    }
}

/// Passes on the server's bytes.
async fn answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut conduct: watch::Receiver<Conduct>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        if conduct.wait_for(|conduct| *conduct != Conduct::Stalled).await.is_err() {
            return;
        }
        let said = buffer.get(..read).unwrap_or_default();
        if client.write_all(said).await.is_err() {
            return;
        }
    }
}
