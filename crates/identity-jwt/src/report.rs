//! Numbers for metrics and the health page.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::refusal::{Reason, Refusal};

/// How checking tokens goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Tokens that speak for someone.
    pub accepted: u64,
    /// Tokens that do not, by the reason.
    pub refused: Vec<(&'static str, u64)>,
    /// The keys that are in use.
    pub keys: usize,
    /// Since when they are known to be right; `None` without keys, and for a key from a file.
    pub age: Option<Duration>,
    /// Fetches that gave keys.
    pub fetched: u64,
    /// Fetches that did not.
    pub failed: u64,
    /// Why the last fetch gave none; `None` if it did.
    pub last_failure: Option<String>,
}

/// Counts the tokens that are checked.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    accepted: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
}

impl Counts {
    pub(crate) fn note<T>(&self, outcome: &Result<T, Refusal>) {
        let counter = match outcome {
            Ok(_) => Some(&self.accepted),
            Err(refusal) => {
                let mut counters = Reason::ALL.into_iter().zip(&self.refused);
                counters.find(|(reason, _)| *reason == refusal.reason).map(|(_, counter)| counter)
            }
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> Vec<(&'static str, u64)> {
        let counters = Reason::ALL.into_iter().zip(&self.refused);
        counters.map(|(reason, count)| (reason.name(), count.load(Ordering::Relaxed))).collect()
    }
}
