//! Following the end of the journal, for all subscribers of the process.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Inner;
use crate::ports::StoreError;
use crate::wake_up::WakeUp;

/// At most so many events are read at once.
const PAGE: u32 = 500;

/// Follows for ever.
pub(super) async fn follow(inner: &Arc<Inner>, placed: &WakeUp) {
    loop {
        // A ring that somebody has left in the middle of something tells nothing.
        inner.ring().clear();
        while !has_listeners(inner) {
            inner.wanted.notified().await;
        }
        while_wanted(inner, placed).await;
    }
}

async fn while_wanted(inner: &Arc<Inner>, placed: &WakeUp) {
    let mut failures = 0;
    while has_listeners(inner) {
        let started = Instant::now();
        // Heard before the question, or what is placed in between would be missed.
        placed.take();
        match step(inner).await {
            Ok(more) => {
                if failures > 0 {
                    tracing::info!("the feed goes on");
                }
                failures = 0;
                if !more {
                    let _ = timeout(inner.settings.poll, placed.woken()).await;
                }
                sleep_until(started.checked_add(inner.settings.breath).unwrap_or(started)).await;
            }
            Err(error) => {
                if failures == 0 {
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(cause, "the feed waits for its journal");
                }
                sleep(inner.settings.backoff.pause(failures, &*inner.entropy)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

fn has_listeners(inner: &Inner) -> bool {
    inner.streams.load(Ordering::SeqCst) > 0
}

/// Reads what is new; says whether there may be more.
async fn step(inner: &Inner) -> Result<bool, StoreError> {
    let (end, deadline) = (inner.ring().end(), inner.deadline());
    let Some(end) = end else {
        let head = inner.journal.last_position(deadline).await?;
        inner.ring().begin(head);
        inner.end.send_replace(head);
        return Ok(false);
    };
    let page = inner.journal.entries_after(end, None, PAGE, deadline).await?;
    let full = u32::try_from(page.len()).is_ok_and(|events| events >= PAGE);
    let Some(last) = page.last() else { return Ok(false) };
    let to = last.as_ref().map_or_else(|unreadable| unreadable.position, |one| one.position);
    let length = i64::try_from(page.len()).unwrap_or(i64::MAX);
    let events: Vec<_> = page.into_iter().filter_map(|entry| inner.tell(entry)).collect();
    // Places without an event are those of skipped ones; or else this process has slept so long
    // that events were purged meanwhile, which subscribers are to find out for themselves.
    let holes = to.saturating_sub(end) != length;
    if holes && inner.check_purge(end, deadline).await?.is_err() {
        inner.ring().begin(to);
    } else {
        inner.ring().extend(events.into_iter(), to);
    }
    inner.end.send_replace(to);
    Ok(full)
}
