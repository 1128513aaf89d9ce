//! Databases that refuse every write: read-only, or on a full disk. What is refused clearly is known to have written nothing.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use libtest_mimic::Trial;
use order_testkit::databases::{Database, Scratch, count, execute};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::honest::Honest;
use crate::support::{Service, an_order, client, eventually, free_port, fresh_folder};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<_> = [Database::Postgres, Database::Mariadb, Database::Mysql]
        .map(|server| {
            let name = format!("{}::a_read_only_server_leaves_no_write_in_doubt", server.name());
            trial(name, move || a_read_only_server(server))
        })
        .into();
    trials.push(trial("sqlite::a_full_disk_leaves_no_write_in_doubt", a_full_disk));
    trials
}

const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// A server that takes no writes, until this is dropped.
struct ReadOnly {
    database: Database,
    url: String,
    runtime: Runtime,
}

impl ReadOnly {
    fn of(database: Database, scratch: &Scratch) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { database, url: scratch.url.clone(), runtime }
    }

    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    fn tell(&self, statements: &str) {
        self.runtime.block_on(execute(&self.url, statements)).expect("the server does it");
    }

    /// The URL of a user for whom the setting holds: on MariaDB, not for one who may do everything.
    fn url(&self) -> String {
        if self.database != Database::Mariadb {
            return self.url.clone();
        }
        self.tell(&format!(
            "CREATE USER IF NOT EXISTS narrow@'%' IDENTIFIED BY 'narrow'; GRANT ALL ON {}.* TO narrow@'%'",
            self.name()
        ));
        self.url.replace("app:app@", "narrow:narrow@")
    }

    fn begin(&self) {
        self.tell(&match self.database {
            Database::Postgres => {
                format!("ALTER DATABASE {} SET default_transaction_read_only = on", self.name())
            }
            Database::Mariadb => "SET GLOBAL read_only = ON".into(),
            _ => "SET GLOBAL super_read_only = ON".into(),
        });
    }

    /// Ends the sessions of PostgreSQL: the setting holds in those that begin after it. One that is being opened is
    /// not listed yet, so that it takes another cut.
    fn cut(&self) {
        if self.database == Database::Postgres {
            self.tell(CUT);
        }
    }

    fn end(&self) {
        self.tell(&match self.database {
            Database::Postgres => format!(
                "BEGIN READ WRITE; ALTER DATABASE {} RESET default_transaction_read_only; COMMIT; {CUT}",
                self.name()
            ),
            Database::Mariadb => "SET GLOBAL read_only = OFF".into(),
            _ => "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF".into(),
        });
    }

    fn orders(&self) -> i64 {
        self.runtime.block_on(count(&self.url, "orders")).expect("the database counts")
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // After a failure alone; usually it has ended.
        if thread::panicking() {
            self.end();
        }
        if self.database == Database::Mariadb {
            self.tell("DROP USER IF EXISTS narrow@'%'");
        }
    }
}

fn a_read_only_server(database: Database) {
    let scratch = database.scratch();
    let server = ReadOnly::of(database, &scratch);
    let service = Service::on(&server.url());
    let first = service.placed(1);
    let honest = Honest::start(&service.base, 8);
    assert!(eventually(|| server.orders() > 50), "{}", service.log());
    server.begin();
    assert!(eventually(|| {
        server.cut();
        service.post("/orders", &an_order(1)).status() == StatusCode::SERVICE_UNAVAILABLE
    }));
    let refused = |answer: reqwest::blocking::Response| {
        let status = answer.status();
        let body: Value = answer.json().expect("a problem");
        assert_eq!(
            (status, body["code"].as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, Some("unavailable"))
        );
    };
    for _ in 0..5 {
        refused(service.post("/orders", &an_order(1)));
        let path = format!("/orders/{}/status", first["id"]);
        refused(service.put(&path, &serde_json::json!({"status": "CONFIRMED"})));
    }
    // Reading goes on.
    assert_eq!(service.get(&format!("/orders/{}", first["id"])).status(), StatusCode::OK);
    let tally = honest.stop();
    println!("{}: {} pairs, then {:?}", database.name(), tally.pairs, tally.failed);
    let of_connections =
        |reason: &String| database == Database::Postgres && reason == "503 outcome_unknown";
    // The check cuts connections on PostgreSQL, and what was under way on them is in doubt indeed.
    assert!(
        tally.failed.keys().all(|reason| reason == "503 unavailable" || of_connections(reason)),
        "{:?}\n{}",
        tally.failed,
        service.log()
    );
    server.end();
    assert!(eventually(|| service.post("/orders", &an_order(1)).status() == StatusCode::CREATED));
}

/// The service on a file system of its own, of a few MiB.
struct OnSmallDisk {
    child: Child,
    base: String,
    disk: PathBuf,
}

impl OnSmallDisk {
    fn start() -> Self {
        let (disk, port) = (fresh_folder(), free_port());
        let mount = r#"mount -t tmpfs -o size=4m none "$1" && shift && exec "$@""#;
        let child = Command::new("unshare")
            .args(["--map-root-user", "--mount", "--", "sh", "-c", mount, "sh"])
            .arg(&disk)
            .arg(env!("CARGO_BIN_EXE_order-service"))
            .arg(format!("--server.port={port}"))
            .arg("--server.address=127.0.0.1")
            .arg(format!("--spring.datasource.url=sqlite:{}", disk.join("orders.db").display()))
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare, of the Debian package util-linux");
        Self { child, base: format!("http://127.0.0.1:{port}"), disk }
    }

    fn is_ready(&self) -> bool {
        let answer = client().get(format!("{}/actuator/health/readiness", self.base)).send();
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    fn place(&self) -> (StatusCode, Value) {
        let answer = client()
            .post(format!("{}/orders", self.base))
            .json(&an_order(1))
            .send()
            .expect("an answer");
        (answer.status(), answer.json().expect("a body"))
    }

    /// A file on its disk.
    fn filling(&self) -> String {
        format!("/proc/{}/root{}/filling", self.child.id(), self.disk.display())
    }

    fn fill(&self) {
        let mut file = File::create(self.filling()).expect("its disk can be reached");
        while file.write_all(&[0; 4_096]).is_ok() {}
    }
}

impl Drop for OnSmallDisk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.disk);
    }
}

fn a_full_disk() {
    let service = OnSmallDisk::start();
    assert!(eventually(|| service.is_ready()), "it starts");
    let mut placed = 0;
    let mut refused = 0;
    assert_eq!(service.place().0, StatusCode::CREATED);
    service.fill();
    // A few may find room in what is allocated already.
    assert!(eventually(|| {
        let (status, body) = service.place();
        let is_placed = status == StatusCode::CREATED;
        assert!(
            is_placed || body["code"] == "unavailable",
            "nothing was written, and it is known: {body}"
        );
        if is_placed {
            placed += 1;
        } else {
            refused += 1;
        }
        refused >= 10
    }));
    println!(
        "sqlite, full disk: {placed} orders found room, {refused} were refused, none is in doubt"
    );
    std::fs::remove_file(service.filling()).expect("it was there");
    assert!(eventually(|| service.place().0 == StatusCode::CREATED), "it recovers");
    let list = client().get(format!("{}/orders/customer/1", service.base)).send();
    let list: Value = list.expect("an answer").json().expect("a list");
    let orders = list["orders"].as_array().expect("orders");
    assert_eq!(orders.len(), placed + 2, "what was refused is not there");
}
