//! Libraries log what a client has done wrong, and what is amiss for long, each time that they meet it. Each call site in
//! their code is heard once a minute, so that clients cannot fill the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::layer::{Context, Filter};

/// How often a call site is heard.
const HEARD_EVERY: Duration = Duration::from_mins(1);

/// See the head of the file.
pub(super) struct Repeats {
    /// The libraries.
    libraries: &'static [&'static str],
    heard: Mutex<HashMap<Identifier, Instant>>,
}

impl Repeats {
    pub(super) fn of(libraries: &'static [&'static str]) -> Self {
        Self { libraries, heard: Mutex::default() }
    }

    /// Whether a call site is heard now. If so, it is not heard again before the next minute.
    fn is_due(&self, site: Identifier, now: Instant) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.get(&site);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(*last) >= HEARD_EVERY);
        if is_due {
            heard.insert(site, now);
        }
        is_due
    }
}

impl<S> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let library = event.metadata().target().split("::").next().unwrap_or_default();
        if !self.libraries.contains(&library) {
            return true;
        }
        self.is_due(event.metadata().callsite(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use tracing::callsite::{Callsite as _, Identifier};
    use tracing::metadata::Kind;

    use super::*;

    #[test]
    fn a_call_site_is_heard_once_a_minute() {
        let repeats = Repeats::of(&[]);
        let accept = tracing::callsite!(name: "no descriptors", kind: Kind::EVENT, fields:);
        let read = tracing::callsite!(name: "badly framed", kind: Kind::EVENT, fields:);
        let [accept, read]: [Identifier; 2] =
            [accept.metadata().callsite(), read.metadata().callsite()];
        let start = Instant::now();
        let heard = |site: &Identifier, seconds| {
            repeats.is_due(site.clone(), start.checked_add(Duration::from_secs(seconds)).unwrap())
        };
        assert!(heard(&accept, 0) && heard(&read, 30));
        assert!(!heard(&accept, 1) && !heard(&accept, 59) && !heard(&read, 60));
        assert!(heard(&accept, 60) && !heard(&accept, 119) && heard(&read, 90));
    }
}
