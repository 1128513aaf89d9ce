//! A participant of the saga as a process of its own: inventory, payment or notification of `order-participants`, or one in Python that
//! was written from the contract's page alone. A trial kills, halts and starts it again. What it did is read from its file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::Topic;
use crate::support::{eventually, send_signal};

/// A participant; dropping it ends its process.
pub(crate) struct Participant {
    pub(crate) name: &'static str,
    /// The program, and what stands before its arguments.
    program: Vec<String>,
    arguments: Vec<String>,
    folder: TempDir,
    child: Option<Child>,
}

impl Participant {
    /// Starts a participant that reads a topic.
    pub(crate) fn start(name: &'static str, topic: &Topic, options: &[String]) -> Self {
        Self::of(vec![program().display().to_string()], name, topic, options)
    }

    /// Starts the one in Python.
    pub(crate) fn start_outside(name: &'static str, topic: &Topic) -> Self {
        Self::of(python(), name, topic, &[])
    }

    fn of(program: Vec<String>, name: &'static str, topic: &Topic, options: &[String]) -> Self {
        let Topic { name: topic, servers, .. } = topic;
        let group = format!("{topic}-{name}");
        let mut arguments =
            ["--brokers", servers, "--topic", topic, "--group", &group].map(str::to_owned).to_vec();
        arguments.extend_from_slice(options);
        let folder = tempfile::tempdir().unwrap();
        let mut new = Self { name, program, arguments, folder, child: None };
        new.run();
        new
    }

    /// Starts the process (again), and waits until it has its file and its clients.
    pub(crate) fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let child = Command::new(&self.program[0])
            .args(&self.program[1..])
            .arg(self.name)
            .args(&self.arguments)
            .args(["--database", "ledger.db"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let ready = format!("process={}", child.id());
        self.child = Some(child);
        assert!(eventually(|| self.log().contains(&ready)), "{}", self.log());
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Ends it in good order.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        send_signal("TERM", child.id());
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap()
    }

    /// What it did.
    pub(crate) fn audit(&self) -> Value {
        let file = self.file("ledger.db");
        let mut audit = Command::new(&self.program[0]);
        audit.args(&self.program[1..]).args(["audit", "--database"]).arg(file);
        let output = audit.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program, beside that of the service: cargo builds all programs of the workspace into one folder.
fn program() -> PathBuf {
    let service = Path::new(env!("CARGO_BIN_EXE_order-service"));
    let program = service.with_file_name("order-participants");
    let is_release = service.parent().is_some_and(|folder| folder.ends_with("release"));
    let release = if is_release { " --release" } else { "" };
    assert!(
        program.exists(),
        "there is no {}; build it with `cargo build --locked --package order-participants --bins --examples{release}`",
        program.display()
    );
    program
}

/// The interpreter with the packages that the participant in Python needs, and the participant.
fn python() -> Vec<String> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let found = Command::new(deploy.join("participant")).arg("--python").output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let python = String::from_utf8(found.stdout).unwrap().trim_end().to_owned();
    vec![python, deploy.join("participants.d/participant.py").display().to_string()]
}
