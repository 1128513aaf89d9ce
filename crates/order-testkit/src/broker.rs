//! A Kafka broker of a test's own, on the programs that `deploy/stack` starts the shared one with. It
//! can be reached with TLS and a password, as brokers are in production, and gives rights.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use order_app::ports::Entropy as _;

use crate::RandomEntropy;

/// One broker; stopped, and removed with its data, when dropped.
#[derive(Debug)]
pub struct OwnBroker {
    folder: PathBuf,
    /// Plain, of the controller, secure.
    ports: [u16; 3],
}

impl OwnBroker {
    /// Who may come by the secure listener: this user,
    pub const USER: &str = "shop";
    /// with this password, which is to be found nowhere else.
    pub const PASSWORD: &str = "pl4nted-kafka-password";

    /// Chooses its addresses. It runs after [`start`](Self::start).
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

    /// Where it takes whoever comes, without TLS, and lets them do everything.
    #[must_use]
    pub fn plain(&self) -> String {
        address(self.ports[0])
    }

    /// Where it wants TLS and the password, with SCRAM-SHA-512 or PLAIN, and knows rights.
    #[must_use]
    pub fn secure(&self) -> String {
        address(self.ports[2])
    }

    /// The file with the certificate of the authority that has signed the broker's, once it runs.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("kafka/data/authority.pem")
    }

    /// Gives the user rights on all topics that begin so, such as `Write`.
    pub fn grant(&self, prefix: &str, rights: &[&str]) {
        let plain = self.plain();
        let user = format!("User:{}", Self::USER);
        let mut words = vec!["acls", "--bootstrap-server", &plain, "--add"];
        words.extend(["--allow-principal", &user, "--topic", prefix]);
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
        let [plain, controller, secure] = self.ports.map(|port| port.to_string());
        let mut command = Command::new(script);
        command
            .env("STACK_DIR", &self.folder)
            .env("STACK_KAFKA_PORT", plain)
            .env("STACK_KAFKA_CONTROLLER_PORT", controller)
            .env("STACK_KAFKA_SECURE_PORT", secure)
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

/// Different ones: all are held until the last is found.
fn free_ports() -> [u16; 3] {
    let held: [TcpListener; 3] = std::array::from_fn(|_| on_free_port());
    held.map(|held| held.local_addr().expect("an address").port())
}

/// Below the ports that the system gives to outgoing connections, one of which could take it.
fn on_free_port() -> TcpListener {
    loop {
        let [.., high, low] = RandomEntropy.bits().to_be_bytes();
        let port = 0x5000 | (u16::from_be_bytes([high, low]) & 0x1fff);
        if let Ok(held) = TcpListener::bind(("127.0.0.1", port)) {
            return held;
        }
    }
}
