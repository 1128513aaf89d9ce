//! An attacker on the way between a store and its server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Reads what passes.
    Reads,
    /// Says in the server's name that it speaks no TLS.
    Strips,
    /// Cuts connections in the handshake.
    Cuts,
}

/// What it has seen.
#[derive(Default)]
pub(crate) struct Seen {
    bytes: Mutex<Vec<u8>>,
    connections: AtomicU32,
}

impl Seen {
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Which of these texts have passed, in either direction.
    pub(crate) fn texts<'a>(&self, texts: &[&'a str]) -> Vec<&'a str> {
        let bytes = self.bytes.lock().expect("not poisoned");
        let has = |text: &&&str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        texts.iter().filter(has).copied().collect()
    }

    fn note(&self, bytes: &[u8]) {
        self.bytes.lock().expect("not poisoned").extend(bytes);
    }
}

/// Sits before a server; ends with its runtime.
pub(crate) async fn before(
    server: SocketAddr,
    is_postgres: bool,
    deed: Deed,
) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Seen::default());
    let noting = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            noting.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(pass(client, server, is_postgres, deed, Arc::clone(&noting)));
        }
    });
    (address, seen)
}

async fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    is_postgres: bool,
    deed: Deed,
    seen: Arc<Seen>,
) -> Option<()> {
    let mut server = TcpStream::connect(server).await.ok()?;
    if is_postgres && deed != Deed::Reads {
        // The client asks for TLS.
        let mut ask = [0; 8];
        client.read_exact(&mut ask).await.ok()?;
        client.write_all(if deed == Deed::Strips { b"N" } else { b"S" }).await.ok()?;
    } else if deed == Deed::Strips {
        // The server greets, and says what it is able to do: 13 bytes and two after the zero that ends its version.
        let mut greeting = vec![0; 4];
        server.read_exact(&mut greeting).await.ok()?;
        let mut rest = vec![0; usize::from(greeting[0])];
        server.read_exact(&mut rest).await.ok()?;
        let version = rest.iter().position(|byte| *byte == 0).expect("a version");
        rest[version + 15] &= !0x08;
        greeting.extend(rest);
        client.write_all(&greeting).await.ok()?;
    } else if deed == Deed::Cuts {
        let mut greeting = vec![0; 1 << 10];
        let length = server.read(&mut greeting).await.ok()?;
        client.write_all(&greeting[..length]).await.ok()?;
    }
    if deed == Deed::Cuts {
        // The first bytes of the handshake.
        let mut hello = [0; 50];
        client.read_exact(&mut hello).await.ok()?;
        return None;
    }
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let bytes = &from_client[..read.ok().filter(|read| *read > 0)?];
                seen.note(bytes);
                server.write_all(bytes).await.ok()?;
            }
            read = server.read(&mut from_server) => {
                let bytes = &from_server[..read.ok().filter(|read| *read > 0)?];
                seen.note(bytes);
                client.write_all(bytes).await.ok()?;
            }
        }
    }
}

/// Sits before a server of MySQL and shows a certificate that the server itself would not: it looks at its own.
pub(crate) async fn posing(server: SocketAddr, certificate: &Path) -> SocketAddr {
    let key = certificate.with_extension("key");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pose(client, server, acceptor.clone()));
        }
    });
    address
}

async fn pose(mut client: TcpStream, server: SocketAddr, acceptor: TlsAcceptor) -> Option<()> {
    let mut server = TcpStream::connect(server).await.ok()?;
    let mut greeting = vec![0; 1 << 10];
    let length = server.read(&mut greeting).await.ok()?;
    client.write_all(&greeting[..length]).await.ok()?;
    // The client asks for TLS.
    let mut ask = [0; 36];
    client.read_exact(&mut ask).await.ok()?;
    server.write_all(&ask).await.ok()?;
    let mut client = acceptor.accept(client).await.ok()?;
    let connector = native_tls::TlsConnector::builder().danger_accept_invalid_certs(true).build();
    let connector = native_tls::stream::Connector::from(connector.ok()?);
    let mut server = connector.connect("localhost", server).await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}
