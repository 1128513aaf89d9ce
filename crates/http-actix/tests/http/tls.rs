//! The port over TLS: who is let in, what a client is told that is not, and that certificates may change while requests
//! come. `connections.rs` shows that the bounds of connections hold over TLS, too.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http_actix::{ClientAuth, HttpSettings, Identity, Pem, Tls, TlsError, TlsVersion};
use order_testkit::SelfSigned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::support::{Connection, Service, head};

const BOTH: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

/// What a client and the service speak HTTP over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Tls,
}

/// The client's end of that.
pub(crate) enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// The server closed it in the handshake.
    Closed,
}

impl Line {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Closed => panic!("the server has closed the connection"),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Plain(_) | Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

/// The certificate of the service.
pub(crate) fn own() -> &'static SelfSigned {
    static OWN: LazyLock<SelfSigned> = LazyLock::new(|| SelfSigned::valid_for(30, "orders"));
    &OWN
}

/// Another one.
fn other() -> &'static SelfSigned {
    static OTHER: LazyLock<SelfSigned> = LazyLock::new(|| SelfSigned::valid_for(60, "other"));
    &OTHER
}

fn pem(of: &SelfSigned) -> Pem<'_> {
    Pem { certificate: &of.certificate, private_key: &of.private_key, trusted: "" }
}

/// What the service speaks with this certificate.
pub(crate) fn identity(of: &SelfSigned) -> Identity {
    Identity::new(pem(of), ClientAuth::None, &BOTH).unwrap()
}

/// What a client speaks that trusts one certificate, and may have its own.
pub(crate) fn client(trusted: &SelfSigned, own: Option<&SelfSigned>) -> Arc<ClientConfig> {
    client_trusting([trusted], own)
}

fn client_trusting<'a>(
    trusted: impl IntoIterator<Item = &'a SelfSigned>,
    own: Option<&SelfSigned>,
) -> Arc<ClientConfig> {
    let certificate = |of: &SelfSigned| {
        CertificateDer::from_pem_slice(of.certificate.as_bytes()).unwrap().into_owned()
    };
    let mut roots = RootCertStore::empty();
    trusted.into_iter().for_each(|trusted| roots.add(certificate(trusted)).unwrap());
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.private_key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate(own)], key).unwrap()
        }
    };
    Arc::new(config)
}

pub(crate) async fn shake_hands(tcp: TcpStream, config: Arc<ClientConfig>) -> io::Result<Line> {
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(config).connect(name, tcp).await?;
    Ok(Line::Tls(Box::new(stream)))
}

/// One request on a new connection: its status, or none if the service does not answer.
async fn ask(service: &Service, config: Arc<ClientConfig>) -> Option<u16> {
    let tcp = TcpStream::connect(service.address).await.ok()?;
    let mut line = shake_hands(tcp, config).await.ok()?;
    line.write_all(head("GET", "/orders/9", &[]).as_bytes()).await.ok()?;
    let mut status = [0; 12];
    line.read_exact(&mut status).await.ok()?;
    std::str::from_utf8(&status).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_checked_as_set() {
    use ClientAuth::{Need, None as Unasked, Want};
    let (right, wrong) = (other(), SelfSigned::valid_for(30, "stranger"));
    let shown = [None, Some(right), Some(&wrong)];
    for (clients, answers) in [
        (Unasked, [Some(404), Some(404), Some(404)]),
        (Want, [Some(404), Some(404), None]),
        (Need, [None, Some(404), None]),
    ] {
        let pem = Pem { trusted: &right.certificate, ..pem(own()) };
        let tls = Tls::new(Identity::new(pem, clients, &BOTH).unwrap());
        let service = Service::with_tls(tls, HttpSettings::default());
        for (shown, answer) in shown.into_iter().zip(answers) {
            assert_eq!(ask(&service, client(own(), shown)).await, answer, "{clients:?} {shown:?}");
        }
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (own, other) = (own(), other());
    let refused = |pem, clients| Identity::new(pem, clients, &BOTH).unwrap_err();
    let all = pem(own);
    let pair = refused(Pem { private_key: &other.private_key, ..all }, ClientAuth::None);
    assert_eq!(pair, TlsError::Pair("do not belong together".to_owned()));
    assert!(pair.to_string().starts_with("the private key and the certificate: "));
    let encrypted = own.private_key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    for (pem, clients, name) in [
        (Pem { certificate: "", ..all }, ClientAuth::None, "the certificate: there is none"),
        (Pem { certificate: &own.private_key, ..all }, ClientAuth::None, "the certificate: there"),
        (Pem { private_key: "", ..all }, ClientAuth::None, "the private key: there is none"),
        (Pem { private_key: &encrypted, ..all }, ClientAuth::None, "the private key: is encrypted"),
        (all, ClientAuth::Need, "the trusted certificates: there is none"),
        (all, ClientAuth::Want, "the trusted certificates: there is none"),
    ] {
        let said = refused(pem, clients).to_string();
        assert!(said.starts_with(name), "{said}");
    }
    let broken = own.certificate.replace("MII", "AAA");
    let said = refused(Pem { certificate: &broken, ..all }, ClientAuth::None);
    assert!(matches!(said, TlsError::Certificate(_)), "{said}");
}

#[test]
fn the_end_of_a_certificate_is_known() {
    let days = |of| {
        Tls::new(identity(of)).expires().signed_duration_since(Tls::new(identity(own())).expires())
    };
    assert_eq!(days(other()).num_hours().div_euclid(24), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_that_the_port_speaks_https() {
    let service = Service::with_tls(Tls::new(identity(own())), HttpSettings::default());
    let tcp = TcpStream::connect(service.address).await.unwrap();
    let mut connection = Connection(Line::Plain(tcp));
    connection.send(&head("POST", "/orders", &[("content-length", "9")])).await;
    let reply = connection.reply("POST").await;
    assert_eq!((reply.status, reply.header("connection")), (400, Some("close")));
    assert_eq!(reply.text(), "This port is for HTTPS: ask it with https:// URLs.\n");
    connection.closed().await;
    // What is neither TLS nor HTTP is closed.
    let mut connection =
        Connection(Line::Plain(TcpStream::connect(service.address).await.unwrap()));
    connection.send("\u{1}\u{2}").await;
    connection.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_name_the_scheme_of_the_port() {
    let service = Service::with_tls(Tls::new(identity(own())), HttpSettings::default());
    let links = service.call("GET", "/actuator").await.json();
    let own = links["_links"]["self"]["href"].as_str().unwrap();
    assert_eq!(own, "https://orders/actuator");
    // A target may name the scheme itself; another scheme is not this port's.
    assert_eq!(service.call("GET", "https://orders/orders/9").await.status, 404);
    assert_eq!(service.call("GET", "http://orders/orders/9").await.code(), "invalid_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_tls_ends_when_its_client_hangs_up() {
    let service = Service::with_tls(Tls::new(identity(own())), HttpSettings::default());
    let mut connection = service.connect().await;
    connection.send(&head("GET", "/events", &[])).await;
    let mut begin = Vec::new();
    while !begin.ends_with(b"id: 0\n\n\r\n") {
        begin.push(connection.0.read_u8().await.expect("the stream goes on"));
    }
    // It says so in TLS's words, and keeps its side of the connection open.
    connection.0.shutdown().await.unwrap();
    connection.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_handshake_is_cut_long_before_a_late_head() {
    let head_deadline = Duration::from_mins(5);
    let settings = HttpSettings { head_deadline, ..HttpSettings::default() };
    let service = Service::with_tls(Tls::new(identity(own())), settings);
    for first in [&[][..], &hello()[..20], &hello()] {
        let mut tcp = TcpStream::connect(service.address).await.unwrap();
        tcp.write_all(first).await.unwrap();
        // What the server says of the handshake comes before.
        let mut said = Vec::new();
        let _ = tcp.read_to_end(&mut said).await;
    }
}

/// The first message of a client.
fn hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(client(own(), None), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_end_their_handshakes_keep_no_other_waiting() {
    const HALF_OPEN: usize = 800;
    let service = Service::with_tls(Tls::new(identity(own())), HttpSettings::default());
    let hello = hello();
    let mut half_open = Vec::new();
    for number in 0..HALF_OPEN {
        let mut tcp = TcpStream::connect(service.address).await.unwrap();
        // Some say nothing; more than may shake hands at once go on when they can.
        if number % 2 == 0 {
            tcp.write_all(&hello).await.unwrap();
        }
        half_open.push(tcp);
    }
    for _ in 0..5 {
        assert_eq!(ask(&service, client(own(), None)).await, Some(404));
    }
    drop(half_open);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_under_load_and_no_request_fails() {
    const CHANGES: usize = 200;
    let tls = Tls::new(identity(own()));
    let service = Arc::new(Service::with_tls(tls.clone(), HttpSettings::default()));
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let trusting_both = client_trusting([own(), other()], None);
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let (service, config) = (Arc::clone(&service), Arc::clone(&trusting_both));
        let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
        clients.spawn(async move {
            let mut kept = None;
            while !is_over.load(Ordering::Relaxed) {
                // On a new connection, and on one that began with an earlier certificate.
                assert_eq!(ask(&service, Arc::clone(&config)).await, Some(404));
                let kept = match &mut kept {
                    Some(kept) => kept,
                    empty => {
                        let tcp = TcpStream::connect(service.address).await.unwrap();
                        let line = shake_hands(tcp, Arc::clone(&config)).await.unwrap();
                        empty.insert(Connection(line))
                    }
                };
                kept.send(&head("GET", "/orders/9", &[])).await;
                assert_eq!(kept.reply("GET").await.status, 404);
                answered.fetch_add(2, Ordering::Relaxed);
            }
        });
    }
    for change in 0..CHANGES {
        let before = answered.load(Ordering::Relaxed);
        let next = if change % 2 == 0 { other() } else { own() };
        tls.renew(identity(next));
        // New connections have the new one, and no other.
        assert_eq!(ask(&service, client(next, None)).await, Some(404));
        while answered.load(Ordering::Relaxed) == before && !clients.is_empty() {
            tokio::task::yield_now().await;
            while let Some(ended) = clients.try_join_next() {
                ended.unwrap();
            }
        }
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}
