//! What went wrong with an encrypted connection, in words for operators.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

/// No encrypted connection came about.
#[derive(Debug, thiserror::Error)]
#[error("no encrypted connection to {host}: {reason}")]
pub(crate) struct NotEncrypted {
    host: String,
    reason: String,
}

/// What an error says of the encryption; `None` when it is about something else.
pub(crate) fn explained(host: &str, error: &(dyn Error + 'static)) -> Option<NotEncrypted> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(known) = this.downcast_ref::<NotEncrypted>() {
            return Some(NotEncrypted { host: known.host.clone(), reason: known.reason.clone() });
        }
        // An error of a stream has what it wraps as itself, not as its source.
        let within = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let of_tls = match within {
            Some(within) => within.downcast_ref(),
            None => this.downcast_ref(),
        };
        if let Some(of_tls) = of_tls {
            return Some(NotEncrypted { host: host.to_owned(), reason: of_rustls(of_tls) });
        }
        error = this.source();
    }
    None
}

impl NotEncrypted {
    /// What an error of the handshake says. The connection itself may have ended.
    pub(crate) fn in_the_handshake(host: &str, error: &(dyn Error + 'static)) -> Self {
        let reason = "the connection was cut while it was being encrypted";
        explained(host, error).unwrap_or_else(|| Self::because(host, reason))
    }

    /// The server takes plain connections alone.
    pub(crate) fn without_tls(host: &str) -> Self {
        Self::because(host, "the server speaks no TLS, or an attacker on the way says so")
    }

    fn because(host: &str, reason: &str) -> Self {
        Self { host: host.to_owned(), reason: reason.to_owned() }
    }
}

fn of_rustls(error: &rustls::Error) -> String {
    const VERSIONS: &str =
        "the server has no version of TLS and no cipher in common with this service (TLS 1.2, 1.3)";
    let reason = match error {
        rustls::Error::InvalidCertificate(error) => return of_the_certificate(error),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                "the server demands a certificate of this service: name one by sslcert and sslkey in the URL"
            }
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied => {
                "the server does not take the certificate of this service"
            }
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity => VERSIONS,
            _ => "the server has ended the handshake",
        },
        rustls::Error::PeerIncompatible(_) => VERSIONS,
        rustls::Error::InvalidMessage(_) => "the server does not answer in TLS",
        other => return other.to_string(),
    };
    reason.to_owned()
}

fn of_the_certificate(error: &CertificateError) -> String {
    let reason = match error {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by no authority that is trusted here \
             (order.database.ca-certificate names another)"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host (its subjectAltName does not name this one)"
        }
        CertificateError::Revoked => "its certificate is revoked",
        CertificateError::BadSignature => {
            "it has not the key of its certificate, or the certificate was changed"
        }
        // Above all: the certificate of an authority itself, which is what `openssl req -x509` makes.
        _ => {
            "its certificate is none of a server: it must be of version 3, not be an authority (CA:FALSE), and be \
             for servers"
        }
    };
    reason.to_owned()
}
