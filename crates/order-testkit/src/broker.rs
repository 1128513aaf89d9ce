//! A Kafka broker for one test, started by `deploy/stack` like the shared one. It has listeners with
//! TLS, with passwords and with certificates, as brokers in production have, and checks rights.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use order_app::ports::Entropy as _;

use crate::RandomEntropy;

/// A broker; dropping it stops it and removes its data.
#[derive(Debug)]
pub struct OwnBroker {
    folder: PathBuf,
    /// The ports: plain, controller, secure, certificates, password without TLS.
    ports: [u16; 5],
}

impl OwnBroker {
    /// The user of the secure listener.
    pub const USER: &str = "shop";
    /// The password of [`OwnBroker::USER`], which must not appear in any output.
    pub const PASSWORD: &str = "pl4nted-kafka-password";
    /// The name in the certificates that the listener for certificates accepts.
    pub const CLIENT: &str = "CN=client";

    /// Chooses free ports; [`start`](Self::start) starts the broker.
    #[must_use]
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("kafka-{:032x}", RandomEntropy.bits()));
        std::fs::create_dir(&folder).expect("a folder for the broker");
        // The broker runs under another account.
        let opened = Command::new("chmod").arg("755").arg(&folder).status();
        assert!(opened.expect("chmod runs").success());
        Self { folder, ports: free_ports() }
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) {
        self.run("stack", &["up", "kafka"]);
    }

    /// The listener without TLS, whose clients need no password and have all rights.
    #[must_use]
    pub fn plain(&self) -> String {
        address(self.ports[0])
    }

    /// The listener with TLS and the password (SCRAM-SHA-512 or PLAIN), which checks rights.
    #[must_use]
    pub fn secure(&self) -> String {
        address(self.ports[2])
    }

    /// The listener with TLS that asks for a client's certificate of the same authority.
    #[must_use]
    pub fn mutual(&self) -> String {
        address(self.ports[3])
    }

    /// The listener with the password, without TLS.
    #[must_use]
    pub fn password_alone(&self) -> String {
        address(self.ports[4])
    }

    /// The file with the certificate of the broker's authority, once the broker runs.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("kafka/data/authority.pem")
    }

    /// Gives the user and the client rights, such as `Write`, on all topics with a prefix.
    pub fn grant(&self, prefix: &str, rights: &[&str]) {
        self.grant_on(["--topic", prefix], rights);
    }

    /// Gives them the right to read in all consumer groups with a prefix.
    pub fn grant_group(&self, prefix: &str) {
        self.grant_on(["--group", prefix], &["Read"]);
    }

    fn grant_on(&self, resource: [&str; 2], rights: &[&str]) {
        let plain = self.plain();
        let [user, client] = [Self::USER, Self::CLIENT].map(|name| format!("User:{name}"));
        let mut words = vec!["acls", "--bootstrap-server", &plain, "--add"];
        words.extend(["--allow-principal", &user, "--allow-principal", &client]);
        words.extend(resource);
        words.extend(["--resource-pattern-type", "prefixed"]);
        words.extend(rights.iter().flat_map(|right| ["--operation", right]));
        self.run("kafka", &words);
    }

    fn run(&self, script: &str, words: &[&str]) {
        let run = self.command(script).args(words).output().expect("the script runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{words:?}: {said}");
    }

    fn command(&self, script: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(script);
        let [plain, controller, secure, mutual, password] = self.ports.map(|port| port.to_string());
        let mut command = Command::new(script);
        command
            .env("STACK_DIR", &self.folder)
            .env("STACK_KAFKA_PORT", plain)
            .env("STACK_KAFKA_CONTROLLER_PORT", controller)
            .env("STACK_KAFKA_SECURE_PORT", secure)
            .env("STACK_KAFKA_MUTUAL_PORT", mutual)
            .env("STACK_KAFKA_PASSWORD_PORT", password)
            .env("STACK_KAFKA_CREDENTIALS", format!("{}:{}", Self::USER, Self::PASSWORD));
        command
    }
}

impl Default for OwnBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = self.command("stack").args(["down", "--data", "kafka"]).output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Free ports, all different: each is held until the last one is found.
fn free_ports() -> [u16; 5] {
    let held: [TcpListener; 5] = std::array::from_fn(|_| steady_port());
    held.map(|held| held.local_addr().expect("an address").port())
}

/// A free port below those that the system gives to outgoing connections: it stays free while no process listens there. Held
/// until what is returned is dropped.
#[must_use]
pub fn steady_port() -> TcpListener {
    loop {
        let [.., high, low] = RandomEntropy.bits().to_be_bytes();
        let port = 0x5000 | (u16::from_be_bytes([high, low]) & 0x1fff);
        if let Ok(held) = TcpListener::bind(("127.0.0.1", port)) {
            return held;
        }
    }
}
