//! What may be wrong with replies, for each command. All pairs share one service, each with an order of its own.

use std::collections::BTreeMap;

use order_events::saga::{Command, CommandType, Verdict};
use order_testkit::databases::Database;

use super::ends::End;
use super::stage::{Stage, exchange};
use super::{Fault, Results, caught};

/// After how many further attempts for another order, whose command stays unanswered, the command of this order would have been sent
/// again. The other one is sent once a second. This one would follow after one second, or after two if it was sent twice.
const LOOKS: u32 = 4;

/// Takes all six commands through the faults of replies.
pub(super) fn run(database: Database) -> Results {
    // The least there is.
    let stage = &Stage::on(database, "1s");
    let results = std::thread::scope(|scope| {
        let pairs = Fault::OF_REPLIES.into_iter();
        let pairs = pairs.flat_map(|fault| CommandType::ALL.map(|command| (fault, command)));
        let checks: BTreeMap<_, _> = pairs
            .map(|(fault, kind)| {
                let check = move || caught(|| meet(stage, fault, kind));
                ((fault, kind), scope.spawn(check))
            })
            .collect();
        checks.into_iter().map(|(pair, check)| (pair, check.join().unwrap())).collect()
    });
    stage.stop();
    results
}

fn meet(stage: &Stage, fault: Fault, kind: CommandType) {
    let (order, first) = issued(stage, kind);
    match fault {
        Fault::ReplyLost => lost(stage, order, &first),
        Fault::ReplyTwice => twice(stage, order, &first),
        Fault::ReplyLate if is_a_do(kind) => late_after_a_cancellation(stage, order, &first),
        Fault::ReplyLate => late_after_another(stage, order, &first),
        Fault::ContradictoryReply => contradictory(stage, order, &first),
        Fault::Rejected => rejected(stage, order, &first),
        Fault::Failed => failed(stage, order, &first),
        _ => unreachable!("kills have a stage of their own"),
    }
    End::of(fault, kind).is_reached(stage, order);
    if fault == Fault::ContradictoryReply && is_a_do(kind) {
        let (order, first) = issued(stage, kind);
        contradictory_after_a_rejection(stage, order, &first);
        End::rejected_then_done(kind).is_reached(stage, order);
    }
}

/// An order whose command has arrived.
fn issued(stage: &Stage, kind: CommandType) -> (i64, Command) {
    let order = stage.issue(kind, stage.poised(kind));
    (order, stage.desk.arrival(order, kind, 1))
}

const fn is_a_do(kind: CommandType) -> bool {
    matches!(kind, CommandType::Reserve | CommandType::Authorize)
}

/// The command is sent again, because nothing came, and answered then.
fn lost(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    let again = stage.desk.arrival(order, kind, first.attempt + 1);
    assert_eq!(stage.exchange(order, kind)["state"], "OPEN", "no reply has come");
    stage.desk.done(&again);
    stage.do_the_rest(order, kind);
}

/// The service has taken the same reply twice, and what it recorded at the first is unchanged.
fn twice(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    let reply = stage.desk.reply(first, Verdict::Done);
    stage.desk.send(&reply);
    stage.until(order, "it is done", |saga| exchange(saga, kind)["state"] == "DONE");
    let recorded = stage.exchange(order, kind);
    let again = stage.desk.send(&reply);
    stage.desk.until_taken(again);
    assert_eq!(stage.exchange(order, kind), recorded);
    stage.do_the_rest(order, kind);
}

/// The customer has cancelled, and the command is being undone, when its reply comes: it is recorded, and the undo goes on.
fn late_after_a_cancellation(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    stage.move_to(order, "CANCELLED");
    let release = stage.desk.arrival(order, CommandType::Release, 1);
    let void =
        (kind == CommandType::Authorize).then(|| stage.desk.arrival(order, CommandType::Void, 1));
    assert_eq!(stage.exchange(order, kind)["state"], "OPEN", "its reply is late");
    let late = stage.desk.done(first);
    stage.desk.until_taken(late);
    let saga = stage.saga(order);
    assert_eq!(saga["state"], "COMPENSATING");
    assert_eq!(exchange(&saga, kind)["state"], "DONE");
    stage.desk.done(&release);
    if let Some(void) = void {
        stage.desk.done(&void);
    }
}

/// A later attempt was answered, and all is over, when the reply to the first one comes: nothing changes.
fn late_after_another(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    let again = stage.desk.arrival(order, kind, first.attempt + 1);
    stage.desk.done(&again);
    stage.do_the_rest(order, kind);
    End::of(Fault::ReplyLate, kind).is_reached(stage, order);
    let before = stage.saga(order);
    let late = stage.desk.done(first);
    stage.desk.until_taken(late);
    assert_eq!(stage.saga(order), before);
}

/// "Done" and then "rejected": the first one counts, and a person looks.
fn contradictory(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    stage.desk.done(first);
    stage.until(order, "it is done", |saga| exchange(saga, kind)["state"] == "DONE");
    stage.desk.send(&stage.desk.reply(first, Verdict::Rejected));
    is_contradicted(stage, order, kind, "rejected");
    stage.do_the_rest(order, kind);
}

/// "Rejected" and then "done": the order stays cancelled, and a person looks.
fn contradictory_after_a_rejection(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    stage.desk.send(&stage.desk.reply(first, Verdict::Rejected));
    stage.until(order, "it is rejected", |saga| exchange(saga, kind)["state"] == "REJECTED");
    stage.desk.done(first);
    is_contradicted(stage, order, kind, "done");
    if kind == CommandType::Authorize {
        stage.desk.done(&stage.desk.arrival(order, CommandType::Void, 1));
        stage.desk.done(&stage.desk.arrival(order, CommandType::Release, 1));
    }
}

fn is_contradicted(stage: &Stage, order: i64, kind: CommandType, other: &str) {
    stage.until(order, "a person is asked", |saga| {
        let said = exchange(saga, kind)["lastError"].as_str().unwrap_or_default();
        saga["attention"]["reason"] == "CONTRADICTION" && said.contains(other)
    });
}

/// No outcome: the detail is shown, and the command is sent again.
fn failed(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    let reply = stage.desk.reply(first, Verdict::Failed);
    stage.desk.send(&reply);
    stage.until(order, "the failure is shown", |saga| {
        let found = exchange(saga, kind);
        found["state"] == "OPEN" && found["lastError"].as_str() == reply.detail.as_deref()
    });
    let again = stage.desk.arrival(order, kind, first.attempt + 1);
    stage.desk.done(&again);
    stage.do_the_rest(order, kind);
}

/// The business says no. What cannot be undone or done in another way is not asked for again, as long as another order is.
fn rejected(stage: &Stage, order: i64, first: &Command) {
    let kind = first.task.kind();
    let witness = stage.place();
    stage.desk.send(&stage.desk.reply(first, Verdict::Rejected));
    stage.until(order, "it is rejected", |saga| exchange(saga, kind)["state"] == "REJECTED");
    match kind {
        CommandType::Reserve => {}
        CommandType::Authorize => {
            stage.desk.done(&stage.desk.arrival(order, CommandType::Release, 1));
        }
        _ => stage.do_the_rest(order, kind),
    }
    End::of(Fault::Rejected, kind).is_reached(stage, order);
    stage.desk.arrival(witness, CommandType::Reserve, 1);
    let asked = stage.desk.attempts(witness, CommandType::Reserve).last().unwrap().attempt;
    // By the next one, all that was on its way is there.
    let next = stage.desk.arrival(witness, CommandType::Reserve, asked + 1).attempt;
    let before = stage.desk.attempts(order, kind).len();
    stage.desk.arrival(witness, CommandType::Reserve, next + LOOKS);
    assert_eq!(stage.desk.attempts(order, kind).len(), before, "{kind} is not sent again");
}
