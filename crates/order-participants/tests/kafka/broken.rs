//! Participants that break one rule each: the conformance run names it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use order_events::Word;
use order_events::saga::{Command, Phase, Reason, Reply, Verdict};
use order_participants::conformance::{self, Rule, Run};
use order_participants::ledger::Memory;
use order_participants::rules::{Role, Rules};
use order_participants::shell::{Place, headers, to_headers};
use rdkafka::consumer::StreamConsumer;
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::{a_topic, brokers, wait_for};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// Control: none.
    None,
    /// Keeps no answers and no work.
    Forgets,
    /// Names its work anew in each reply.
    RenamesWork,
    /// Keeps nothing of an undo of the unknown.
    HasNoTombstones,
    RejectsUnknownUndos,
    /// Replies are lost when it crashes.
    CommitsFirst,
    ForgetsAtCrashes,
    MovesKeys,
    DropsCorrelations,
    SwapsTypes,
    AnswersOtherCommands,
    ChangesItsMind,
    NeverRefuses,
    StopsAtGarbage,
}

impl Flaw {
    const ALL: [(Self, &[Rule]); 13] = [
        (Self::Forgets, &[Rule::Tombstone, Rule::SameReply]),
        (Self::RenamesWork, &[Rule::SameReply]),
        (Self::HasNoTombstones, &[Rule::Tombstone]),
        (Self::RejectsUnknownUndos, &[Rule::UnknownUndo, Rule::Undos]),
        (Self::CommitsFirst, &[Rule::Offsets]),
        (Self::ForgetsAtCrashes, &[Rule::Tombstone]),
        (Self::MovesKeys, &[Rule::Copies]),
        (Self::DropsCorrelations, &[Rule::Copies]),
        (Self::SwapsTypes, &[Rule::Copies]),
        (Self::AnswersOtherCommands, &[Rule::Copies]),
        (Self::ChangesItsMind, &[Rule::Refusals]),
        (Self::NeverRefuses, &[Rule::Refusals]),
        (Self::StopsAtGarbage, &[Rule::Unreadable]),
    ];
}

struct Broken<'a> {
    flaw: Flaw,
    ledger: Memory,
    rules: Rules,
    seen: BTreeSet<uuid::Uuid>,
    number: u64,
    /// Is there once it has "crashed".
    crash: &'a Path,
    crashed: bool,
}

impl Broken<'_> {
    fn answer(&mut self, command: &Command) -> Option<Reply> {
        self.number = self.number.wrapping_add(1);
        let fresh = self.seen.insert(command.id);
        if self.crash.exists() && !self.crashed {
            self.crashed = true;
            if self.flaw == Flaw::ForgetsAtCrashes {
                self.ledger = Memory::default();
            }
        }
        let phase = command.task.kind().phase();
        let mut command = command.clone();
        match self.flaw {
            Flaw::Forgets => self.ledger = Memory::default(),
            // Nothing of an undo stays but for work that is there.
            Flaw::HasNoTombstones if phase == Phase::Undo => {
                let mut trial = self.ledger.clone();
                let before = trial.entries().len();
                let reply = trial.take(&self.rules, &command);
                if trial.entries().len() > before {
                    self.ledger = trial;
                }
                return reply;
            }
            Flaw::NeverRefuses if phase == Phase::Do => command.task = usual(),
            Flaw::ChangesItsMind if phase == Phase::Do && !fresh => command.task = usual(),
            // It loses what comes first after a crash.
            Flaw::CommitsFirst if self.crash.exists() && fresh && self.number.is_multiple_of(3) => {
                return None;
            }
            _ => {}
        }
        let entries = self.ledger.entries().len();
        let mut reply = self.ledger.take(&self.rules, &command)?;
        let nothing = self.ledger.entries().len() == entries;
        match self.flaw {
            Flaw::RenamesWork => reply.reference = Some(self.number.to_string()),
            Flaw::RejectsUnknownUndos if phase == Phase::Undo && fresh && nothing => {
                reply.verdict = Verdict::Rejected;
                reply.reason = Some(Word::Known(Reason::NotDone));
            }
            Flaw::DropsCorrelations => reply.correlation_id.insert(0, 'x'),
            Flaw::SwapsTypes => reply.to = order_events::saga::CommandType::Capture,
            Flaw::AnswersOtherCommands => reply.command_id = uuid::Uuid::nil(),
            Flaw::ChangesItsMind if phase == Phase::Do && !fresh && reply.reason.is_some() => {
                reply.verdict = Verdict::Done;
                reply.reason = None;
            }
            _ => {}
        }
        Some(reply)
    }

    /// Serves for ever.
    async fn serve(mut self, consumer: StreamConsumer, producer: FutureProducer) {
        loop {
            let Ok(message) = consumer.recv().await else { continue };
            let Ok(command) = Command::decode(headers(&message), message.payload()) else {
                if self.flaw == Flaw::StopsAtGarbage {
                    return std::future::pending().await;
                }
                continue;
            };
            let Some(reply) = self.answer(&command) else { continue };
            let reply = reply.encode().unwrap();
            let key = if self.flaw == Flaw::MovesKeys { "1" } else { reply.key() };
            let record = FutureRecord::to(&command.reply_to)
                .key(key)
                .payload(reply.value())
                .headers(to_headers(&reply));
            producer.send(record, Duration::from_secs(10)).await.unwrap();
        }
    }
}

fn usual() -> order_events::saga::Task {
    order_events::saga::Task::Reserve(vec![order_events::saga::Item {
        product_id: order_domain::ProductId::new(7).unwrap(),
        quantity: order_domain::Quantity::new(3).unwrap(),
    }])
}

fn report(flaw: Flaw) -> conformance::Report {
    let topic = a_topic("broken");
    let place =
        Place { brokers: brokers(), topic: topic.clone(), group: topic, properties: Vec::new() };
    let folder = tempfile::tempdir().unwrap();
    let crash = folder.path().join("crash");
    let run = Run {
        role: Role::Inventory,
        reply_topic: a_topic("replies"),
        timeout: Duration::from_secs(4),
        restart: Some(format!("touch '{}'", crash.display())),
        refused: "402".to_owned(),
    };
    let broken = Broken {
        flaw,
        ledger: Memory::default(),
        rules: Rules::of(Role::Inventory),
        seen: BTreeSet::new(),
        number: 0,
        crash: &crash,
        crashed: false,
    };
    wait_for(async {
        tokio::select! {
            () = broken.serve(place.consumer().unwrap(), place.producer().unwrap()) => unreachable!(),
            report = conformance::run(&place, &run) => report.unwrap(),
        }
    })
}

#[test]
fn a_participant_without_a_flaw_keeps_every_rule() {
    let report = report(Flaw::None);
    assert!(report.is_kept(), "{report}");
}

#[test]
fn each_flaw_is_found_and_named() {
    std::thread::scope(|scope| {
        for (flaw, rules) in Flaw::ALL {
            scope.spawn(move || {
                let report = report(flaw);
                assert!(!report.is_kept(), "{flaw:?}");
                for rule in rules {
                    assert!(report.is_broken(*rule), "{flaw:?} breaks {rule:?}:\n{report}");
                }
            });
        }
    });
}
