//! Certificates to try TLS with, made by `openssl`.

use std::process::Command;

/// A certificate that is its own authority, and its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub private_key: String,
}

impl SelfSigned {
    /// For this machine under the name `localhost` and as 127.0.0.1, as a server and as a client, from now on for some days.
    #[must_use]
    pub fn valid_for(days: u32, name: &str) -> Self {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-keyout", "-", "-out", "-", "-days", &days.to_string()])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "extendedKeyUsage=serverAuth,clientAuth"])
            .output()
            .expect("openssl runs; `apt-get install openssl` installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let both = String::from_utf8(made.stdout).expect("PEM is text");
        let begin = both.find("-----BEGIN CERTIFICATE").expect("a certificate");
        let (private_key, certificate) = both.split_at(begin);
        Self { certificate: certificate.to_owned(), private_key: private_key.to_owned() }
    }
}
