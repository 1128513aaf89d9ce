//! The participant in Python (`deploy/participants.d`), which was written from the contract's page alone: so the
//! page suffices, and the conformance run puts participants of another make through the rules.

use std::collections::BTreeSet;

use order_testkit::BrokerGate;
use uuid::Uuid;

use crate::process::{AT_ONCE, Make, Participant};
use crate::sender::Sender;
use crate::{PARTITIONS, conformance, faults};

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
fn outages_and_kills_lose_no_reply_and_repeat_no_effect() {
    let gate = BrokerGate::before(&crate::brokers());
    let options = [&["--property", "reconnect.backoff.max.ms=200"][..], &AT_ONCE].concat();
    let mut inventory =
        Participant::start_through(gate.address(), Make::Python, "inventory", &options);
    let sender = Sender::to(&inventory.topic);
    let (mut sent, mut answered) = (0_u32, BTreeSet::new());
    // Sends so many more, and says how many that makes.
    let mut reserve = |count: u32| {
        for _ in 0..count {
            sent += 1;
            sender.send(&sender.reserve(Uuid::from_u128(sent.into()), 1));
        }
        usize::try_from(sent).unwrap()
    };
    for _ in 0..3 {
        // It has answered some, and is in the midst of others.
        let many = reserve(30);
        while answered.len() < many - 25 {
            answered.insert(sender.reply().command_id);
        }
        gate.close();
        reserve(10);
        gate.open();
        reserve(10);
        while answered.len() < many {
            answered.insert(sender.reply().command_id);
        }
        inventory.kill();
        inventory.run();
    }
    let all = reserve(0);
    while answered.len() < all {
        answered.insert(sender.reply().command_id);
    }
    assert_eq!(faults::effects(&inventory), (all, all));
}
