//! Each participant against the conformance run.

use std::process::Output;

use crate::process::{AT_ONCE, Make, Participant, program};
use crate::{a_topic, brokers};

/// The exit code, and all that was said.
fn conform(participant: &Participant, options: &[&str]) -> (Option<i32>, String) {
    let replies = a_topic("replies");
    let brokers = brokers();
    let mut words = vec!["conformance", participant.name, "--brokers", &brokers, "--topic"];
    words.extend([&participant.topic, "--reply-topic", &replies]);
    words.extend(options);
    said(&program(&words))
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    (output.status.code(), text)
}

/// Both at once.
fn for_each(test: impl Fn(&'static str) + Sync) {
    std::thread::scope(|scope| {
        for name in ["inventory", "payment"] {
            scope.spawn(|| test(name));
        }
    });
}

/// For each do-command, held is returned plus final, or one more while it is open.
fn assert_balanced(participant: &Participant) {
    let audit = participant.audit();
    assert_eq!(audit["participant"], participant.name);
    let orders = audit["orders"].as_array().unwrap();
    assert!(orders.len() > 10, "{}", orders.len());
    for order in orders {
        let count = |name: &str| order[name].as_u64().unwrap();
        let ended = [count("returned"), count("final")].iter().sum::<u64>();
        let held = count("held");
        // The run uses one do-command for an order.
        assert!(held <= 1 && ended <= held, "{order}");
    }
}

/// Inventory and payment of a make through the run, with a kill.
pub(crate) fn keep_every_rule_through_a_kill(make: Make) {
    for_each(|name| {
        let mut participant = Participant::start_made(make, name, &AT_ONCE);
        let (code, report) = conform(&participant, &["--restart", &participant.restart()]);
        assert_eq!(code, Some(0), "{report}\n{}", participant.log());
        assert_eq!(report.matches(" kept\n").count(), 8, "{report}");
        assert_balanced(&participant);
        assert!(participant.log().contains("a command cannot be read; passed"));
        participant.kill();
    });
}

#[test]
fn inventory_and_payment_keep_every_rule_through_a_kill() {
    keep_every_rule_through_a_kill(Make::Rust);
}

#[test]
fn scripted_faults_that_the_contract_allows_break_no_rule() {
    let script = "reject=0.1,delay=20ms,duplicate=0.3,lose=0.02,late=200ms:0.1,seed=7";
    for_each(|name| {
        let mut participant = Participant::start(name, &["--fail", script]);
        let (code, report) = conform(&participant, &[]);
        assert_eq!(code, Some(0), "{report}\n{}", participant.log());
        assert!(report.contains("not shown: needs --restart"), "{report}");
        assert_balanced(&participant);
        participant.stop();
    });
}

#[test]
fn garbage_is_found_and_named() {
    let participant = Participant::start("payment", &["--fail", "garbage=1"]);
    let (code, report) = conform(&participant, &["--timeout", "5"]);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("a reply cannot be read: this is not the JSON"), "{report}");
}

#[test]
fn a_participant_that_is_not_there_is_told_as_such() {
    let (commands, replies) = (a_topic("nobody"), a_topic("replies"));
    let output = program(&[
        "conformance",
        "inventory",
        "--brokers",
        &brokers(),
        "--topic",
        &commands,
        "--reply-topic",
        &replies,
        "--timeout",
        "1",
    ]);
    let (code, told) = said(&output);
    assert_eq!(code, Some(1));
    assert!(told.contains("is the participant running"), "{told}");
}

#[test]
fn wrong_arguments_are_named() {
    let output = program(&["inventory", "--fail", "explode=1"]);
    let (code, told) = said(&output);
    assert_eq!(code, Some(2));
    assert!(told.contains("\"explode=1\" is not one of reject="), "{told}");
    let output = program(&["audit", "--database", "/nowhere.db"]);
    let (code, told) = said(&output);
    assert!(code == Some(1) && told.contains("there is no file /nowhere.db"), "{told}");
    let (_, help) = said(&program(&["--help"]));
    assert!(help.contains("Test values:") && help.contains("Exit codes:"), "{help}");
}
