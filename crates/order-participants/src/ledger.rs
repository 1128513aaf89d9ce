//! The ledger of a participant: a command goes in, a reply comes out, and every effect is an entry. It
//! keeps the rules of the contract that concern what is decided: the same command id always gets the
//! same reply and has its effect once; an undo before its do leaves a tombstone; an undo is never
//! refused. It is pure: a [`Book`] keeps the rows, in memory or in a database, and [`settle`] decides.

use std::collections::BTreeMap;
use std::convert::Infallible;

use order_domain::OrderId;
use order_events::Word;
use order_events::saga::{Command, CommandType, Earlier, Phase, Reason, Reply, Task, Verdict};
use uuid::Uuid;

use crate::rules::{Rules, Ruling};

/// The answer to a command, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The command.
    pub command: Uuid,
    /// Its type.
    pub kind: CommandType,
    /// Its order.
    pub order: OrderId,
    /// Why it was rejected; `None` when it was done.
    pub rejected: Option<Reason>,
    /// What the work is called.
    pub reference: Option<String>,
}

/// Where the work of a do-command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Kept back: it may be given back or made final.
    Held,
    /// Given back.
    Returned,
    /// Made final.
    Final,
    /// A tombstone: its undo came first, so the do will be rejected.
    Barred,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 4] = [Self::Held, Self::Returned, Self::Final, Self::Barred];

    /// The word in the file and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Returned => "RETURNED",
            Self::Final => "FINAL",
            Self::Barred => "BARRED",
        }
    }
}

/// The work of a do-command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// The do-command.
    pub command: Uuid,
    /// Its order.
    pub order: OrderId,
    /// Where it stands.
    pub standing: Standing,
}

/// An effect on stock or money. A tombstone is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The order.
    pub order: OrderId,
    /// The do-command whose work it is.
    pub work: Uuid,
    /// The command that had the effect.
    pub by: Uuid,
    /// What became of the work: held, returned or final.
    pub effect: Standing,
    /// What is held, in words: `7 x 3`, `149.97 USD`. Empty for the other effects.
    pub what: String,
}

/// The rows of a ledger. What [`settle`] reads and writes of one must be one transaction.
#[expect(clippy::missing_errors_doc, reason = "each fails when the rows cannot be had or kept")]
pub trait Book {
    /// Why it failed.
    type Error;

    /// The answer that a command has got.
    fn answer(&mut self, command: Uuid) -> Result<Option<Answer>, Self::Error>;
    /// The work of a do-command.
    fn work(&mut self, command: Uuid) -> Result<Option<Work>, Self::Error>;
    /// Keeps an answer.
    fn put_answer(&mut self, answer: &Answer) -> Result<(), Self::Error>;
    /// Keeps where work stands.
    fn put_work(&mut self, work: Work) -> Result<(), Self::Error>;
    /// Adds an entry at the end.
    fn add(&mut self, entry: Entry) -> Result<(), Self::Error>;
}

/// Decides a command: the reply that it gets, with its effect in the book. `None`: it gets none.
///
/// # Errors
/// Those of the book; then nothing of it may stay.
pub fn settle<B: Book>(
    book: &mut B,
    rules: &Rules,
    command: &Command,
) -> Result<Option<Reply>, B::Error> {
    let kind = command.task.kind();
    if !rules.role.takes(kind) {
        return Ok(Some(failed(rules, command, "not a command of this participant")));
    }
    if let Some(answer) = book.answer(command.id)? {
        // A sender that gives the same id to two commands gets no effect for the second one.
        let same = answer.kind == kind && answer.order == command.order_id;
        return Ok(Some(if same {
            reply(rules, command, &answer)
        } else {
            failed(rules, command, "the id is that of another command")
        }));
    }
    let subject = earlier(&command.task).map_or(command.id, |earlier| earlier.of);
    let work = book.work(subject)?;
    if work.is_some_and(|work| work.order != command.order_id) {
        return Ok(Some(failed(rules, command, "the earlier command is of another order")));
    }
    let (rejected, next) = match (kind.phase(), work.map(|work| work.standing)) {
        (Phase::Do, Some(Standing::Barred)) => (Some(Reason::Undone), None),
        (Phase::Do, None) => match rules.judge(command) {
            Ruling::Accepted => (None, Some(Standing::Held)),
            Ruling::Refused(reason) => (Some(reason), None),
            Ruling::Trouble => return Ok(Some(failed(rules, command, "a test value: try again"))),
            Ruling::Silence => return Ok(None),
        },
        (Phase::Undo, None) => (None, Some(Standing::Barred)),
        (Phase::Undo, Some(Standing::Held)) => (None, Some(Standing::Returned)),
        (Phase::Undo, Some(Standing::Final)) => {
            return Ok(Some(failed(rules, command, "it is final already")));
        }
        (Phase::Complete, Some(Standing::Held)) => (None, Some(Standing::Final)),
        (Phase::Complete, None | Some(Standing::Returned | Standing::Barred)) => {
            (Some(Reason::NotDone), None)
        }
        (Phase::Do, Some(_))
        | (Phase::Undo, Some(Standing::Returned | Standing::Barred))
        | (Phase::Complete, Some(Standing::Final)) => (None, None),
    };
    if let Some(standing) = next {
        book.put_work(Work { command: subject, order: command.order_id, standing })?;
        if standing != Standing::Barred {
            let (order, by) = (command.order_id, command.id);
            let what = what(&command.task);
            book.add(Entry { order, work: subject, by, effect: standing, what })?;
        }
    }
    let reference = rejected.is_none().then(|| subject.to_string());
    let order = command.order_id;
    let answer = Answer { command: command.id, kind, order, rejected, reference };
    book.put_answer(&answer)?;
    Ok(Some(reply(rules, command, &answer)))
}

const fn earlier(task: &Task) -> Option<&Earlier> {
    match task {
        Task::Reserve(_) | Task::Authorize(_) => None,
        Task::Release(earlier)
        | Task::Commit(earlier)
        | Task::Void(earlier)
        | Task::Capture(earlier) => Some(earlier),
    }
}

fn what(task: &Task) -> String {
    match task {
        Task::Reserve(items) => {
            let line = |(product, quantity)| format!("{product} x {quantity}");
            let lines = items.iter().map(|item| line((item.product_id, item.quantity)));
            lines.collect::<Vec<_>>().join(", ")
        }
        Task::Authorize(payment) => format!("{} {}", payment.amount, payment.currency),
        _ => String::new(),
    }
}

fn reply(rules: &Rules, command: &Command, answer: &Answer) -> Reply {
    let verdict = if answer.rejected.is_some() { Verdict::Rejected } else { Verdict::Done };
    let mut reply = Reply::to(command, rules.role.source(), verdict);
    reply.reason = answer.rejected.map(Word::Known);
    reply.reference.clone_from(&answer.reference);
    reply
}

/// No outcome, and so not kept: the next attempt is decided anew.
fn failed(rules: &Rules, command: &Command, detail: &str) -> Reply {
    let mut reply = Reply::to(command, rules.role.source(), Verdict::Failed);
    reply.detail = Some(detail.to_owned());
    reply
}

/// A book in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    answers: BTreeMap<Uuid, Answer>,
    works: BTreeMap<Uuid, Work>,
    entries: Vec<Entry>,
}

impl Memory {
    /// Every effect, in the sequence in which they came.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Decides a command; see [`settle`].
    pub fn take(&mut self, rules: &Rules, command: &Command) -> Option<Reply> {
        match settle(self, rules, command) {
            Ok(reply) => reply,
            Err(never) => match never {},
        }
    }
}

impl Book for Memory {
    type Error = Infallible;

    fn answer(&mut self, command: Uuid) -> Result<Option<Answer>, Infallible> {
        Ok(self.answers.get(&command).cloned())
    }

    fn work(&mut self, command: Uuid) -> Result<Option<Work>, Infallible> {
        Ok(self.works.get(&command).copied())
    }

    fn put_answer(&mut self, answer: &Answer) -> Result<(), Infallible> {
        self.answers.insert(answer.command, answer.clone());
        Ok(())
    }

    fn put_work(&mut self, work: Work) -> Result<(), Infallible> {
        self.works.insert(work.command, work);
        Ok(())
    }

    fn add(&mut self, entry: Entry) -> Result<(), Infallible> {
        self.entries.push(entry);
        Ok(())
    }
}
