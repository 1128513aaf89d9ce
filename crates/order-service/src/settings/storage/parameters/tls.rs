//! Parameters about TLS. Of those that are not listed here none is passed over: each of them asks for more safety than plain
//! connections have.

use std::borrow::Cow;

use super::{OFF, Verdict, refused};
use crate::settings::storage::encryption::{self, Mode, ServerCheck, Wish};

const STORES: &str = "Java key stores are not read: keytool and openssl convert them to PEM, which order.database.ca-certificate names \
     for the authority, and sslcert and sslkey in the URL for the certificate of this service";

const PASSWORDS: &str = "encrypted keys are not read: decrypt the key (openssl pkey) into a file in PEM that this service alone may read";

const VERSIONS: &str =
    "TLS 1.2 and 1.3 are spoken, whichever the server prefers; leave the versions out";

/// The verdict on a parameter that is about nothing else; its name is folded.
pub(super) fn verdict(name: &str, value: &str) -> Verdict {
    let lower = value.trim().to_ascii_lowercase();
    match name {
        "sslmode" => mode(&lower),
        "ssl" | "usessl" => flag(&lower, Wish::On),
        "requiressl" => flag(&lower, Wish::Required),
        "verifyservercertificate" => flag(&lower, Wish::Verified),
        "trustservercertificate" => flag(&lower, Wish::AnyCertificate),
        "disablesslhostnameverification" => flag(&lower, Wish::AnyHost),
        "sslrootcert" if lower == "system" => Verdict::Tls(Wish::AuthoritiesOfTheMachine),
        "sslrootcert" | "sslca" | "serversslcert" => file(value, Wish::Authorities),
        "sslcert" | "clientsslcert" => file(value, Wish::Certificate),
        "sslkey" | "clientsslkey" => file(value, Wish::Key),
        "channelbinding" if lower == "require" => Verdict::Tls(Wish::Bound),
        "gssencmode" if lower == "require" => {
            refused("gssEncMode asks for Kerberos, which is not spoken; TLS is")
        }
        "sslnegotiation" if lower == "direct" => refused(
            "sslNegotiation=direct is not spoken; leave it out, and the server is asked for TLS first",
        ),
        "sslnegotiation" => Verdict::AsWeDo,
        "sslfactory"
            if ["libpqfactory", "defaultjavasslfactory"]
                .iter()
                .any(|known| lower.ends_with(known)) =>
        {
            Verdict::AsWeDo
        }
        "sslfactory" => refused(
            "sslfactory names a Java class; what it checks is said by sslmode (NonValidatingFactory is sslmode=require)",
        ),
        "fallbacktosystemtruststore" | "fallbacktosystemkeystore" if lower == "true" => {
            Verdict::AsWeDo
        }
        "enabledtlsprotocols"
        | "tlsversions"
        | "enabledsslprotocolsuites"
        | "sslminprotocolversion" => versions(&lower),
        "sslmaxprotocolversion" if lower == "tlsv1.3" => Verdict::AsWeDo,
        "sslmaxprotocolversion" => refused(VERSIONS),
        "sslsni" | "sslcompression" | "sslresponsetimeout" => Verdict::WithoutEffect,
        other if other.contains("cipher") => refused(
            "ciphers are not chosen by a setting: those of TLS 1.2 and 1.3 that are known to be good are offered",
        ),
        other if other.contains("truststore") || other.contains("keystore") => {
            if lower.is_empty() {
                Verdict::AsWeDo
            } else {
                refused(STORES)
            }
        }
        "sslpassword" | "keypassword" => {
            if lower.is_empty() {
                Verdict::AsWeDo
            } else {
                refused(PASSWORDS)
            }
        }
        other if other.contains("ssl") || other.contains("tls") => {
            if OFF.contains(&lower.as_str()) {
                Verdict::AsWeDo
            } else {
                refused(
                    "a parameter of the URL about TLS is not known here; sslMode, sslrootcert (sslca, serverSslCert), sslcert \
                     and sslkey are, and order.database.ca-certificate",
                )
            }
        }
        _ => Verdict::WithoutEffect,
    }
}

/// The modes of all drivers: none of their words means two things.
fn mode(value: &str) -> Verdict {
    let word: String = value.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    Verdict::Tls(Wish::Mode(match word.as_str() {
        "disable" | "disabled" => Mode::Off,
        "allow" | "prefer" | "preferred" => Mode::IfPossible,
        "require" | "required" | "trust" => Mode::Check(ServerCheck::Nothing),
        "verifyca" => Mode::Check(ServerCheck::Authority),
        "verifyfull" | "verifyidentity" => Mode::Check(ServerCheck::Host),
        _ => {
            return refused(
                "sslMode is none of disable, prefer, require, verify-ca, verify-full; DISABLED, PREFERRED, REQUIRED, VERIFY_CA, \
                 VERIFY_IDENTITY; trust",
            );
        }
    }))
}

fn flag(value: &str, wish: fn(bool) -> Wish) -> Verdict {
    match value {
        "" | "true" | "1" | "yes" | "on" => Verdict::Tls(wish(true)),
        off if OFF.contains(&off) => Verdict::Tls(wish(false)),
        _ => refused("a parameter of the URL about TLS must be true or false; sslMode says more"),
    }
}

fn file(value: &str, wish: fn(std::path::PathBuf) -> Wish) -> Verdict {
    match encryption::file(value) {
        Ok(path) => Verdict::Tls(wish(path)),
        Err(fault) => Verdict::Refused(fault.0.unwrap_or(Cow::Borrowed("names no file"))),
    }
}

/// Lists of versions, or the lowest one. Without 1.2 more is asked for than is done.
fn versions(value: &str) -> Verdict {
    let asks_for_less =
        |version: &str| ["tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2", "tls"].contains(&version.trim());
    if value.split([',', ' ']).any(asks_for_less) { Verdict::AsWeDo } else { refused(VERSIONS) }
}
