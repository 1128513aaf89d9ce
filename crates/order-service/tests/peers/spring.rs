//! The programs of `deploy/peers/spring` as processes, and a shop: a database, and the properties file
//! with which the order service of before and this one find it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use order_testkit::databases::{Database, Scratch};
use reqwest::blocking::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{client, eureka, free_port, fresh_folder, send_signal, within};

/// How long a virtual machine may take to start while others have the processors, or to end.
const START: Duration = Duration::from_mins(2);

/// A database of its own on a server, and how programs are told of it.
pub(crate) struct Shop {
    _database: Scratch,
    folder: PathBuf,
    user: String,
    password: String,
    properties: String,
}

impl Shop {
    pub(crate) fn on(database: Database) -> Self {
        let scratch = database.scratch();
        let (system, rest) = scratch.url.split_once("://").unwrap();
        let (credentials, address) = rest.split_once('@').unwrap();
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let system = if system == "postgres" { "postgresql" } else { system };
        // The addresses are those of the test servers; all else is the file of the Spring service.
        let properties = format!(
            "server.port=8082\n\
             spring.application.name=order-service\n\
             eureka.client.service-url.defaultZone={}\n\
             spring.datasource.url=jdbc:{system}://{address}\n",
            eureka()
        );
        let (user, password) = (user.to_owned(), password.to_owned());
        Self { _database: scratch, folder: fresh_folder(), user, password, properties }
    }

    /// The environment of the programs.
    pub(crate) fn credentials(&self) -> [(&str, &str); 2] {
        [("SPRING_DATASOURCE_USERNAME", &self.user), ("SPRING_DATASOURCE_PASSWORD", &self.password)]
    }

    /// A folder to start a program in, with the properties file.
    pub(crate) fn folder(&self, program: &str) -> PathBuf {
        let folder = self.folder.join(program);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("application.properties"), &self.properties).unwrap();
        folder
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running program; killed when dropped.
pub(crate) struct Program {
    base: String,
    child: Mutex<Child>,
    log: PathBuf,
}

/// What the old service did under load.
#[derive(Debug, Deserialize)]
pub(crate) struct Load {
    /// The orders that it placed.
    pub(crate) ids: Vec<i64>,
    /// What its inserts, updates and reads failed with.
    pub(crate) failures: Vec<String>,
}

impl Program {
    /// Starts the order service of before on the database of a shop, on a free port.
    pub(crate) fn old_order_service(shop: &Shop, options: &[&str]) -> Self {
        let port = free_port();
        let mut options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        options.push(format!("--server.port={port}"));
        // Clients are to find the new one; nothing is to find this one of the test by its name.
        options.push("--eureka.client.enabled=false".to_owned());
        let base = format!("http://127.0.0.1:{port}");
        Self::start(shop, "old-order-service", base, &options)
    }

    /// Starts the client, which ends by itself.
    pub(crate) fn client(shop: &Shop, options: &[String]) -> Self {
        Self::start(shop, "client", String::new(), options)
    }

    fn start(shop: &Shop, name: &str, base: String, options: &[String]) -> Self {
        let folder = shop.folder(name);
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let child = Command::new("java")
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"])
            .args(["-Duser.timezone=UTC", "-jar"])
            .arg(jars().join(format!("{name}.jar")))
            .args(options)
            .envs(shop.credentials())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .expect("java runs; deploy/peers/build installs it");
        Self { base, child: Mutex::new(child), log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn wait_until_ready(&self) {
        let url = format!("{}/orders/customer/1", self.base);
        let ready = || client().get(&url).send().is_ok_and(|answer| answer.status().is_success());
        assert!(within(START, || ready() || self.ended().is_some()), "{}", self.log());
        assert!(self.ended().is_none(), "it ended:\n{}", self.log());
    }

    /// Waits for its end.
    pub(crate) fn wait(&self) -> ExitStatus {
        assert!(within(START, || self.ended().is_some()), "it does not end:\n{}", self.log());
        self.ended().unwrap()
    }

    /// Ends it in good order.
    pub(crate) fn stop(&self) {
        send_signal("TERM", self.child.lock().unwrap().id());
        let _ = self.wait();
    }

    fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.answer(client().get(self.url(path)))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.answer(client().post(self.url(path)).json(body))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Value {
        self.answer(client().put(self.url(path)).json(body))
    }

    /// Makes it place, confirm and read orders of a customer for some seconds.
    pub(crate) fn load(&self, seconds: u64, customer: i64) -> Load {
        let url = self.url(&format!("/load?seconds={seconds}&customer={customer}"));
        let patient = Client::builder().timeout(Duration::from_secs(seconds) + START).build();
        serde_json::from_value(self.answer(patient.unwrap().post(url))).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn answer(&self, request: RequestBuilder) -> Value {
        let answer = request.send().unwrap();
        assert!(answer.status().is_success(), "{}:\n{}", answer.url(), self.log());
        answer.json().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The folder of the programs, built when they are not yet.
fn jars() -> &'static Path {
    static JARS: OnceLock<PathBuf> = OnceLock::new();
    JARS.get_or_init(|| {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/peers/build");
        let built = Command::new(program).stdin(Stdio::null()).output().expect("a shell");
        assert!(
            built.status.success(),
            "deploy/peers/build failed: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        String::from_utf8(built.stdout).unwrap().trim_end().into()
    })
}
