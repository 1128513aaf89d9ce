//! The numbers of the use cases, for operators. Exporting them is not here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use order_domain::{OrderEventKind, OrderStatus};
use order_events::saga::CommandType;

use crate::ports::Command;
use crate::saga::ReplyOutcome;

/// All steps of an order's life.
const STEPS: [(Option<OrderStatus>, OrderEventKind); 7] = [
    (None, OrderEventKind::Created),
    (Some(OrderStatus::Pending), OrderEventKind::Updated),
    (Some(OrderStatus::Pending), OrderEventKind::Confirmed),
    (Some(OrderStatus::Confirmed), OrderEventKind::InProgress),
    (Some(OrderStatus::InProgress), OrderEventKind::Delivered),
    (Some(OrderStatus::Pending), OrderEventKind::Cancelled),
    (Some(OrderStatus::Confirmed), OrderEventKind::Cancelled),
];

/// Counted by the use cases, and shared with its readers.
#[derive(Debug, Default)]
pub struct OrderStats {
    steps: [AtomicU64; STEPS.len()],
    replays: AtomicU64,
    left_out: AtomicU64,
    commands: [[AtomicU64; 2]; CommandType::ALL.len()],
    replies: [[AtomicU64; ReplyOutcome::ALL.len()]; CommandType::ALL.len()],
    answers: Mutex<Vec<(CommandType, Duration)>>,
}

/// The most answers that are kept until they are read.
const MOST_ANSWERS: usize = 10_000;

/// How often orders took a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCount {
    /// The status before; `None` when the order is new.
    pub from: Option<OrderStatus>,
    /// The event of the step.
    pub kind: OrderEventKind,
    /// How often, since the process started.
    pub count: u64,
}

/// How often a command was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandCount {
    /// The command.
    pub command: CommandType,
    /// Whether it was sent before.
    pub again: bool,
    /// How often, since the process started.
    pub count: u64,
}

/// How often a reply was taken in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyCount {
    /// The command that it answers.
    pub command: CommandType,
    /// How it was taken.
    pub outcome: ReplyOutcome,
    /// How often, since the process started.
    pub count: u64,
}

impl OrderStats {
    /// How often each command of sagas was sent.
    pub fn commands(&self) -> impl Iterator<Item = CommandCount> {
        CommandType::ALL.into_iter().zip(&self.commands).flat_map(|(command, counts)| {
            [false, true].into_iter().zip(counts).map(move |(again, count)| CommandCount {
                command,
                again,
                count: count.load(Relaxed),
            })
        })
    }

    /// How often each reply was taken in each way.
    pub fn replies(&self) -> impl Iterator<Item = ReplyCount> {
        CommandType::ALL.into_iter().zip(&self.replies).flat_map(|(command, counts)| {
            ReplyOutcome::ALL.iter().zip(counts).map(move |(outcome, count)| ReplyCount {
                command,
                outcome: *outcome,
                count: count.load(Relaxed),
            })
        })
    }

    /// How long each command took to be answered, since the last call. The first 10,000 are kept until the metrics are read.
    pub fn answers(&self) -> Vec<(CommandType, Duration)> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A command is sent.
    pub(super) fn sends(&self, command: &Command) {
        let mut all = CommandType::ALL.into_iter().zip(&self.commands);
        if let Some((_, [first, again])) = all.find(|(kind, _)| *kind == command.task.kind()) {
            if command.attempt > 1 { again } else { first }.fetch_add(1, Relaxed);
        }
    }

    /// A reply was taken. `took` is how long its command was open, if the saga waited for it.
    pub(super) fn takes(
        &self,
        command: CommandType,
        outcome: ReplyOutcome,
        took: Option<Duration>,
    ) {
        if let Some(took) = took {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.len() < MOST_ANSWERS {
                answers.push((command, took));
            }
        }
        let mut all = CommandType::ALL.into_iter().zip(&self.replies);
        if let Some((_, counts)) = all.find(|(kind, _)| *kind == command) {
            let mut counts = ReplyOutcome::ALL.iter().zip(counts);
            if let Some((_, count)) = counts.find(|(each, _)| **each == outcome) {
                count.fetch_add(1, Relaxed);
            }
        }
    }

    /// How often orders took each step.
    pub fn steps(&self) -> impl Iterator<Item = StepCount> {
        let counts = self.steps.iter().map(|count| count.load(Relaxed));
        STEPS.iter().zip(counts).map(|(&(from, kind), count)| StepCount { from, kind, count })
    }

    /// Requests that got a recorded answer, because they had been executed before.
    pub fn replays(&self) -> u64 {
        self.replays.load(Relaxed)
    }

    /// How often an event was left out of its order's history, because it cannot be read.
    pub fn unreadable_events(&self) -> u64 {
        self.left_out.load(Relaxed)
    }

    /// An event was committed.
    pub(super) fn took(&self, from: Option<OrderStatus>, kind: OrderEventKind) {
        let mut all = STEPS.iter().zip(&self.steps);
        if let Some((_, count)) = all.find(|(step, _)| **step == (from, kind)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Events were left out of a history.
    pub(super) fn left_out(&self, events: usize) {
        self.left_out.fetch_add(events.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    /// A recorded answer was given again.
    pub(super) fn replayed(&self) {
        self.replays.fetch_add(1, Relaxed);
    }
}
