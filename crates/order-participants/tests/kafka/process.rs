//! A participant as a process of its own, which a test may kill and start again.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, a_topic, brokers, wait_for};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_order-participants");

/// A participant with a folder and a topic of its own. Dropping it ends its process.
pub(crate) struct Participant {
    pub(crate) name: &'static str,
    pub(crate) topic: String,
    folder: TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl Participant {
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut new = Self { name, topic: a_topic(name), folder, options, child: None };
        new.run();
        new
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the process (again), and waits until it is ready.
    pub(crate) fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args([self.name, "--brokers", &brokers(), "--topic", &self.topic, "--group"]);
        let child = command
            .args([&self.topic, "--database", "ledger.db"])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        fs::write(self.file("pid"), child.id().to_string()).unwrap();
        let ready = format!("process={}", child.id());
        self.child = Some(child);
        self.waits_for(&ready);
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap()
    }

    pub(crate) fn waits_for(&self, text: &str) {
        assert!(eventually(|| self.log().contains(text)), "no {text:?} in:\n{}", self.log());
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; it has to end well.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert!(child.wait().unwrap().success(), "{}", self.log());
        assert!(self.log().contains(" stopped"), "{}", self.log());
    }

    /// A shell command that kills it and starts it again.
    pub(crate) fn restart(&self) -> String {
        let Self { name, topic, options, .. } = self;
        let folder = self.folder.path().display();
        let options: Vec<_> = options.iter().map(|option| format!("'{option}'")).collect();
        let options = options.join(" ");
        format!(
            "cd '{folder}' && kill -9 \"$(cat pid)\" && {{ '{PROGRAM}' {name} --brokers '{}' \
             --topic '{topic}' --group '{topic}' --database ledger.db {options} </dev/null \
             >/dev/null 2>>log & echo $! >pid; }}",
            brokers()
        )
    }

    /// What it did.
    pub(crate) fn audit(&self) -> Value {
        let output = program(&["audit", "--database", self.file("ledger.db").to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // The process in the file may be one that a restart has started.
        if let Ok(pid) = fs::read_to_string(self.file("pid")) {
            let _ = Command::new("kill").args(["-9", pid.trim()]).stderr(Stdio::null()).status();
        }
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
    }
}

/// Runs the program to its end.
pub(crate) fn program(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Waits until something is so; looks fifty times a second.
pub(crate) fn eventually(is_so: impl Fn() -> bool) -> bool {
    wait_for(async {
        let mut often = tokio::time::interval(std::time::Duration::from_millis(20));
        let look = async {
            while !is_so() {
                often.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.is_ok()
    })
}
