//! The conformance run: puts a participant, of any make, through the rules of its contract, over Kafka
//! alone. What can be seen from outside is seen: replies. That an effect happens once, or not at all,
//! is seen by what a completion of it gets.

mod desk;
mod report;

use std::process::{self, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use order_domain::{Amount, Currency, CustomerId, ProductId, Quantity};
use order_events::Word;
use order_events::saga::{Command, Earlier, Item, Payment, Task, Verdict};
use uuid::Uuid;

use crate::rules::Role;
use crate::shell::Place;
use desk::Desk;

pub use report::{Report, Rule};

/// What is done.
#[derive(Debug, Clone)]
pub struct Run {
    /// What the participant is.
    pub role: Role,
    /// The topic for its replies.
    pub reply_topic: String,
    /// How long the outcome of a command may take.
    pub timeout: Duration,
    /// Kills the participant and starts it again.
    pub restart: Option<String>,
    /// The product or the amount that is always refused.
    pub refused: String,
}

/// How many orders have commands under way while the participant is restarted.
const BURST: usize = 24;
/// How often it is restarted.
const KILLS: usize = 3;
/// What a participant that has just no luck may refuse of usual work, before it is taken to refuse all.
const TRIES: usize = 8;
/// A product that every inventory has, and an amount that every customer has.
const USUAL: &str = "7";

/// Puts the participant that reads this topic through the rules.
///
/// # Errors
/// When Kafka cannot be used, the participant answers nothing at all, or the restart fails.
pub async fn run(place: &Place, run: &Run) -> anyhow::Result<Report> {
    let mut trial = Trial { desk: Desk::open(place, run).await?, run };
    let first = trial.usual_work().await?;
    ensure!(
        trial.desk.replies() > 0,
        "nothing has answered in {:?} on {}: is the participant running, and does it reply to the \
         topic in ce_replyto?",
        run.timeout,
        place.topic,
    );
    let Some(first) = first else { return Ok(trial.desk.finish().await) };
    trial.same_reply(&first).await?;
    trial.undone(&first).await?;
    trial.completed().await?;
    trial.once_each().await?;
    let barred = trial.tombstone().await?;
    trial.refusal().await?;
    if !trial.unreadable().await? {
        return Ok(trial.desk.finish().await);
    }
    if let Some(command) = &run.restart {
        trial.restarted(command, &barred).await?;
    } else {
        let why = "needs --restart, to see what outlives a crash";
        trial.desk.report.not_shown(Rule::Offsets, why);
    }
    Ok(trial.desk.finish().await)
}

struct Trial<'a> {
    desk: Desk,
    run: &'a Run,
}

impl Trial<'_> {
    /// Begins work for a new order.
    fn begin(&mut self, value: &str) -> anyhow::Result<Command> {
        let task = match self.run.role {
            Role::Inventory => Task::Reserve(vec![Item {
                product_id: ProductId::new(value.parse()?)?,
                quantity: Quantity::new(3)?,
            }]),
            Role::Payment => Task::Authorize(Payment {
                customer_id: CustomerId::new(42)?,
                amount: Amount::parse(value)?,
                currency: Word::Known(Currency::USD),
            }),
        };
        let order = self.desk.new_order()?;
        Ok(self.desk.command(order, task))
    }

    fn undo(&mut self, of: &Command) -> Command {
        let wrap = match self.run.role {
            Role::Inventory => Task::Release,
            Role::Payment => Task::Void,
        };
        self.about(of, wrap)
    }

    fn complete(&mut self, of: &Command) -> Command {
        let wrap = match self.run.role {
            Role::Inventory => Task::Commit,
            Role::Payment => Task::Capture,
        };
        self.about(of, wrap)
    }

    fn about(&mut self, of: &Command, wrap: fn(Earlier) -> Task) -> Command {
        let reference = self.desk.reference(of.id);
        self.desk.command(of.order_id, wrap(Earlier { of: of.id, reference }))
    }

    /// Work that is done, for a new order each time it is refused. `None`, told in the report, when there
    /// is none.
    async fn usual_work(&mut self) -> anyhow::Result<Option<Command>> {
        for _ in 0..TRIES {
            let command = self.begin(USUAL)?;
            match self.desk.outcome(&command).await? {
                Some(Verdict::Done) => return Ok(Some(command)),
                None => break,
                Some(_) => {}
            }
        }
        let what = format!(
            "of usual work {TRIES} commands were refused, or one had no outcome for {:?}",
            self.run.timeout
        );
        self.desk.report.broken(Rule::Refusals, what);
        Ok(None)
    }

    async fn expect(
        &mut self,
        rule: Rule,
        command: &Command,
        wanted: Verdict,
        what: &str,
    ) -> anyhow::Result<()> {
        self.expect_all(rule, std::slice::from_ref(command), wanted, what).await
    }

    async fn expect_all(
        &mut self,
        rule: Rule,
        commands: &[Command],
        wanted: Verdict,
        what: &str,
    ) -> anyhow::Result<()> {
        for got in self.desk.outcomes(commands).await? {
            if got != Some(wanted) {
                let got = got.map_or("no outcome", Verdict::as_str);
                self.desk.report.broken(rule, format!("{what}: {got}, and not {wanted}"));
            }
            self.desk.report.looked_at(rule);
        }
        Ok(())
    }

    /// The desk compares every later reply with the first one.
    async fn same_reply(&mut self, command: &Command) -> anyhow::Result<()> {
        for _ in 0..3 {
            self.expect(Rule::SameReply, command, Verdict::Done, "a command once more").await?;
        }
        Ok(())
    }

    async fn undone(&mut self, first: &Command) -> anyhow::Result<()> {
        let undo = self.undo(first);
        self.expect(Rule::Undos, &undo, Verdict::Done, "an undo of what is done").await?;
        self.expect(Rule::Undos, &undo, Verdict::Done, "the same undo once more").await?;
        let another = self.undo(first);
        self.expect(Rule::Undos, &another, Verdict::Done, "another undo of the same").await?;
        let what = "a do-command once more, after its undo";
        self.expect(Rule::SameReply, first, Verdict::Done, what).await?;
        let late = self.complete(first);
        self.not_done(Rule::Undos, &late, "a completion of what was undone").await.map(drop)
    }

    async fn completed(&mut self) -> anyhow::Result<()> {
        let Some(work) = self.usual_work().await? else { return Ok(()) };
        let complete = self.complete(&work);
        self.expect(Rule::SameReply, &complete, Verdict::Done, "a completion of what is done")
            .await?;
        self.expect(Rule::SameReply, &complete, Verdict::Done, "the same completion once more")
            .await
    }

    /// Two copies of each command at once: both get the same, so one effect can be undone by one undo.
    async fn once_each(&mut self) -> anyhow::Result<()> {
        let works = (0..BURST).map(|_| self.begin(USUAL)).collect::<anyhow::Result<Vec<_>>>()?;
        let copies: Vec<_> = works.iter().flat_map(|work| [work.clone(), work.clone()]).collect();
        self.desk.send_all(&copies).await?;
        let outcomes = self.desk.outcomes(&works).await?;
        let done = works.iter().zip(outcomes).filter(|(_, got)| *got == Some(Verdict::Done));
        let done: Vec<_> = done.map(|(work, _)| work).collect();
        let undos: Vec<_> = done.iter().map(|work| self.undo(work)).collect();
        let completions: Vec<_> = done.iter().map(|work| self.complete(work)).collect();
        self.expect_all(Rule::Undos, &undos, Verdict::Done, "an undo after copies").await?;
        let what = "a completion after copies of a do-command and one undo";
        self.expect_all(Rule::SameReply, &completions, Verdict::Rejected, what).await
    }

    /// An undo first. Leaves tombstones for later: work whose do-commands have not been sent.
    async fn tombstone(&mut self) -> anyhow::Result<Vec<Command>> {
        let mut barred = Vec::new();
        for _ in 0..3 {
            let work = self.begin(USUAL)?;
            let undo = self.undo(&work);
            self.expect(Rule::UnknownUndo, &undo, Verdict::Done, "an undo of the unknown").await?;
            barred.push(work);
        }
        if let Some(work) = barred.pop() {
            let what = "a do-command after its undo";
            self.expect(Rule::Tombstone, &work, Verdict::Rejected, what).await?;
            self.expect(Rule::Tombstone, &work, Verdict::Rejected, "the same once more").await?;
            let complete = self.complete(&work);
            if self.not_done(Rule::Tombstone, &complete, "a completion after it").await? {
                let undo = self.undo(&work);
                self.expect(Rule::Undos, &undo, Verdict::Done, "another undo after it").await?;
            }
        }
        Ok(barred)
    }

    async fn refusal(&mut self) -> anyhow::Result<()> {
        let refused = self.run.refused.clone();
        let work = self.begin(&refused)?;
        let what = format!("work for the value that is always refused ({refused})");
        for _ in 0..3 {
            self.expect(Rule::Refusals, &work, Verdict::Rejected, &what).await?;
        }
        let complete = self.complete(&work);
        if self.not_done(Rule::Refusals, &complete, "a completion of what was refused").await? {
            let undo = self.undo(&work);
            self.expect(Rule::Undos, &undo, Verdict::Done, "an undo of what was refused").await?;
        }
        Ok(())
    }

    /// Whether a completion was rejected, as it should be. After one that was done there is no undo.
    async fn not_done(
        &mut self,
        rule: Rule,
        command: &Command,
        what: &str,
    ) -> anyhow::Result<bool> {
        self.expect(rule, command, Verdict::Rejected, what).await?;
        Ok(self.desk.verdict(command) == Some(Verdict::Rejected))
    }

    /// What cannot be read, before a usual command in the same partition. Whether that got an outcome: a
    /// participant that stops there stops there again after a restart.
    async fn unreadable(&mut self) -> anyhow::Result<bool> {
        let work = self.begin(USUAL)?;
        self.desk.send_unreadable(&work).await?;
        let goes_on = self.desk.outcome(&work).await?.is_some();
        if !goes_on {
            let what = "no outcome of a usual command behind messages that cannot be read";
            self.desk.report.broken(Rule::Unreadable, what.to_owned());
        }
        self.desk.report.looked_at(Rule::Unreadable);
        Ok(goes_on)
    }

    /// Kills the participant in the middle of bursts. Each command is sent once and must be answered;
    /// and what was decided before stays decided.
    async fn restarted(&mut self, restart: &str, barred: &[Command]) -> anyhow::Result<()> {
        let decided = self.desk.decided();
        for _ in 0..KILLS {
            let works =
                (0..BURST).map(|_| self.begin(USUAL)).collect::<anyhow::Result<Vec<_>>>()?;
            let (before, after) = works.split_at(works.len() / 4);
            self.desk.send_all(before).await?;
            let mut shell = process::Command::new("sh");
            let shell = shell.args(["-c", restart]).stdin(Stdio::null()).stdout(Stdio::null());
            let mut shell = shell.spawn().context("sh does not run")?;
            self.desk.send_all(after).await?;
            let status = shell.wait()?;
            ensure!(status.success(), "the restart command ended with {status}");
            let missing = self.desk.unanswered(&works).await;
            self.desk.report.looked_at(Rule::Offsets);
            if missing > 0 {
                let what = format!(
                    "{missing} of {BURST} commands, sent once around a kill, were never answered: \
                     offsets are committed before replies are at the broker"
                );
                self.desk.report.broken(Rule::Offsets, what);
            }
            // More kills show nothing more, and take the whole time again.
            match missing {
                0 => {}
                BURST => return Ok(()),
                _ => break,
            }
        }
        let what = "a do-command after its undo and a kill";
        self.expect_all(Rule::Tombstone, barred, Verdict::Rejected, what).await?;
        // The desk compares the replies with those of before the kill.
        if self.desk.outcomes(&decided).await?.contains(&None) {
            let what = "a command that was decided before a kill has no outcome after it";
            self.desk.report.broken(Rule::SameReply, what.to_owned());
        }
        Ok(())
    }
}

/// A random id.
#[expect(clippy::disallowed_methods, reason = "the run has no other source of ids")]
fn random_id() -> Uuid {
    Uuid::new_v4()
}
