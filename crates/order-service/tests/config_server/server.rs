//! Real config servers. `deploy/stack` starts one for all tests: it serves a folder of files. A test
//! starts a server of its own to ask for a password, or to kill it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::support::{client, free_port};

const HELP: &str = "start it with `deploy/stack up config` and run `eval \"$(deploy/stack env)\"`";

/// An application of a test's own on a server.
pub(crate) struct App {
    /// Its name, which no other test uses.
    pub(crate) name: String,
    /// The server, without credentials.
    pub(crate) server: String,
    served: PathBuf,
}

impl App {
    /// On the server that all tests share.
    pub(crate) fn shared() -> Self {
        let server = variable("STACK_CONFIG_URL");
        Self::on(&server, Path::new(&variable("STACK_CONFIG_DIR")))
    }

    /// The same application on another server.
    pub(crate) fn also_on(&self, other: &OwnServer) -> Self {
        let App { server, served, .. } = &other.app;
        Self { name: self.name.clone(), server: server.clone(), served: served.clone() }
    }

    fn on(server: &str, folder: &Path) -> Self {
        let name = format!("shop{:08x}", RandomEntropy.bits() >> 96);
        Self { name, server: server.to_owned(), served: folder.to_owned() }
    }

    /// Has the server serve a file, such as `-prod.yml` of this application, from now on.
    pub(crate) fn file(&self, rest: &str, text: &str) {
        let path = self.served.join(format!("{}{rest}", self.name));
        fs::write(path, text).unwrap();
    }

    /// The same under a label: a folder whose name begins with the name of this application.
    pub(crate) fn labelled(&self, label: &str, rest: &str, text: &str) {
        let folder = self.served.join(label);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{}{rest}", self.name)), text).unwrap();
    }

    /// The settings that the server gives for a question, put together as its clients do: of the
    /// sources that have a key, the first counts.
    pub(crate) fn given(&self, question: &str) -> Map<String, Value> {
        let url = format!("{}/{}/{}", self.server, self.name, question.trim_end_matches('/'));
        let answer: Value = client().get(url).send().unwrap().json().unwrap();
        let sources = answer["propertySources"].as_array().unwrap();
        let mut all = Map::new();
        for source in sources {
            for (key, value) in source["source"].as_object().unwrap() {
                let from = (value.clone(), source["name"].clone());
                all.entry(key.clone()).or_insert(serde_json::json!([from.0, from.1]));
            }
        }
        all
    }

    /// The options with which a service asks for it.
    pub(crate) fn options(&self, import: &str) -> Vec<String> {
        vec![
            format!("--spring.application.name={}", self.name),
            format!("--spring.config.import={import}"),
            "--spring.cloud.config.retry.initial-interval=10ms".to_owned(),
            // A password that a document brings has a database to go with.
            "--spring.datasource.url=sqlite:orders.db".to_owned(),
        ]
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let files = fs::read_dir(&self.served).into_iter().flatten().flatten();
        for file in files.filter(|f| f.file_name().to_string_lossy().starts_with(&self.name)) {
            let path = file.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

/// A server of a test's own; removed when dropped.
pub(crate) struct OwnServer {
    pub(crate) app: App,
    folder: PathBuf,
    port: u16,
    credentials: &'static str,
}

impl OwnServer {
    /// Starts one that asks for `USER:PASSWORD`.
    pub(crate) fn start(credentials: &'static str) -> Self {
        let folder = TempDir::with_prefix("config-").unwrap().keep();
        // The server runs under another account.
        Command::new("chmod").arg("755").arg(&folder).status().unwrap();
        let port = free_port();
        let app = App::on(&format!("http://127.0.0.1:{port}"), &folder.join("config/data/served"));
        let own = Self { app, folder, port, credentials };
        own.stack(&["up"]);
        own
    }

    /// Ends it without a warning, as a power failure does.
    pub(crate) fn kill(&self) {
        self.stack(&["kill"]);
    }

    /// Starts it once more, on the same port.
    pub(crate) fn start_again(&self) {
        self.stack(&["up"]);
    }

    fn stack(&self, words: &[&str]) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/stack");
        let run = Command::new(program)
            .args(words)
            .arg("config")
            .env("STACK_DIR", &self.folder)
            .env("STACK_CONFIG_PORT", self.port.to_string())
            .env("STACK_CONFIG_CREDENTIALS", self.credentials)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.stack(&["down", "--data"]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("no config server: {name} is not set; {HELP}"))
}
