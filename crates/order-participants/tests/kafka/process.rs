//! A participant as a process of its own, which a test may kill and start again.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, a_topic, brokers, wait_for};

/// With this option a process that is started again has its partitions at once, without it only when the
/// group has missed it for six seconds.
pub(crate) const AT_ONCE: [&str; 2] = ["--property", "group.instance.id=only"];

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_order-participants");

/// In which language a participant is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Make {
    Rust,
    /// `deploy/participants.d`, from the contract's page alone.
    Python,
}

impl Make {
    /// The program, and the words before its arguments.
    fn words(self) -> Vec<String> {
        if self == Self::Rust {
            return vec![PROGRAM.to_owned()];
        }
        let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");
        let script = format!("{deploy}/participant");
        let output = Command::new(script).arg("--python").stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let python = String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
        vec![python, format!("{deploy}/participants.d/participant.py")]
    }
}

/// A participant with a folder and a topic of its own. Dropping it ends its process.
pub(crate) struct Participant {
    pub(crate) name: &'static str,
    /// The program, and the words before its arguments.
    program: Vec<String>,
    pub(crate) topic: String,
    /// How it reaches the broker.
    pub(crate) brokers: String,
    pub(crate) options: Vec<String>,
    folder: Arc<TempDir>,
    /// What its files in the folder begin with.
    prefix: &'static str,
    child: Option<Child>,
}

impl Participant {
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        Self::start_made(Make::Rust, name, options)
    }

    pub(crate) fn start_made(make: Make, name: &'static str, options: &[&str]) -> Self {
        Self::start_through(brokers(), make, name, options)
    }

    pub(crate) fn start_through(
        brokers: String,
        make: Make,
        name: &'static str,
        options: &[&str],
    ) -> Self {
        let program = make.words();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let topic = a_topic(name);
        let mut new =
            Self { name, program, topic, brokers, options, folder, prefix: "", child: None };
        new.run();
        new
    }

    /// Starts a second process beside this one, with the same group, topic and SQLite file.
    pub(crate) fn another(&self) -> Self {
        let mut new = Self {
            name: self.name,
            program: self.program.clone(),
            topic: self.topic.clone(),
            brokers: self.brokers.clone(),
            options: self.options.clone(),
            folder: Arc::clone(&self.folder),
            prefix: "another-",
            child: None,
        };
        new.run();
        new
    }

    /// A file that it shares with others in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self, name: &str) -> PathBuf {
        self.file(&format!("{}{name}", self.prefix))
    }

    /// Starts the process (again), and waits until it is ready.
    pub(crate) fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.own("log")).unwrap();
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]);
        command.args([self.name, "--brokers", &self.brokers, "--topic", &self.topic, "--group"]);
        let child = command
            .args([&self.topic, "--database", "ledger.db"])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        fs::write(self.own("pid"), child.id().to_string()).unwrap();
        let ready = format!("process={}", child.id());
        self.child = Some(child);
        self.waits_for(&ready);
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.own("log")).unwrap()
    }

    pub(crate) fn waits_for(&self, text: &str) {
        assert!(eventually(|| self.log().contains(text)), "no {text:?} in:\n{}", self.log());
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until it has ended by itself, and not well.
    pub(crate) fn fails(&mut self) {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        let ended = || {
            status = child.try_wait().unwrap();
            status.is_some()
        };
        assert!(eventually(ended), "{}", self.log());
        assert_eq!(status.unwrap().code(), Some(1), "{}", self.log());
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
        let Self { name, topic, brokers, .. } = self;
        let folder = self.folder.path().display();
        let quoted = |words: &[String]| {
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
        };
        let (program, options) = (quoted(&self.program), quoted(&self.options));
        format!(
            "cd '{folder}' && kill -9 \"$(cat pid)\" && {{ {program} {name} --brokers '{brokers}' \
             --topic '{topic}' --group '{topic}' --database ledger.db {options} </dev/null \
             >/dev/null 2>>log & echo $! >pid; }}",
        )
    }

    /// What it did.
    pub(crate) fn audit(&self) -> Value {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).args(["audit", "--database"]).arg(self.file("ledger.db"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // The process in the file may be one that a restart has started; or the number of one that has
        // ended, which another program has by now.
        let pid = fs::read_to_string(self.own("pid")).unwrap_or_default();
        let words = fs::read_to_string(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        if words.split('\0').any(|word| word == self.topic) {
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
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
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
