//! Participants that break one rule each: the conformance run names it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use order_events::Word;
use order_events::saga::{Command, Phase, Reason, Reply, Verdict};
use order_participants::conformance::{self, Rule, Run};
use order_participants::ledger::Memory;
use order_participants::rules::{Role, Rules};
use order_participants::shell::{Place, headers, to_headers};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::{PATIENCE, a_topic, brokers, wait_for};

/// More than any outcome takes.
const LONG: Duration = Duration::from_secs(40);

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
    /// With the rules that each breaks.
    const ALL: [(Self, &[Rule]); 14] = [
        (Self::None, &[]),
        (Self::Forgets, &[Rule::SameReply, Rule::Tombstone]),
        (Self::RenamesWork, &[Rule::SameReply]),
        (Self::HasNoTombstones, &[Rule::SameReply, Rule::Tombstone]),
        (Self::RejectsUnknownUndos, &[Rule::SameReply, Rule::UnknownUndo, Rule::Undos]),
        (Self::CommitsFirst, &[Rule::Offsets]),
        (Self::ForgetsAtCrashes, &[Rule::Tombstone]),
        (Self::MovesKeys, &[Rule::Copies]),
        (Self::DropsCorrelations, &[Rule::Copies]),
        (Self::SwapsTypes, &[Rule::Copies]),
        (Self::AnswersOtherCommands, &[Rule::Copies]),
        (Self::ChangesItsMind, &[Rule::SameReply, Rule::Tombstone, Rule::Refusals]),
        (Self::NeverRefuses, &[Rule::Refusals]),
        (Self::StopsAtGarbage, &[Rule::Unreadable]),
    ];

    /// How long the run waits for an outcome. Some flaws show only when that time is over; the others never
    /// use it up, unless the machine is slow.
    const fn patience(self) -> Duration {
        match self {
            Self::HasNoTombstones
            | Self::CommitsFirst
            | Self::AnswersOtherCommands
            | Self::StopsAtGarbage => Duration::from_secs(6),
            _ => LONG,
        }
    }
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
    async fn serve(mut self, consumer: &StreamConsumer, producer: FutureProducer) {
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
    let patient = ("message.timeout.ms".to_owned(), "60000".to_owned());
    let place =
        Place { brokers: brokers(), topic: topic.clone(), group: topic, properties: vec![patient] };
    let folder = tempfile::tempdir().unwrap();
    let crash = folder.path().join("crash");
    let run = Run {
        role: Role::Inventory,
        reply_topic: a_topic("replies"),
        timeout: flaw.patience(),
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
        let consumer = place.consumer().unwrap();
        // It reads before the run begins, which has less patience than groups may need.
        let begin = Instant::now();
        while consumer.assignment().unwrap().count() == 0 {
            assert!(begin.elapsed() < PATIENCE, "the broker gives {flaw:?} no partition");
            let _ = tokio::time::timeout(Duration::from_millis(20), consumer.recv()).await;
        }
        tokio::select! {
            () = broken.serve(&consumer, place.producer().unwrap()) => unreachable!(),
            report = conformance::run(&place, &run) => report.unwrap(),
        }
    })
}

#[test]
fn each_flaw_is_found_and_named_and_nothing_else_is() {
    std::thread::scope(|scope| {
        for (flaw, rules) in Flaw::ALL {
            scope.spawn(move || {
                let report = report(flaw);
                let broken = Rule::ALL.into_iter().filter(|rule| report.is_broken(*rule));
                let broken: Vec<_> = broken.collect();
                assert_eq!(report.is_kept(), flaw == Flaw::None, "{flaw:?}:\n{report}");
                // With little patience, a slow machine looks like a flaw.
                if flaw.patience() == LONG {
                    assert_eq!(broken, rules, "{flaw:?}:\n{report}");
                }
                for rule in rules {
                    assert!(broken.contains(rule), "{flaw:?} breaks {rule:?}:\n{report}");
                }
            });
        }
    });
}
