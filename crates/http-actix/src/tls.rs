//! What a port shows of itself over TLS, and whom it lets in: its certificate, the key of that, and the authorities of its
//! clients' certificates. They come as PEM; where from is the composition root's business. They can be replaced
//! while the port serves: connections that exist go on with what they began with.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use order_app::live::Live;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use x509_cert::der::Decode as _;

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    None,
    /// They may; a wrong one is refused.
    Want,
    /// They must.
    Need,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// What TLS is made of, in PEM.
#[derive(Debug, Clone, Copy)]
pub struct Pem<'a> {
    /// The certificate of the port, and after it those between it and its authority.
    pub certificate: &'a str,
    /// The key of the first certificate.
    pub private_key: &'a str,
    /// The authorities of clients' certificates.
    pub trusted: &'a str,
}

/// Why a port cannot speak TLS with what it is given. What was given is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate, or one that cannot be read.
    #[error("the certificate: {0}")]
    Certificate(String),
    /// There is no key, or one that cannot be read.
    #[error("the private key: {0}")]
    PrivateKey(String),
    /// The key is not that of the certificate.
    #[error("the private key and the certificate: {0}")]
    Pair(String),
    /// The authorities cannot be read.
    #[error("the trusted certificates: {0}")]
    Trusted(String),
}

/// What a new connection speaks TLS with.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    expires: DateTime<Utc>,
}

/// What new connections of a port speak TLS with. Clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Live<Identity>);

impl Tls {
    /// TLS with this identity, until it is renewed.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self(Live::new(identity))
    }

    /// Gives new connections another identity.
    pub fn renew(&self, identity: Identity) {
        self.0.set(identity);
    }

    /// When the first certificate of the chain ends that does.
    #[must_use]
    pub fn expires(&self) -> DateTime<Utc> {
        self.0.get().expires
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.get().config)
    }
}

impl Identity {
    /// Checks that everything can be read and belongs together. At least one version must be named.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(
        pem: Pem<'_>,
        clients: ClientAuth,
        versions: &[TlsVersion],
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(pem.certificate).map_err(TlsError::Certificate)?;
        let expires = first_end(&chain).map_err(TlsError::Certificate)?;
        let key = private_key(pem.private_key).map_err(TlsError::PrivateKey)?;
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(pair)?;
        let builder = match clients {
            ClientAuth::None => builder.with_no_client_auth(),
            asked => builder.with_client_cert_verifier(verifier(pem.trusted, asked, &provider)?),
        };
        // It compares key and certificate.
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        // HTTP/2 is not spoken; a client that speaks nothing else is told so in the handshake.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Sessions are resumed by tickets, of which nothing is kept here. Their keys are of this identity alone, so that
        // no session outlives the authorities that it was checked against.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(pair)?;
        Ok(Self { config: Arc::new(config), expires })
    }
}

impl TlsVersion {
    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V1_2 => &version::TLS12,
            Self::V1_3 => &version::TLS13,
        }
    }
}

fn pair(error: rustls::Error) -> TlsError {
    TlsError::Pair(match error {
        rustls::Error::InconsistentKeys(_) => "do not belong together".to_owned(),
        other => other.to_string(),
    })
}

fn verifier(
    trusted: &str,
    clients: ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(trusted).map_err(TlsError::Trusted)? {
        roots.add(certificate).map_err(|error| TlsError::Trusted(error.to_string()))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = match clients {
        ClientAuth::Want => verifier.allow_unauthenticated(),
        ClientAuth::None | ClientAuth::Need => verifier,
    };
    verifier.build().map_err(|error| TlsError::Trusted(error.to_string()))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if all.is_empty() => Err("there is none in PEM".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("is no PEM: {error}")),
    }
}

fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    if pem.contains("ENCRYPTED") {
        return Err("is encrypted, and encrypted keys are not read".to_owned());
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "there is none in PEM".to_owned())
}

/// When the first of these certificates ends that does.
fn first_end(chain: &[CertificateDer<'_>]) -> Result<DateTime<Utc>, String> {
    let ends = chain.iter().map(|certificate| {
        let read = x509_cert::Certificate::from_der(certificate);
        let read = read.map_err(|error| format!("cannot be read: {error}"))?;
        let end = read.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
        let end = i64::try_from(end).ok().and_then(|end| DateTime::from_timestamp(end, 0));
        Ok(end.unwrap_or(DateTime::<Utc>::MAX_UTC))
    });
    let ends: Result<Vec<_>, String> = ends.collect();
    ends?.into_iter().min().ok_or_else(|| "there is none in PEM".to_owned())
}
