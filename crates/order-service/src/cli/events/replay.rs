//! `order-service events replay`: runs a replay, shows its progress, and says how to go on with it.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_actix::operations;
use order_app::operations::{
    Operator, Replay, ReplayJob, ReplayPlan, ReplayProgress, ReplayState, StartError,
};
use order_app::ports::Clock as _;
use tokio::sync::oneshot;
use tokio::time::interval;

use super::arguments::ReplayArguments;
use super::show;
use crate::cli::direct::REFUSED;
use crate::cli::output::{complain, print};
use crate::cli::tables;
use crate::signals::Signals;
use crate::system::SystemClock;

const SHOW_EVERY: Duration = Duration::from_secs(1);
/// The exit code of a replay that left out events which cannot be read.
const INCOMPLETE: u8 = 4;

pub(super) async fn run(asked: ReplayArguments, operator: &Operator) -> anyhow::Result<ExitCode> {
    let json = asked.json;
    let plan = asked.plan();
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let replay = match Replay::begin(operator, plan.clone()).await {
        Ok(replay) => replay,
        Err(refused @ StartError::Elsewhere) => return Ok(complain(&refused.to_string(), REFUSED)),
        Err(error) => return Err(error.into()),
    };
    let (id, progress) = (replay.id(), replay.progress());
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let mut running = tokio::spawn(replay.run(async move {
        // When the sender is gone, the replay stops as well.
        let _ = told.await;
    }));
    let (mut tick, mut interrupted) = (interval(SHOW_EVERY), None);
    let _ = tick.tick().await;
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended.context("the replay has failed")?,
            _ = tick.tick() => show_progress(&plan, &progress.borrow()),
            signal = signals.next() => {
                interrupted = Some(signal);
                if let Some(tell) = tell.take() {
                    // It may have ended at this moment.
                    let _ = tell.send(());
                }
            }
        }
    };
    end_of_progress();
    let code = match (&ended.state, interrupted) {
        (ReplayState::Failed(_), _) => 1,
        (ReplayState::Cancelled, Some(signal)) => signal.exit_code(),
        _ => 0,
    };
    let job = ReplayJob { id, plan: Arc::new(plan), progress: ended.clone() };
    let told = print(&tables::show(&operations::Replay::of(&job, SystemClock.now()), json));
    if code == 0 && ended.unreadable > 0 {
        return Ok(complain("some events cannot be read, and were left out", INCOMPLETE));
    }
    if code == 0 {
        return Ok(told);
    }
    let why = match &ended.state {
        ReplayState::Failed(reason) => reason.as_str(),
        _ => "interrupted",
    };
    Ok(complain(&format!("{why}; {}", show::rest(&ended)), code))
}

/// On a terminal, one line that is written over; else one line after the other.
fn show_progress(plan: &ReplayPlan, progress: &ReplayProgress) {
    let line = show::progress(plan, progress, SystemClock.now());
    let mut errors = io::stderr().lock();
    // Standard error may be closed.
    let _ = if errors.is_terminal() {
        write!(errors, "\r\x1b[K{line}").and_then(|()| errors.flush())
    } else {
        writeln!(errors, "{line}")
    };
}

fn end_of_progress() {
    let mut errors = io::stderr().lock();
    if errors.is_terminal() {
        let _ = write!(errors, "\r\x1b[K");
    }
}
