//! The proxy configurations of `docs/operations.md`, run as they are printed there: the files of `deploy/proxies`, with other
//! ports, before two instances on one database.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

use libtest_mimic::Trial;
use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::databases::Database;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{
    PATIENCE, Service, an_order, client, eventually, free_port, fresh_folder, send_signal,
};
use crate::{size, trial};

/// How many clients write without pause.
const CLIENTS: usize = 8;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("proxies::the_page_shows_the_files_that_are_tried", page)];
    for kind in [Kind::Nginx, Kind::Haproxy] {
        let name = kind.name();
        trials.push(trial(
            format!("{name}::restarts_and_a_crash_fail_no_request_and_no_order_is_there_twice"),
            move || rolling_restart(kind),
        ));
        trials.push(trial(
            format!(
                "{name}::links_and_streams_pass_and_the_end_of_both_instances_is_as_the_page_says"
            ),
            move || links_streams_and_the_end(kind),
        ));
        trials.push(trial(format!("{name}::an_instance_that_hangs_costs_time_alone"), move || {
            one_hangs(kind);
        }));
    }
    trials
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Nginx,
    Haproxy,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
        }
    }

    fn text(self) -> String {
        std::fs::read_to_string(root().join("deploy/proxies").join(self.file())).unwrap()
    }

    /// The command that runs the proxy in the foreground, from a folder with its configuration.
    fn command(self, folder: &Path, text: &str) -> Command {
        std::fs::write(folder.join(self.file()), text).unwrap();
        match self {
            Self::Nginx => {
                // What nginx.conf has around the blocks of the page, with all files in this folder.
                let around = "daemon off; pid nginx.pid; error_log stderr; events {} http { \
                              access_log off; client_body_temp_path body; proxy_temp_path proxy; \
                              fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; \
                              include nginx.conf; }";
                std::fs::write(folder.join("around.conf"), around).unwrap();
                let mut command = Command::new("/usr/sbin/nginx");
                command.arg("-p").arg(folder).args(["-e", "stderr", "-c", "around.conf"]);
                command
            }
            Self::Haproxy => {
                let mut command = Command::new("/usr/sbin/haproxy");
                command.args(["-db", "-f", self.file()]);
                command
            }
        }
    }
}

/// Two instances on one database, and a proxy before them.
struct Behind {
    instances: [Option<Service>; 2],
    ports: [u16; 2],
    database: String,
    proxy: Child,
    base: String,
    folder: PathBuf,
}

impl Behind {
    fn start(kind: Kind, database: &str) -> Self {
        let ports = [free_port(), free_port()];
        let port = free_port();
        let here = |text: &str, printed: u16, port: u16| {
            text.replace(&format!("127.0.0.1:{printed}"), &format!("127.0.0.1:{port}"))
        };
        let mut text = kind.text();
        for (printed, port) in [(8080, port), (8082, ports[0]), (8083, ports[1])] {
            text = here(&text, printed, port);
        }
        let folder = fresh_folder();
        let log = std::fs::File::create(folder.join("proxy.log")).unwrap();
        let proxy = kind
            .command(&folder, &text)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let missing =
            format!("{} does not start; `deploy/test` installs Debian's package", kind.name());
        let mut behind = Self {
            instances: [None, None],
            ports,
            database: database.to_owned(),
            proxy: proxy.expect(&missing),
            base: format!("http://127.0.0.1:{port}"),
            folder,
        };
        (0..2).for_each(|one| behind.launch(one));
        behind
    }

    /// Starts an instance, and waits until the proxy sends it requests.
    fn launch(&mut self, one: usize) {
        let service = Service::start(&[
            // The last one given counts.
            &format!("--server.port={}", self.ports[one]),
            &format!("--spring.datasource.url={}", self.database),
            "--server.forward-headers-strategy=native",
        ]);
        let service = self.instances[one].insert(service);
        service.base = format!("http://127.0.0.1:{}", self.ports[one]);
        service.wait_until_ready();
        let asked = || {
            let _ = client().get(format!("{}/orders/1", self.base)).send();
            let scraped = service.get("/actuator/prometheus").text().unwrap();
            scraped.contains(r#"_count{method="GET",uri="/orders/{id}""#)
        };
        assert!(eventually(asked), "the proxy does not use the instance: {}", self.log());
    }

    fn running(&self, one: usize) -> &Service {
        self.instances[one].as_ref().expect("a running instance")
    }

    fn halt(&self, one: usize) {
        let service = self.running(one);
        service.signal("STOP");
        let stat = format!("/proc/{}/stat", service.pid());
        let halted = || std::fs::read_to_string(&stat).unwrap().contains(") T ");
        assert!(eventually(halted), "the instance is halted");
    }

    /// Ends an instance by a signal, and starts it again.
    fn restart(&mut self, one: usize, signal: &str) {
        let stopped = self.instances[one].take().expect("a running instance");
        stopped.signal(signal);
        let code = stopped.wait().code();
        assert_eq!(code, (signal == "TERM").then_some(0), "{}", stopped.log());
        drop(stopped);
        self.launch(one);
    }

    /// The end of what the proxy has logged.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("proxy.log")).unwrap_or_default();
        log.lines().rev().take(10).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // Its workers end with it.
        send_signal("TERM", self.proxy.id());
        let _ = self.proxy.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What clients placed and heard.
#[derive(Default)]
struct Heard {
    customers: Mutex<Vec<i64>>,
    failed: Mutex<Vec<String>>,
}

impl Heard {
    fn of(&self, request: RequestBuilder) -> Option<Value> {
        let request = request.header("Idempotency-Key", format!("{:032x}", RandomEntropy.bits()));
        let told = match request.send() {
            Ok(answer) if answer.status().is_success() => return answer.json().ok(),
            Ok(refused) => format!("{} {:?}", refused.status(), refused.text()),
            Err(unanswered) => format!("{unanswered:?}"),
        };
        self.failed.lock().unwrap().push(told);
        None
    }

    fn one_order(&self, client: &Client, base: &str, customer: i64) {
        self.customers.lock().unwrap().push(customer);
        let place = client.post(format!("{base}/orders")).json(&an_order(customer));
        let Some(placed) = self.of(place) else { return };
        let status = format!("{base}/orders/{}/status", placed["id"]);
        self.of(client.put(status).json(&json!({"status": "CONFIRMED"})));
    }
}

fn rolling_restart(kind: Kind) {
    let database = Database::Postgres.scratch();
    let mut behind = Behind::start(kind, &database.url);
    let (heard, over, next) = (Heard::default(), AtomicBool::new(false), AtomicI64::new(1));
    let base = behind.base.clone();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let client = Client::builder().timeout(PATIENCE).build().unwrap();
                while !over.load(Ordering::Relaxed) {
                    heard.one_order(&client, &base, next.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        let restarted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for one in (0..2).cycle().take(size(2, 10)) {
                behind.restart(one, "TERM");
            }
            behind.restart(0, "KILL");
        }));
        over.store(true, Ordering::Relaxed);
        restarted.unwrap();
    });
    let placed = heard.customers.into_inner().unwrap();
    let failed = heard.failed.into_inner().unwrap();
    println!(
        "{}: {} orders in {:?}, {} requests failed",
        kind.name(),
        placed.len(),
        begin.elapsed(),
        failed.len()
    );
    assert!(failed.is_empty(), "such as {:?}; {}", failed.first(), behind.log());
    for customer in placed {
        let list = client().get(format!("{base}/orders/customer/{customer}")).send().unwrap();
        let list: Value = list.json().unwrap();
        let orders = list["orders"].as_array().unwrap();
        assert_eq!(orders.len(), 1, "customer {customer} has one order: {list}");
        assert_eq!(orders[0]["status"], "CONFIRMED");
    }
}

fn links_streams_and_the_end(kind: Kind) {
    let database = Database::Postgres.scratch();
    let behind = Behind::start(kind, &database.url);
    let url = |path: &str| format!("{}{path}", behind.base);
    let stream = client().get(url("/events")).send().unwrap();
    assert_eq!(stream.status(), 200);
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "retry: 1000", "the stream begins at once");
    let placed = client()
        .post(url("/orders"))
        .header("Forwarded", "host=elsewhere.example;proto=https")
        .header("X-Forwarded-Host", "elsewhere.example")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Prefix", "/elsewhere")
        .json(&an_order(7))
        .send()
        .unwrap();
    let location = placed.headers()["location"].to_str().unwrap().to_owned();
    let id = placed.json::<Value>().unwrap()["id"].to_string();
    assert_eq!(location, url(&format!("/orders/{id}")), "it is the address that was asked");
    // The connection has a time-out, so a proxy that holds events back makes this fail.
    let came = lines.by_ref().map_while(Result::ok).any(|line| line == "event: order.created");
    assert!(came, "the event comes while the stream is open");
    assert_eq!(client().get(url("/actuator/health")).send().unwrap().status(), 404);
    let log = behind.running(0).log();
    assert!(log.contains(r#""client.address":"127.0.0.1""#), "the log has the client");
    drop(lines);
    no_instances(kind, behind);
}

fn one_hangs(kind: Kind) {
    let database = Database::Postgres.scratch();
    let behind = Behind::start(kind, &database.url);
    let (heard, begin) = (Heard::default(), Instant::now());
    behind.halt(0);
    // Two requests, so that the proxy meets both instances.
    heard.one_order(&client(), &behind.base, 1);
    println!("{}: two requests in {:?}", kind.name(), begin.elapsed());
    let failed = heard.failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:?}; {}", behind.log());
    behind.halt(1);
    let unanswered = client().get(format!("{}/orders/1", behind.base)).send();
    (0..2).for_each(|one| behind.running(one).signal("CONT"));
    let told = unanswered.map(|answer| answer.status().as_u16());
    println!("{}: no instance answers in time: {told:?}", kind.name());
    let as_the_page_says = match (kind, told) {
        (Kind::Nginx, told) => told.is_ok_and(|status| status == 504),
        (Kind::Haproxy, Ok(status)) => status == 503 || status == 504,
        // On a kept connection.
        (Kind::Haproxy, Err(_)) => true,
    };
    assert!(as_the_page_says, "{}", behind.log());
}

/// What clients get when all instances have been stopped.
fn no_instances(kind: Kind, mut behind: Behind) {
    for instance in behind.instances.iter_mut().filter_map(Option::take) {
        instance.signal("TERM");
        assert_eq!(instance.wait().code(), Some(0));
    }
    let answer = client().get(format!("{}/orders/1", behind.base)).send().unwrap();
    let expected = match kind {
        Kind::Nginx => 502,
        Kind::Haproxy => 503,
    };
    assert_eq!(answer.status(), expected);
    let html = answer.headers()["content-type"].to_str().unwrap().starts_with("text/html");
    assert!(html, "it is the proxy's own page, not a problem of the service");
}

fn page() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    for kind in [Kind::Nginx, Kind::Haproxy] {
        let block = format!("```{}\n{}```\n", kind.name(), kind.text());
        assert!(
            page.contains(&block),
            "docs/operations.md does not show deploy/proxies/{}",
            kind.file()
        );
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
