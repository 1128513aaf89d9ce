//! The participant in Python (`deploy/participants.d`), which was written from the contract's page alone: so the
//! page suffices, and the conformance run puts participants of another make through the rules.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use order_events::saga::Verdict;
use order_testkit::BrokerGate;
use uuid::Uuid;

use crate::process::{AT_ONCE, Make, Participant, eventually};
use crate::sender::Sender;
use crate::{PARTITIONS, brokers, conformance, faults};

#[test]
fn it_keeps_every_rule_through_a_kill() {
    conformance::keep_every_rule_through_a_kill(Make::Python);
}

#[test]
fn its_processes_share_a_file_and_a_group() {
    faults::share_a_file_and_a_group(Make::Python);
}

#[test]
fn it_ends_when_its_place_in_the_group_is_taken() {
    faults::end_when_their_place_is_taken(Make::Python, "error: ");
}

#[test]
fn no_message_and_no_topic_holds_it_up() {
    let mut inventory = Participant::start_made(Make::Python, "inventory", &[]);
    let sender = Sender::to(&inventory.topic);
    for partition in 0..PARTITIONS {
        sender.send_with_a_wrong_header(&sender.reserve(Uuid::from_u128(1), 1), partition);
    }
    let mut refused = sender.reserve(Uuid::from_u128(2), 2);
    // Kafka takes messages for it from itself alone.
    refused.reply_to = "__consumer_offsets".to_owned();
    sender.send(&refused);
    let behind = sender.reserve(Uuid::from_u128(3), 2);
    sender.send(&behind);
    assert_eq!(sender.reply().command_id, behind.id);
    inventory.waits_for("a reply was refused by __consumer_offsets, 3 of 3 times");
    inventory.stop();
    assert_eq!(sender.committed(), 4);
}

#[test]
fn what_its_file_does_not_take_as_a_whole_leaves_nothing() {
    let inventory = Participant::start_made(Make::Python, "inventory", &[]);
    let sender = Sender::to(&inventory.topic);
    let [first, mut second] = [1, 2].map(|n| sender.reserve(Uuid::from_u128(n), 1));
    sender.send(&first);
    assert_eq!(sender.reply().verdict, Verdict::Done);
    let file = inventory.file("ledger.db");
    let mut other = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    // The effect is written before the answer.
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'full'); END";
    other.batch_execute(refuse).unwrap();
    sender.send(&second);
    assert_eq!(sender.reply().verdict, Verdict::Failed);
    assert_eq!(faults::effects(&inventory), (1, 1));
    other.batch_execute("DROP TRIGGER refuse").unwrap();
    second.attempt = 2;
    sender.send(&second);
    assert_eq!(sender.reply().verdict, Verdict::Done);
    assert_eq!(faults::effects(&inventory), (2, 2));
}

/// Each time the broker goes away in the moment when replies are sent: they are decided, and not there.
#[test]
fn outages_and_kills_lose_no_reply_and_repeat_no_effect() {
    let gate = BrokerGate::before(&brokers());
    let options = [&["--property", "reconnect.backoff.ms=100"][..], &AT_ONCE].concat();
    let mut inventory =
        Participant::start_through(gate.address(), Make::Python, "inventory", &options);
    let sender = Sender::to(&inventory.topic);
    let (mut sent, mut answered) = (0_u128, BTreeSet::new());
    for is_killed in [false, true] {
        gate.close_at_a_message();
        for _ in 0..20 {
            sent += 1;
            sender.send(&sender.reserve(Uuid::from_u128(sent), 1));
        }
        assert!(eventually(|| gate.is_closed()), "{}", inventory.log());
        if is_killed {
            inventory.kill();
            inventory.run();
        }
        // It goes on trying.
        let before = gate.refused();
        assert!(eventually(|| gate.refused() > before + 5), "{}", inventory.log());
        gate.open();
        while answered.len() < usize::try_from(sent).unwrap() {
            let reply = sender.reply();
            assert_eq!(reply.verdict, Verdict::Done);
            answered.insert(reply.command_id);
        }
    }
    assert_eq!(faults::effects(&inventory), (40, 40));
}
