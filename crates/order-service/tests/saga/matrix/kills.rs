//! The service is killed (SIGKILL) at one of three moments of each command, with an order for each of the six at that moment. Another
//! service in its place brings all of them to the end that they would have had.

use order_domain::{MAX_ID, OrderId};
use order_events::saga::{Command, CommandType, Reply, Verdict};
use order_testkit::databases::{Database, Session, connections};

use super::ends::End;
use super::stage::{PATIENCE, Stage, exchange};
use super::{Fault, Results, caught};
use crate::until;

/// How often a change has met a lock of another session.
const MEETINGS: &str = "order_commit_held_total";
/// How often a reply to a reservation had no order.
const OF_NO_ORDER: &str =
    "order_saga_replies_total{command=\"inventory.reserve\",outcome=\"unknown\"}";
/// On SQLite, where the lock is the file's: whether the one connection that writes is at work, which it is until the lock is gone.
const WRITER: &str = "hikaricp_connections_active{pool=\"writer\"}";

/// Takes all six commands through a kill.
pub(super) fn run(database: Database, fault: Fault) -> Results {
    // Where a reply is on its way, no command may be sent again: that alone brings the saga on. What was never sent has to be.
    let resend_after = if fault == Fault::KilledBeforeTheSend { "1s" } else { "1h" };
    let stage = &Stage::on(database, resend_after);
    let hit = match fault {
        Fault::KilledBeforeTheCommit => before_the_commit(stage),
        Fault::KilledBeforeTheSend => before_the_send(stage),
        _ => after_the_send(stage),
    };
    stage.restart();
    // Side by side: each waits for the same things.
    let results = std::thread::scope(|scope| {
        let checks = hit
            .into_iter()
            .map(|Hit { kind, order, answered }| {
                let check = move || {
                    if !answered {
                        is_sent_at_last(stage, order, kind);
                    }
                    stage.do_the_rest(order, kind);
                    End::of(fault, kind).is_reached(stage, order);
                };
                ((fault, kind), scope.spawn(move || caught(check)))
            })
            .collect::<Vec<_>>();
        checks.into_iter().map(|(pair, check)| (pair, check.join().unwrap())).collect()
    });
    stage.stop();
    results
}

/// A command at which the fault was hit.
struct Hit {
    kind: CommandType,
    order: i64,
    /// Whether the reply to it is sent, and so no other may be.
    answered: bool,
}

/// Each command has arrived.
fn arrived(stage: &Stage) -> Vec<(CommandType, i64, Command)> {
    let poised = CommandType::ALL.map(|kind| (kind, stage.poised(kind)));
    let issued = std::thread::scope(|scope| {
        let issue = |(kind, order)| (kind, scope.spawn(move || stage.issue(kind, order)));
        poised.map(issue).map(|(kind, order)| (kind, order.join().unwrap()))
    });
    let first = |(kind, order)| {
        // It is sent at the same time, and a kill between the two would leave it unsent.
        if let Some(other) = beside(kind) {
            stage.desk.arrival(order, other, 1);
        }
        (kind, order, stage.desk.arrival(order, kind, 1))
    };
    issued.map(first).to_vec()
}

/// The command that goes to the other participant with this one.
const fn beside(kind: CommandType) -> Option<CommandType> {
    match kind {
        CommandType::Reserve | CommandType::Authorize => None,
        CommandType::Commit => Some(CommandType::Capture),
        CommandType::Capture => Some(CommandType::Commit),
        CommandType::Release => Some(CommandType::Void),
        CommandType::Void => Some(CommandType::Release),
    }
}

/// A foreign session that holds the rows of orders, or the whole file.
struct Lock(Session);

impl Lock {
    fn of(stage: &Stage, orders: &[i64]) -> Self {
        let ids: Vec<_> = orders.iter().map(ToString::to_string).collect();
        let statement = if stage.database == Database::Sqlite {
            "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE".to_owned()
        } else {
            let ids = ids.join(", ");
            format!("BEGIN; UPDATE orders SET version = version WHERE id IN ({ids})")
        };
        stage.wait_for(async {
            let mut session = Session::to(&stage.scratch.url).await.unwrap();
            session.run(&statement).await.unwrap();
            Self(session)
        })
    }

    fn release(mut self, stage: &Stage) {
        stage.wait_for(self.0.run("ROLLBACK")).unwrap();
    }
}

/// Sends the replies that say "done" and waits until the service has begun to take them, and has met the lock as often as there are
/// replies: they wait there. They come in one batch with a reply of no order, which is counted when the service has begun with all
/// of them: it needs no commit.
fn meet_the_lock(stage: &Stage, commands: &[&Command]) {
    let done = |command: &&Command| stage.desk.reply(command, Verdict::Done);
    let mut replies: Vec<_> = commands.iter().map(done).collect();
    replies.push(of_no_order(replies[0].clone()));
    for reply in &replies {
        stage.gate.look_for(&reply.id);
    }
    let of_no_order = || stage.metric(OF_NO_ORDER).unwrap_or_default();
    let meetings = || stage.metric(MEETINGS).unwrap();
    let (counted, before) = (of_no_order(), meetings());
    stage.desk.send_together(&replies);
    let all_passed = || replies.iter().all(|reply| stage.gate.has_passed(&reply.id));
    assert!(until(PATIENCE, all_passed), "the service receives all replies");
    assert!(until(PATIENCE, || of_no_order() > counted), "it begins to take them");
    let all_met = before + f64::from(u32::try_from(commands.len()).unwrap());
    let waits = || {
        if stage.database == Database::Sqlite {
            stage.metric(WRITER).unwrap() > 0.0
        } else {
            meetings() >= all_met
        }
    };
    assert!(until(PATIENCE, waits), "they meet the lock");
}

/// A reply whose order there will never be.
fn of_no_order(mut reply: Reply) -> Reply {
    reply.order_id = OrderId::new(MAX_ID).unwrap();
    reply.to = CommandType::Reserve;
    reply.id.push_str("-of-no-order");
    reply
}

/// The rows of the orders are locked, so the commits that record the replies wait. Nothing of them has landed when the service is
/// gone; and the trial does not send these replies again.
fn before_the_commit(stage: &Stage) -> Vec<Hit> {
    let all = arrived(stage);
    let orders: Vec<_> = all.iter().map(|(_, order, _)| *order).collect();
    let lock = Lock::of(stage, &orders);
    // From here on, no commit of these orders can land.
    let revisions: Vec<_> =
        orders.iter().map(|order| stage.saga(*order)["revision"].as_i64().unwrap()).collect();
    meet_the_lock(stage, &all.iter().map(|(_, _, command)| command).collect::<Vec<_>>());
    stage.kill();
    // The server ends the sessions of the dead by and by: one that waits for the lock would write when it is gone.
    if stage.database != Database::Sqlite {
        let alone = || stage.wait_for(connections(&stage.scratch.url)).unwrap() == 1;
        assert!(until(PATIENCE, alone), "the sessions of the dead end");
    }
    for ((kind, order, _), revision) in all.iter().zip(revisions) {
        let as_before = format!("orders WHERE id = {order} AND saga_revision = {revision}");
        assert_eq!(stage.count(&as_before), 1, "the reply to {kind} is not committed");
    }
    lock.release(stage);
    all.into_iter().map(|(kind, order, _)| Hit { kind, order, answered: true }).collect()
}

/// The broker is out of reach, so what is committed cannot be sent. Of the six, `authorize` alone follows from a reply, which has
/// to be received before: its commit waits for a lock until the broker is gone.
fn before_the_send(stage: &Stage) -> Vec<Hit> {
    let poised = CommandType::ALL.map(|kind| (kind, stage.poised(kind)));
    let (_, authorizes) =
        poised.into_iter().find(|(kind, _)| *kind == CommandType::Authorize).unwrap();
    let authorizes = authorizes.unwrap();
    let lock = Lock::of(stage, &[authorizes]);
    let reserve = stage.desk.arrival(authorizes, CommandType::Reserve, 1);
    meet_the_lock(stage, &[&reserve]);
    stage.gate.close();
    lock.release(stage);
    let mut all = Vec::new();
    for (kind, order) in poised {
        let order =
            if kind == CommandType::Authorize { authorizes } else { stage.issue(kind, order) };
        stage.until(order, "the command is committed", |saga| {
            exchange(saga, kind)["state"] == "OPEN"
        });
        all.push((kind, order));
    }
    stage.kill();
    stage.desk.catches_up();
    for (kind, order) in &all {
        let arrived = stage.desk.attempts(*order, *kind);
        assert!(arrived.is_empty(), "{kind} is not sent: {arrived:?}");
    }
    stage.gate.open();
    all.into_iter().map(|(kind, order)| Hit { kind, order, answered: false }).collect()
}

/// The command that was never sent comes as a later attempt, and is answered.
fn is_sent_at_last(stage: &Stage, order: i64, kind: CommandType) {
    let first = stage.desk.arrival(order, kind, 1);
    assert!(first.attempt > 1, "the first attempt of {kind} was lost with its service");
    stage.desk.done(&first);
}

/// Every command has arrived once, and none is answered, when the service is killed. The only reply to each comes while no service
/// is there.
fn after_the_send(stage: &Stage) -> Vec<Hit> {
    let all = arrived(stage);
    stage.kill();
    for (kind, _, command) in &all {
        assert_eq!(command.attempt, 1, "{kind} has just arrived");
        stage.desk.done(command);
    }
    all.into_iter().map(|(kind, order, _)| Hit { kind, order, answered: true }).collect()
}
