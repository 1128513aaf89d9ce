//! The README is true: every command of it is run, and every answer looks as printed there.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

#[path = "support/participants.rs"]
mod participants;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::databases::Database;

use crate::participants::Participants;
use crate::support::{Service, fresh_folder};

/// A command of the README and what it prints there.
struct Example {
    command: String,
    printed: Vec<String>,
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap()
}

fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    readme.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in blocks(readme, "console").into_iter().flat_map(str::lines) {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(command), _) => {
                examples.push(Example { command: command.to_owned(), printed: Vec::new() });
            }
            (None, Some(example)) => example.printed.push(line.to_owned()),
            (None, None) => panic!("output without a command: {line}"),
        }
    }
    examples
}

/// Whether a text is as printed, where `…` stands for anything, also for lines.
fn is_as_printed(text: &str, printed: &[String]) -> bool {
    // A line of its own stands for any number of lines, none included.
    let printed = printed.join("\n").replace("\n…\n", "…");
    let mut pieces: Vec<_> = printed.split('…').collect();
    let end = pieces.pop().unwrap_or_default();
    let mut rest = text.trim_end();
    if pieces.is_empty() {
        return rest == end;
    }
    for (number, piece) in pieces.into_iter().enumerate() {
        match rest.find(piece) {
            Some(at) if at == 0 || number > 0 => rest = &rest[at + piece.len()..],
            _ => return false,
        }
    }
    rest.ends_with(end)
}

/// A section by its title.
fn section<'a>(readme: &'a str, title: &str) -> &'a str {
    let found = readme.split("\n## ").find(|section| section.starts_with(&format!("{title}\n")));
    found.unwrap_or_else(|| panic!("no section {title}"))
}

/// Runs the commands of a section, changed to what is running here, in the folder of the project.
fn run_as_printed(examples: Vec<Example>, here: impl Fn(&str) -> String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for Example { command, printed } in examples {
        let mut shell = Command::new("timeout");
        let run = shell.args(["60", "bash", "-c", &here(&command)]).current_dir(&root).output();
        let run = run.unwrap();
        let text = String::from_utf8(run.stdout).unwrap().replace("\r\n", "\n");
        assert!(run.status.success(), "$ {command}\n{}", String::from_utf8_lossy(&run.stderr));
        assert!(is_as_printed(&text, &printed), "$ {command}\n{text}\nis not as printed");
    }
}

#[test]
fn the_session_goes_as_printed() {
    let service = Service::start(&[]);
    service.wait_until_ready();
    let address = service.base.trim_start_matches("http://").to_owned();
    let readme = readme();
    let examples = examples(section(&readme, "A session"));
    assert!(examples.len() >= 8, "create, replay, read, confirm, deliver, illegal, list, events");
    run_as_printed(examples, |command| command.replace("localhost:8082", &address));
}

#[test]
fn the_saga_goes_as_printed() {
    let readme = readme();
    let section = section(&readme, "Stock and payment");
    let start: Vec<_> = blocks(section, "sh")[0].lines().collect();
    assert_eq!(start[0], "deploy/stack up kafka participants");
    let participants = Participants::start();
    let options = participants.options();
    let printed: Vec<_> = start[1].strip_prefix("cargo run -- ").unwrap().split(' ').collect();
    let brokers = support::brokers();
    for option in printed.iter().map(|option| option.replace("127.0.0.1:9192", &brokers)) {
        assert!(options.contains(&option), "{option}");
    }
    let service = Service::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    service.wait_until_ready();
    let address = service.base.trim_start_matches("http://").to_owned();
    let examples = examples(section);
    assert_eq!(examples.len(), 5, "confirmed, and cancelled with its stock released");
    run_as_printed(examples, |command| command.replace("localhost:8082", &address));
}

#[test]
fn an_order_is_seen_by_kafkas_own_console_consumer_as_printed() {
    let brokers = support::brokers();
    let readme = readme();
    let section = section(&readme, "Events on Kafka");
    let start: Vec<_> = blocks(section, "sh")[0].lines().collect();
    assert_eq!(start[0], "deploy/stack up kafka");
    let option =
        start[1].strip_prefix("cargo run -- ").unwrap().replace("127.0.0.1:9192", &brokers);
    let topic = format!("readme-{:032x}", RandomEntropy.bits());
    let service = Service::start(&[&option, &format!("--order.events.topic={topic}")]);
    service.wait_until_ready();
    let address = service.base.trim_start_matches("http://").to_owned();
    let examples = examples(section);
    assert_eq!(examples.len(), 2);
    run_as_printed(examples, |command| {
        let consumer = command.replace("--topic order.events", &format!("--topic {topic}"));
        consumer.replace("localhost:8082", &address)
    });
}

#[test]
fn the_first_screen_shows_the_two_commands_and_they_exist() {
    let readme = readme();
    let first = blocks(&readme, "sh")[0];
    let commands: Vec<_> = first.lines().map(|l| l.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run", "deploy/test"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(root.join("deploy/test").is_file());
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("default-members = [\"crates/order-service\"]"));
}

#[test]
fn without_any_setting_it_serves_on_8082_from_a_file_in_the_working_folder() {
    let folder = fresh_folder();
    let config = Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(["config", "--json"])
        .current_dir(&folder)
        .env_clear()
        .output()
        .unwrap();
    let config = String::from_utf8(config.stdout).unwrap();
    assert!(config.contains("8082") && config.contains("orders.db"), "{config}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn another_database_is_one_url_away() {
    let readme = readme();
    let lines: Vec<_> = blocks(section(&readme, "Another database"), "sh")[0].lines().collect();
    assert_eq!(lines.len(), 2);
    for (line, database) in lines.into_iter().zip([Database::Postgres, Database::Mysql]) {
        let scratch = database.scratch();
        let (server, name) = scratch.url.rsplit_once('/').unwrap();
        let (user, address) = server.split_once("://").unwrap().1.split_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap_or((user, "any"));
        let here = line
            .replace(
                "user:password@localhost/orders",
                &format!("{user}:{password}@{address}/{name}"),
            )
            .replace("localhost:3306/ordersdb", &format!("{address}/{name}"))
            .replace("USERNAME=user", &format!("USERNAME={user}"))
            .replace("PASSWORD=secret", &format!("PASSWORD={password}"));
        assert_ne!(here, line, "the URL is the server's");
        let (environment, options) = here.split_once("cargo run").unwrap();
        let environment: Vec<(&str, &str)> =
            environment.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect();
        let options: Vec<&str> =
            options.split_whitespace().filter(|option| *option != "--").collect();
        let service = Service::start_in(&fresh_folder(), &options, &environment);
        service.wait_until_ready();
        let _ = service.placed(42);
    }
}
