//! Each of the six commands meets each fault, with a real service process and real Kafka. The participant is the test itself: it
//! takes the commands from their topics, and replies as a trial wants. Every trial asserts that its fault was hit, and that order and saga
//! end as the table of the design says (`matrix/ends.rs`).
//!
//! The faults of replies share one service, all orders side by side. Each of the three moments of a kill has a service of its own, with
//! an order for each command, so that one kill hits all of them there. What shares a database runs at the same time: most of the time
//! is waiting, for the leases and the place in the reader's group of the service that was killed.

mod desk;
mod ends;
mod kills;
mod replies;
mod stage;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Failed, Trial};
use order_events::saga::CommandType;
use order_testkit::databases::Database;

use crate::size;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The service is killed while the commit of the command's reply waits for a lock.
    KilledBeforeTheCommit,
    /// The service is killed when the command is committed, and could not be sent.
    KilledBeforeTheSend,
    /// The service is killed when the command has arrived.
    KilledAfterTheSend,
    /// The first attempt gets no reply.
    ReplyLost,
    /// The same reply comes twice.
    ReplyTwice,
    /// The reply comes when the saga no longer waits for it.
    ReplyLate,
    /// Two replies to one command do not agree.
    ContradictoryReply,
    /// The business says no.
    Rejected,
    /// The first attempt fails for a technical reason.
    Failed,
}

impl Fault {
    const KILLS: [Self; 3] =
        [Self::KilledBeforeTheCommit, Self::KilledBeforeTheSend, Self::KilledAfterTheSend];
    const OF_REPLIES: [Self; 6] = [
        Self::ReplyLost,
        Self::ReplyTwice,
        Self::ReplyLate,
        Self::ContradictoryReply,
        Self::Rejected,
        Self::Failed,
    ];

    /// Its name in the names of trials.
    const fn name(self) -> &'static str {
        match self {
            Self::KilledBeforeTheCommit => "killed_before_the_commit",
            Self::KilledBeforeTheSend => "killed_before_the_send",
            Self::KilledAfterTheSend => "killed_after_the_send",
            Self::ReplyLost => "reply_lost",
            Self::ReplyTwice => "reply_twice",
            Self::ReplyLate => "reply_late",
            Self::ContradictoryReply => "contradictory_reply",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// The faults that commands meet on a database: all of them on PostgreSQL, elsewhere those beside a commit. What a reply says
/// is decided in one way on every database, so the rest of the matrix is taken through the others in the full size alone.
fn faults(database: Database) -> Vec<Fault> {
    let all = [&Fault::KILLS[..], &Fault::OF_REPLIES].concat();
    let beside_a_commit = Fault::KILLS[..2].to_vec();
    if database == Database::Postgres { all } else { size(beside_a_commit, all) }
}

/// What came of the pairs of a database.
type Results = BTreeMap<(Fault, CommandType), Result<(), String>>;

/// A trial for each pair. The first trial of a database takes all its pairs through their faults.
pub(super) fn trials() -> Vec<Trial> {
    let of_database = |database: Database| {
        let results = Arc::new(OnceLock::<Results>::new());
        let pairs = faults(database)
            .into_iter()
            .flat_map(|fault| CommandType::ALL.map(|command| (fault, command)));
        pairs
            .map(|(fault, command)| {
                let (database_name, fault_name) = (database.name(), fault.name());
                let name = format!("matrix::{database_name}::{fault_name}::{command}");
                let results = Arc::clone(&results);
                Trial::test(name, move || {
                    let results = results.get_or_init(|| all_pairs(database));
                    results[&(fault, command)].clone().map_err(Failed::from)
                })
            })
            .collect::<Vec<_>>()
    };
    // PostgreSQL first: it has the most.
    let [sqlite, postgres, mariadb, mysql] = Database::ALL;
    [postgres, sqlite, mariadb, mysql].into_iter().flat_map(of_database).collect()
}

/// Takes all pairs of a database through their faults.
fn all_pairs(database: Database) -> Results {
    let faults = faults(database);
    std::thread::scope(|scope| {
        let kills = Fault::KILLS.into_iter().filter(|fault| faults.contains(fault));
        let mut groups: Vec<_> = kills
            .map(|fault| (vec![fault], scope.spawn(move || kills::run(database, fault))))
            .collect();
        if faults.contains(&Fault::Failed) {
            let replies = scope.spawn(move || replies::run(database));
            groups.push((Fault::OF_REPLIES.to_vec(), replies));
        }
        let results = groups.into_iter().flat_map(|(faults, group)| {
            group.join().unwrap_or_else(|panic| {
                // The whole group has failed.
                let said = said(&*panic);
                let pairs = faults
                    .iter()
                    .flat_map(|fault| CommandType::ALL.map(|command| (*fault, command)));
                pairs.map(|pair| (pair, Err(said.clone()))).collect()
            })
        });
        results.collect()
    })
}

/// The panic of a check as the result of its pair.
fn caught(check: impl FnOnce()) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(check)).map_err(|panic| said(&*panic))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
