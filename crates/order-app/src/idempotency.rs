//! One execution per idempotency key (draft-ietf-httpapi-idempotency-key-header-07): the key, the request that
//! it stands for, and the recorded answer. An answer is recorded as a part of the
//! [`Change`](crate::ports::Change) that it answers.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::caller::CallerName;

/// What a write does. The same key under two operations is two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Placing an order.
    Place,
    /// Replacing the lines of an order.
    ReplaceLines,
    /// Changing the status of an order.
    ChangeStatus,
}

/// What is recorded of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// The whole answer, which is repeated byte for byte.
    Answer,
    /// The order alone: a repeated request may ask for other parts of it.
    Order,
}

/// A client's key within its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// To whom it belongs; the same for all requests where callers do not say who they are.
    pub caller: CallerName,
    /// What the request does.
    pub operation: Operation,
    /// What is recorded. The same key with another record is another key, because one cannot be answered from the other.
    pub recorded: Recorded,
    /// The key itself: 1 to 255 characters of visible ASCII.
    pub key: String,
}

impl IdempotencyKey {
    /// The name of the operation and its record in the database, at most 20 characters.
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        match (self.operation, self.recorded) {
            (Operation::Place, Recorded::Answer) => "place",
            (Operation::ReplaceLines, Recorded::Answer) => "replace_lines",
            (Operation::ChangeStatus, Recorded::Answer) => "change_status",
            (Operation::Place, Recorded::Order) => "place/order",
            (Operation::ReplaceLines, Recorded::Order) => "replace_lines/order",
            (Operation::ChangeStatus, Recorded::Order) => "change_status/order",
        }
    }
}

/// A digest of the parsed request. It shows when a key comes with another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// An answer as a driving adapter encoded it. The application and the store keep its parts and return
/// them byte for byte; only the adapter knows what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What kind of answer it is.
    pub tag: u16,
    /// What comes before the body.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer, and the request to which it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The key of the request.
    pub key: IdempotencyKey,
    /// The digest of the request.
    pub fingerprint: Fingerprint,
    /// The answer to repeat.
    pub answer: Answer,
    /// When it was recorded, UTC, in microseconds.
    pub recorded_at: DateTime<Utc>,
}

/// The keys of the requests that run in this process. Two requests with one key must not run at the same time;
/// across processes the unique key of the database excludes it.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashSet<IdempotencyKey>>);

/// Holds a key until it is dropped.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    in_flight: &'a InFlight,
    key: IdempotencyKey,
}

impl InFlight {
    /// Takes a key; `None` when a request with it is running.
    pub(crate) fn start(&self, key: &IdempotencyKey) -> Option<Running<'_>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.clone()).then(|| Running { in_flight: self, key: key.clone() })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut keys = self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&self.key);
    }
}
