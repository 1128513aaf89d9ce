//! Real Eureka servers: the one that `deploy/stack` has started for all tests, and servers of a
//! test's own, which it may stop and kill.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::eventually;

/// A real server, asked over HTTP.
#[derive(Clone)]
pub(crate) struct Eureka {
    /// Where it is, with the credentials if it asks for some.
    pub(crate) url: String,
    http: Client,
}

impl Eureka {
    /// The server that all tests share.
    pub(crate) async fn shared() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
        let url = std::env::var("STACK_EUREKA_URL");
        let eureka = Self::at(url.unwrap_or_else(|_| "http://127.0.0.1:8761/eureka".to_owned()));
        let answer = eureka.ask(Method::GET, "apps").await;
        assert!(
            answer.is_some(),
            "no Eureka server at {}; start it with `deploy/stack up eureka`, or name yours in \
             STACK_EUREKA_URL",
            eureka.url,
        );
        eureka
    }

    fn at(url: String) -> Self {
        Self { url, http: Client::builder().timeout(crate::support::PATIENCE).build().unwrap() }
    }

    /// Asks something; `None` without an answer.
    pub(crate) async fn ask(&self, method: Method, path: &str) -> Option<(StatusCode, Value)> {
        let request = self.http.request(method, format!("{}/{path}", self.url));
        let answer = request.header("accept", "application/json").send().await.ok()?;
        Some((answer.status(), answer.json().await.unwrap_or_default()))
    }

    /// What it knows of an instance of a test's application.
    pub(crate) async fn instance(&self, app: &str, port: u16) -> Option<Value> {
        let path = format!("apps/{}/box:{app}:{port}", app.to_uppercase());
        let (status, body) = self.ask(Method::GET, &path).await?;
        (status == StatusCode::OK).then(|| body["instance"].clone())
    }

    /// Waits until it knows an instance with a status, and answers that.
    pub(crate) async fn until(&self, app: &str, port: u16, status: &str) -> Value {
        eventually(&format!("{app}:{port} is {status}"), async || {
            self.instance(app, port).await.filter(|instance| instance["status"] == status)
        })
        .await
    }

    /// Waits until it does not know an instance.
    pub(crate) async fn until_gone(&self, app: &str, port: u16) {
        eventually(&format!("{app}:{port} is gone"), async || {
            self.instance(app, port).await.is_none().then_some(())
        })
        .await;
    }
}

/// A server of a test's own, stopped and removed when this is dropped.
pub(crate) struct OwnEureka {
    pub(crate) eureka: Eureka,
    stack: Stack,
}

/// `deploy/stack` with a folder and a port of its own.
#[derive(Clone)]
struct Stack {
    folder: PathBuf,
    port: u16,
    credentials: &'static str,
}

impl OwnEureka {
    /// Starts one; it asks for credentials unless they are empty.
    pub(crate) async fn start(credentials: &'static str) -> Self {
        let folder = TempDir::with_prefix("eureka-").unwrap().keep();
        // The server runs under another account.
        Command::new("chmod").arg("755").arg(&folder).status().unwrap();
        let stack = Stack { folder, port: free_port(), credentials };
        let user = if credentials.is_empty() { String::new() } else { format!("{credentials}@") };
        let eureka = Eureka::at(format!("http://{user}127.0.0.1:{}/eureka", stack.port));
        let own = Self { eureka, stack };
        own.run("up").await;
        own
    }

    /// Kills it, as a power failure would.
    pub(crate) async fn kill(&self) {
        self.run("kill").await;
    }

    /// Starts it again; it has forgotten everything.
    pub(crate) async fn start_again(&self) {
        self.run("up").await;
    }

    async fn run(&self, verb: &'static str) {
        let stack = self.stack.clone();
        spawn_blocking(move || stack.run(&[verb])).await.unwrap();
    }
}

impl Stack {
    fn run(&self, words: &[&str]) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/stack");
        let run = Command::new(program)
            .args(words)
            .arg("eureka")
            .env("STACK_DIR", &self.folder)
            .env("STACK_EUREKA_PORT", self.port.to_string())
            .env("STACK_EUREKA_CREDENTIALS", self.credentials)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}

impl Drop for OwnEureka {
    fn drop(&mut self) {
        self.stack.run(&["down", "--data"]);
        let _ = std::fs::remove_dir_all(&self.stack.folder);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
