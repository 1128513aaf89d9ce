//! The service over TLS, as `openssl`, `curl` and a real registry see it; and its peers over TLS. `FULL_SIZE_TESTS=1`
//! changes the certificate for a minute, and has 10,000 handshakes half open.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a broken expectation ends a test")]

#[expect(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/collector.rs"]
mod collector;
#[cfg(test)]
mod load;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod peers;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use order_testkit::SelfSigned;
use reqwest::Certificate;
use reqwest::blocking::{Client, ClientBuilder};

use crate::support::{PATIENCE, Service, eventually, fresh_folder, steady_port};

fn is_full_size() -> bool {
    std::env::var_os("FULL_SIZE_TESTS").is_some()
}

/// A service with a certificate, and its operators over plain HTTP.
struct Secure {
    service: Service,
    folder: PathBuf,
    own: SelfSigned,
    port: String,
}

impl Secure {
    fn start(options: &[&str]) -> Self {
        let own = SelfSigned::valid_for(30, "orders");
        let folder = fresh_folder();
        let secure =
            Self { service: serve(&folder, &own, options), port: String::new(), folder, own };
        secure.service.wait_until_ready();
        let (_, port) = secure.service.base.rsplit_once(':').unwrap();
        Self { port: port.to_owned(), ..secure }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// A file with something in it, below the service's folder.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The path of its certificate.
    fn certificate(&self) -> String {
        self.folder.join("tls.crt").display().to_string()
    }
}

fn serve(folder: &std::path::Path, own: &SelfSigned, options: &[&str]) -> Service {
    hold(folder, own);
    let mut all = vec![
        "--server.ssl.certificate=file:tls.crt",
        "--server.ssl.certificate-private-key=file:tls.key",
        "--management.server.port=0",
        "--management.server.ssl.enabled=false",
    ];
    all.extend_from_slice(options);
    Service::start_in(folder, &all, &[])
}

/// Puts a certificate and its key into a folder, each file at once.
fn hold(folder: &std::path::Path, own: &SelfSigned) {
    for (name, text) in [("tls.crt", &own.certificate), ("tls.key", &own.private_key)] {
        fs::write(folder.join("next"), text).unwrap();
        fs::rename(folder.join("next"), folder.join(name)).unwrap();
    }
}

/// A client that trusts these certificates and no others.
fn trusting(all: &[&SelfSigned]) -> ClientBuilder {
    let certificates =
        all.iter().map(|one| Certificate::from_pem(one.certificate.as_bytes()).unwrap());
    Client::builder().timeout(PATIENCE).tls_certs_only(certificates)
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let command = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    command.expect("openssl and curl run; `apt-get install openssl curl` installs them")
}

fn text(output: &Output) -> String {
    [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat()
}

#[test]
fn health_asks_over_tls_whatever_the_certificate_is_for() {
    let (folder, port) = (fresh_folder(), steady_port());
    let own = SelfSigned::valid_for(30, "elsewhere.example");
    hold(&folder, &own);
    let tls = [
        "--server.ssl.certificate=file:tls.crt",
        "--server.ssl.certificate-private-key=file:tls.key",
    ];
    let service = Service::start_at(port, &folder, &tls, &[]);
    let mut last = None;
    let is_ready = eventually(|| {
        let health = Command::new(env!("CARGO_BIN_EXE_order-service"))
            .args(["health", &format!("--server.port={port}")])
            .args(tls)
            .current_dir(&folder)
            .output()
            .unwrap();
        last.insert(health).status.code() == Some(0)
    });
    assert!(is_ready, "{}; its log: {}", text(&last.unwrap()), service.log());
}
