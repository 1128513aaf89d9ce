//! Libraries log what a client has done wrong, and what is amiss for long, each time that they meet it. A place in their
//! code is heard once a minute, so that clients cannot fill the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::layer::{Context, Filter};

/// How often a place is heard.
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
        let now = Instant::now();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.get(&event.metadata().callsite());
        let is_due = last.is_none_or(|last| now.saturating_duration_since(*last) >= HEARD_EVERY);
        if is_due {
            heard.insert(event.metadata().callsite(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::Subscriber;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{Layer, Registry};

    use super::*;

    struct Count(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_place_in_a_library_is_heard_once_a_minute() {
        let count = Arc::default();
        let layer = Count(Arc::clone(&count)).with_filter(Repeats::of(&["library"]));
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            for _ in 0..3 {
                tracing::error!(target: "library::accept", "no descriptors");
                tracing::error!(target: "library::read", "badly framed");
                tracing::error!(target: "library_of_ours", "each counts");
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), 2 + 3);
    }
}
