//! What goes wrong around a participant: it is killed between an effect and its reply, commands cannot
//! be answered, its file is locked, partitions move, the broker is away.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use order_events::saga::{Reply, Verdict};
use order_participants::rules::Script;
use order_testkit::BrokerGate;
use uuid::Uuid;

use crate::process::{AT_ONCE, Make, Participant};
use crate::sender::Sender;
use crate::{PARTITIONS, PATIENCE, brokers};

/// How many effects there are, and how many commands had one.
pub(crate) fn effects(participant: &Participant) -> (usize, usize) {
    let audit = participant.audit();
    let entries = audit["entries"].as_array().unwrap();
    let commands: BTreeSet<_> = entries.iter().map(|entry| entry["by"].as_str()).collect();
    (entries.len(), commands.len())
}

fn said(reply: &Reply) -> (Uuid, Verdict, Option<String>) {
    (reply.command_id, reply.verdict, reply.reference.clone())
}

/// The first command's reply waits, that of the second does not: so at the kill one has had its effect
/// and no reply, the other one its effect and its reply, and no offset is committed.
#[test]
fn a_kill_between_effect_and_reply_repeats_the_reply_and_not_the_effect() {
    let script = "late=120s:0.5,seed=1";
    let late = |id: &Uuid| {
        let sendings = script.parse::<Script>().unwrap().sendings(*id, 1);
        sendings[0].after > Duration::ZERO
    };
    let ids = || (1..).map(Uuid::from_u128);
    let first = ids().find(late).unwrap();
    let second = ids().find(|id| !late(id)).unwrap();

    let options = [&["--fail", script][..], &AT_ONCE].concat();
    let mut inventory = Participant::start("inventory", &options);
    let sender = Sender::to(&inventory.topic);
    // Both of one order: in one partition, one behind the other.
    sender.send(&sender.reserve(first, 1));
    sender.send(&sender.reserve(second, 1));
    let before = sender.reply();
    assert_eq!(before.command_id, second);
    assert_eq!(effects(&inventory), (2, 2));
    inventory.kill();
    assert_eq!(sender.committed(), 0);

    inventory.options.drain(..2);
    inventory.run();
    let after = [sender.reply(), sender.reply()].map(|reply| said(&reply));
    assert_eq!(after[0], (first, Verdict::Done, Some(first.to_string())));
    assert_eq!(after[1], said(&before));
    assert_eq!(effects(&inventory), (2, 2));
    inventory.stop();
    assert_eq!(sender.committed(), 2, "a stop in good order commits");
}

#[test]
fn a_command_that_cannot_be_answered_does_not_hold_up_those_behind_it() {
    let mut inventory = Participant::start("inventory", &[]);
    let sender = Sender::to(&inventory.topic);
    let mut refused = sender.reserve(Uuid::from_u128(1), 1);
    // Kafka takes messages for it from itself alone.
    refused.reply_to = "__consumer_offsets".to_owned();
    sender.send(&refused);
    let behind = sender.reserve(Uuid::from_u128(2), 1);
    sender.send(&behind);
    assert_eq!(sender.reply().command_id, behind.id);
    inventory.waits_for("a reply was refused");
    inventory.stop();
    assert_eq!(sender.committed(), 2);
}

#[test]
fn a_header_whose_name_is_no_text_is_as_none() {
    let inventory = Participant::start("inventory", &[]);
    let sender = Sender::to(&inventory.topic);
    for partition in 0..PARTITIONS {
        let command = sender.reserve(Uuid::from_u128(1), 1);
        sender.send_with_a_wrong_header(&command, partition);
        assert_eq!(said(&sender.reply()).0, command.id);
    }
    assert_eq!(effects(&inventory), (1, 1));
}

#[test]
fn a_file_that_is_locked_delays_the_reply() {
    let inventory = Participant::start("inventory", &[]);
    let sender = Sender::to(&inventory.topic);
    let file = inventory.file("ledger.db");
    let mut other = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let command = sender.reserve(Uuid::from_u128(1), 1);
    sender.send(&command);
    inventory.waits_for("the file cannot be used; trying again");
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(sender.reply().command_id, command.id);
    assert_eq!(effects(&inventory), (1, 1));
}

#[test]
fn processes_that_share_a_file_and_a_group_have_each_effect_once() {
    share_a_file_and_a_group(Make::Rust);
}

/// Partitions move when the second process comes, and when the first one is killed.
pub(crate) fn share_a_file_and_a_group(make: Make) {
    let mut first = Participant::start_made(make, "inventory", &[]);
    let sender = Sender::to(&first.topic);
    let (mut number, mut answered) = (0_u32, BTreeSet::new());
    // Sends, and takes replies, until a process has decided a command that was sent by then.
    let mut until_it_decides = |process: &Participant| {
        let decided = || process.log().matches("decided").count();
        let (before, end) = (decided(), Instant::now() + PATIENCE);
        while decided() == before {
            assert!(Instant::now() < end, "{}", process.log());
            number += 1;
            sender.send(&sender.reserve(Uuid::from_u128(number.into()), number.into()));
            let reply = sender.reply_within(Duration::from_millis(100));
            answered.extend(reply.map(|reply| reply.command_id));
        }
    };
    until_it_decides(&first);
    let second = first.another();
    until_it_decides(&second);
    first.kill();
    until_it_decides(&second);
    let all = usize::try_from(number).unwrap();
    while answered.len() < all {
        answered.insert(sender.reply().command_id);
    }
    assert_eq!(effects(&second), (all, all));
}

#[test]
fn a_process_whose_place_in_the_group_is_taken_ends() {
    end_when_their_place_is_taken(Make::Rust, "the consumer cannot go on");
}

/// A process that goes on without receiving anything would look alive.
pub(crate) fn end_when_their_place_is_taken(make: Make, told: &str) {
    let mut first = Participant::start_made(make, "inventory", &AT_ONCE);
    let sender = Sender::to(&first.topic);
    let is_answered = |number| {
        let id = Uuid::from_u128(number);
        sender.send(&sender.reserve(id, 1));
        while sender.reply().command_id != id {}
    };
    is_answered(1);
    let _second = first.another();
    is_answered(2);
    first.fails();
    assert!(first.log().contains(told), "{}", first.log());
}

#[test]
fn a_broker_that_is_away_delays_replies_and_loses_none() {
    let gate = BrokerGate::before(&brokers());
    let options = ["--fail", "delay=2s", "--property", "message.timeout.ms=1000"];
    let inventory = Participant::start_through(gate.address(), Make::Rust, "inventory", &options);
    let sender = Sender::to(&inventory.topic);
    let [first, second] = [1, 2].map(|n| sender.reserve(Uuid::from_u128(n), 1));
    sender.send(&first);
    inventory.waits_for("decided");
    gate.close();
    sender.send(&second);
    inventory.waits_for("a reply was not taken; trying again");
    gate.open();
    // A reply whose confirmation was cut off comes twice.
    let mut answered = BTreeSet::new();
    while answered.len() < 2 {
        answered.insert(sender.reply().command_id);
    }
    assert_eq!(answered, [first.id, second.id].into());
    assert_eq!(effects(&inventory), (2, 2));
}
