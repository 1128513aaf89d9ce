//! TLS by rustls, behind as much of the interface of the published `native-tls` as `mysql_async` uses.
//!
//! `mysql_async` speaks TLS through that interface, or through rustls with parts of its own. Those know no key of a client but
//! RSA in one form, no certificate without a name, and no `VERIFY_CA` for another name, and they bring a parser that is not
//! maintained and a list of authorities. So `Cargo.toml` puts this crate in the place of the published one, and PostgreSQL's
//! connections are made by the same [`TlsConnectorBuilder`]: what a mode means is decided here alone.

mod error;
pub mod stream;
mod verify;

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

pub use error::{Error, HandshakeError, Result};
use verify::Unnamed;

/// The certificate of an authority.
#[derive(Clone)]
pub struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// Takes one in DER.
    ///
    /// # Errors
    /// [`Error`] when it is none.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let certificate = Self(CertificateDer::from(der.to_vec()));
        RootCertStore::empty().add(certificate.0.clone())?;
        Ok(certificate)
    }

    /// Reads one from PEM.
    ///
    /// # Errors
    /// [`Error`] when there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let certificate = CertificateDer::from_pem_slice(pem).map_err(Error::new)?;
        Self::from_der(&certificate)
    }
}

/// The certificates by which a client shows who it is, its own first, and its key.
pub struct Identity {
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads certificates and key from one text in PEM. PKCS #12, which the name of the interface speaks of, is not read.
    ///
    /// # Errors
    /// [`Error`] when the certificates or the key are missing, or are none.
    pub fn from_pkcs12(pem: &[u8], _password: &str) -> Result<Self> {
        let certificates =
            CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<_, _>>();
        let certificates = certificates.map_err(Error::new)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(Error::new)?;
        Ok(Self { certificates, key })
    }
}

/// Begins connections.
#[derive(Clone)]
pub struct TlsConnector(Arc<ClientConfig>);

impl TlsConnector {
    /// What is to be checked: everything, until the builder is told otherwise.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder::default()
    }

    /// The settings, for other clients of rustls.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }
}

/// What is checked of a server, and what it is shown.
#[derive(Default)]
pub struct TlsConnectorBuilder {
    roots: Vec<Certificate>,
    identity: Option<Identity>,
    any_certificate: bool,
    any_name: bool,
}

impl TlsConnectorBuilder {
    /// Trusts an authority.
    pub fn add_root_certificate(&mut self, certificate: Certificate) -> &mut Self {
        self.roots.push(certificate);
        self
    }

    /// Shows a certificate to servers that ask for one.
    pub fn identity(&mut self, identity: Identity) -> &mut Self {
        self.identity = Some(identity);
        self
    }

    /// Takes any certificate. The server must still have the key of the one that it shows.
    pub fn danger_accept_invalid_certs(&mut self, any: bool) -> &mut Self {
        self.any_certificate = any;
        self
    }

    /// Takes a certificate of a trusted authority for any name.
    pub fn danger_accept_invalid_hostnames(&mut self, any: bool) -> &mut Self {
        self.any_name = any;
        self
    }

    /// Part of the interface alone: there are no built-in authorities.
    pub fn disable_built_in_roots(&mut self, _disable: bool) -> &mut Self {
        self
    }

    /// Makes the connector.
    ///
    /// # Errors
    /// [`Error`] when the key does not belong to the certificate, or is of a kind that is not known.
    pub fn build(&mut self) -> Result<TlsConnector> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut roots = RootCertStore::empty();
        for Certificate(root) in self.roots.drain(..) {
            roots.add(root)?;
        }
        let config = if self.any_certificate {
            let verifier = Arc::new(Unnamed { roots: None, algorithms });
            config.dangerous().with_custom_certificate_verifier(verifier)
        } else if self.any_name {
            let verifier = Arc::new(Unnamed { roots: Some(roots), algorithms });
            config.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            config.with_root_certificates(roots)
        };
        let config = match self.identity.take() {
            Some(Identity { certificates, key }) => {
                config.with_client_auth_cert(certificates, key)?
            }
            None => config.with_no_client_auth(),
        };
        Ok(TlsConnector(Arc::new(config)))
    }
}
