//! Following the end of the journal, for all subscribers of the process.

use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Inner;
use crate::ports::{EntryKey, Page, StoreError, later};
use crate::wake_up::WakeUp;

/// The most events that are read at once.
const PAGE: u32 = 500;

/// Follows for ever.
pub(super) async fn follow(inner: &Arc<Inner>, new_positions: &WakeUp) {
    loop {
        // An earlier follower may have been dropped in the middle of a step.
        inner.recent().clear();
        while !has_subscribers(inner) {
            inner.subscribed.notified().await;
        }
        follow_while_subscribed(inner, new_positions).await;
    }
}

async fn follow_while_subscribed(inner: &Arc<Inner>, new_positions: &WakeUp) {
    let mut failures = 0;
    while has_subscribers(inner) {
        let started = Instant::now();
        // Cleared before the read, or positions that are assigned in between would be missed.
        let _ = new_positions.take();
        match step(inner).await {
            Ok(more) => {
                if failures > 0 {
                    tracing::info!("the feed goes on");
                }
                failures = 0;
                if !more {
                    let _ = timeout(inner.settings.poll, new_positions.woken()).await;
                }
                sleep_until(later(started, inner.settings.pause)).await;
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

fn has_subscribers(inner: &Inner) -> bool {
    inner.stats().streams > 0
}

/// Reads what is new. Says whether there may be more.
async fn step(inner: &Inner) -> Result<bool, StoreError> {
    let (end, deadline) = (inner.recent().end(), inner.deadline());
    let Some(end) = end else {
        let last = inner.journal.last_position(deadline).await?;
        inner.recent().begin(last);
        inner.end.send_replace(last);
        return Ok(false);
    };
    let Page { items: page, more } = inner.journal.entries_after(end, None, PAGE, deadline).await?;
    let Some(to) = page.last().map(|entry| EntryKey::of(entry).position) else { return Ok(false) };
    let length = i64::try_from(page.len()).unwrap_or(i64::MAX);
    let events: Vec<_> = page.into_iter().filter_map(|entry| inner.event(entry)).collect();
    // Missing positions are those of skipped events. Or this process was suspended for so long that
    // events were purged meanwhile: then each subscriber finds out when it reads the journal.
    let holes = to.saturating_sub(end) != length;
    if holes && inner.check_purge(end, deadline).await?.is_err() {
        inner.recent().begin(to);
    } else {
        inner.recent().extend(events.into_iter(), to);
    }
    inner.end.send_replace(to);
    Ok(more)
}
