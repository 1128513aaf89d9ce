//! Time and randomness.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use uuid::Uuid;

use super::Database;

/// Tells the time. Law: UTC; it may jump, also back, and callers must bear that.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that tells times as the database keeps them: what is answered and published is then what is stored, and nothing
/// is rounded on the way.
pub struct StoredTimes {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the times are stored.
    pub database: Arc<dyn Database>,
}

impl Clock for StoredTimes {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(self.database.time_decimals())
    }
}

/// A source of randomness, good enough for unique ids. Law: for all practical purposes, no two calls
/// on any two instances give the same value.
pub trait Entropy: Send + Sync {
    /// 128 random bits.
    fn bits(&self) -> u128;
}

/// A UUID of version 7 (RFC 9562) for a time. These sort by creation, so that inserts stay at the end
/// of an index.
#[must_use]
pub fn uuid_v7(at: DateTime<Utc>, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    random.iter_mut().zip(entropy.bits().to_be_bytes()).for_each(|(to, from)| *to = from);
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
