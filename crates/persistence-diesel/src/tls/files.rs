//! The files of authorities, certificates and keys. Only PEM is read; what else there may be is named, with what to do.

use std::path::{Path, PathBuf};
use std::{fs, io};

use native_tls::{Certificate, TlsConnector};
use order_app::ports::BoxError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Check, Identity, Tls};

/// Why a file, or what the machine trusts, is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("the file {} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is of another form, or holds something else.
    #[error(
        "the file {} holds no certificate in PEM (BEGIN CERTIFICATE); Java key stores and PKCS #12 are not read: keytool and \
         openssl convert them", .0.display()
    )]
    NoCertificate(PathBuf),
    /// It is of another form, or holds something else.
    #[error(
        "the file {} holds no private key in PEM (BEGIN PRIVATE KEY); DER (.pk8) and PKCS #12 are not read: openssl converts \
         them", .0.display()
    )]
    NoKey(PathBuf),
    /// Its key needs a password.
    #[error(
        "the key in the file {} is encrypted; encrypted keys are not read: decrypt it (openssl pkey) into a file that this \
         service alone may read", .0.display()
    )]
    EncryptedKey(PathBuf),
    /// The key belongs to another certificate, or is of a kind that is not known.
    #[error("the key in the file {} does not fit the certificate in the file {}", .0.display(), .1.display())]
    Unfit(PathBuf, PathBuf),
    /// There is none to check the server by.
    #[error(
        "this machine trusts no authority (it has no file of certificates, or SSL_CERT_FILE names an empty one); name that \
         of the database by order.database.ca-certificate"
    )]
    NoAuthorities,
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Material {
    /// Empty where nothing is checked.
    authorities: Vec<CertificateDer<'static>>,
    /// Certificate and key, one after the other in PEM.
    identity: Option<Vec<u8>>,
}

impl Material {
    /// Reads the files. What the machine trusts is taken from before: it has hundreds of certificates.
    pub(super) fn read(tls: &Tls, before: Option<&Self>) -> Result<Self, FileError> {
        let authorities = match (tls.check, &tls.authorities, before) {
            (Check::Nothing, _, _) => Vec::new(),
            (_, Some(file), _) => certificates(file)?,
            (_, None, Some(before)) => before.authorities.clone(),
            (_, None, None) => of_the_machine()?,
        };
        let identity = tls.identity.as_ref().map(identity).transpose()?;
        Ok(Self { authorities, identity })
    }

    /// The certificates of the authorities, each in DER.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.authorities.iter().map(AsRef::as_ref)
    }

    /// Certificate and key, one after the other in PEM.
    pub(crate) fn identity(&self) -> Option<&[u8]> {
        self.identity.as_deref()
    }

    /// Connections that are checked in this way.
    pub(crate) fn connector(&self, check: Check) -> Result<TlsConnector, BoxError> {
        let mut builder = TlsConnector::builder();
        for der in self.authorities() {
            builder.add_root_certificate(Certificate::from_der(der)?);
        }
        if let Some(pem) = self.identity() {
            builder.identity(native_tls::Identity::from_pkcs12(pem, "")?);
        }
        builder.danger_accept_invalid_certs(check == Check::Nothing);
        builder.danger_accept_invalid_hostnames(check == Check::Authority);
        Ok(builder.build()?)
    }
}

fn content(file: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(file).map_err(|error| FileError::Unreadable(file.to_owned(), error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let pem = content(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.unwrap_or_default();
    let are_certificates = certificates.iter().all(|der| Certificate::from_der(der).is_ok());
    if certificates.is_empty() || !are_certificates {
        return Err(FileError::NoCertificate(file.to_owned()));
    }
    Ok(certificates)
}

fn identity(files: &Identity) -> Result<Vec<u8>, FileError> {
    certificates(&files.certificates)?;
    let (mut pem, key) = (content(&files.certificates)?, content(&files.key)?);
    let text = String::from_utf8_lossy(&key);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(FileError::EncryptedKey(files.key.clone()));
    }
    if PrivateKeyDer::from_pem_slice(&key).is_err() {
        return Err(FileError::NoKey(files.key.clone()));
    }
    if files.key != files.certificates {
        // Of two keys the first is taken.
        pem.splice(0..0, key.into_iter().chain(*b"\n"));
    }
    let fits = native_tls::Identity::from_pkcs12(&pem, "");
    let fits = fits.and_then(|identity| TlsConnector::builder().identity(identity).build());
    match fits {
        Ok(_) => Ok(pem),
        Err(_) => Err(FileError::Unfit(files.key.clone(), files.certificates.clone())),
    }
}

/// The authorities that the machine trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
fn of_the_machine() -> Result<Vec<CertificateDer<'static>>, FileError> {
    let found = rustls_native_certs::load_native_certs().certs;
    // Some are so old that they are not understood.
    let known = found.into_iter().filter(|der| Certificate::from_der(der).is_ok());
    let known: Vec<_> = known.collect();
    if known.is_empty() { Err(FileError::NoAuthorities) } else { Ok(known) }
}
