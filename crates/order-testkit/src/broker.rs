//! A Kafka broker of a test's own, on the programs that `deploy/stack` starts the shared one with. It
//! can be reached with TLS, with a password or a certificate, as brokers are in production, and gives
//! rights.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use order_app::ports::Entropy as _;

use crate::RandomEntropy;

/// One broker; stopped, and removed with its data, when dropped.
#[derive(Debug)]
pub struct OwnBroker {
    folder: PathBuf,
    /// Plain, of the controller, secure, for certificates, for the password alone.
    ports: [u16; 5],
}

impl OwnBroker {
    /// Who may come by the secure listener: this user,
    pub const USER: &str = "shop";
    /// with this password, which is to be found nowhere else.
    pub const PASSWORD: &str = "pl4nted-kafka-password";
    /// Who may come by the listener for certificates: whoever has one for this name.
    pub const CLIENT: &str = "CN=client";

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

    /// Where it wants TLS and a certificate of the client by the same authority.
    #[must_use]
    pub fn mutual(&self) -> String {
        address(self.ports[3])
    }

    /// Where it wants the password, without TLS.
    #[must_use]
    pub fn password_alone(&self) -> String {
        address(self.ports[4])
    }

    /// The file with the certificate of the authority that has signed the broker's, once it runs.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("kafka/data/authority.pem")
    }

    /// Gives the user, and the client, rights on all topics that begin so, such as `Write`.
    pub fn grant(&self, prefix: &str, rights: &[&str]) {
        let plain = self.plain();
        let [user, client] = [Self::USER, Self::CLIENT].map(|name| format!("User:{name}"));
        let mut words = vec!["acls", "--bootstrap-server", &plain, "--add"];
        words.extend(["--allow-principal", &user, "--allow-principal", &client]);
        words.extend(["--topic", prefix]);
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

/// Different ones: all are held until the last is found.
fn free_ports() -> [u16; 5] {
    let held: [TcpListener; 5] = std::array::from_fn(|_| on_free_port());
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
