//! Sending the events that a replay has found: one event of each order at a time, within the rate,
//! and again until each event is confirmed or refused for good.

use std::collections::HashSet;
use std::time::Duration;

use order_domain::OrderId;
use tokio::time::sleep;

use super::rate_limit::RateLimit;
use super::{Replay, add};
use crate::backoff::Backoff;
use crate::errors::chain;
use crate::events::EventRecord;
use crate::ports::{EventReplayer, PublishError, StoreError};

/// The pauses after failures.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10) };

/// An event that is to be sent, with its position if it was found by that.
pub(super) struct Due {
    pub(super) position: Option<i64>,
    pub(super) event: EventRecord,
}

/// The first event, by its number, that was refused for good.
struct Refused {
    number: usize,
    point: ResumePoint,
    reason: String,
}

/// Where an event is found again: at its position, or else at its order.
#[derive(Clone, Copy)]
struct ResumePoint {
    position: Option<i64>,
    order: OrderId,
}

impl Due {
    fn point(&self) -> ResumePoint {
        ResumePoint { position: self.position, order: self.event.order_id }
    }
}

impl Replay {
    /// Sends events, each order's in sequence; or counts them.
    pub(super) async fn deliver(&self, due: Vec<Due>, limit: &mut RateLimit) -> Result<(), String> {
        match &self.ports.replayer {
            Some(replayer) if !self.plan.dry_run => self.send(&**replayer, due, limit).await,
            _ => {
                self.progress.send_modify(|progress| add(&mut progress.events, due.len()));
                Ok(())
            }
        }
    }

    /// An event that is refused for good ends the replay after all events before it are confirmed,
    /// so that it can be resumed at this event or right after it.
    async fn send(
        &self,
        replayer: &dyn EventReplayer,
        due: Vec<Due>,
        limit: &mut RateLimit,
    ) -> Result<(), String> {
        let mut pending: Vec<(usize, Due)> = due.into_iter().enumerate().collect();
        let mut refused: Option<Refused> = None;
        let mut failures = 0;
        while !pending.is_empty() {
            let (numbers, wave) = wave(&pending, limit.burst());
            limit.wait(wave.len()).await;
            let results = replayer.replay(self.plan.topic.as_deref(), &wave).await;
            let (mut confirmed, mut trouble) = (HashSet::new(), None);
            for (((number, point), event), result) in numbers.into_iter().zip(&wave).zip(results) {
                match result {
                    Ok(()) => drop(confirmed.insert(number)),
                    Err(PublishError::Transient(cause)) => trouble = Some(chain(&*cause)),
                    Err(error @ PublishError::Permanent(_)) => {
                        if refused.as_ref().is_none_or(|first| number < first.number) {
                            let reason = refusal(point.position, event, &error);
                            refused = Some(Refused { number, point, reason });
                        }
                    }
                }
            }
            let end = refused.as_ref().map_or(usize::MAX, |refused| refused.number);
            pending.retain(|(number, _)| *number < end && !confirmed.contains(number));
            self.confirmed(&pending, confirmed.len(), refused.as_ref());
            match trouble {
                Some(trouble) if confirmed.is_empty() => self.pause(&mut failures, trouble).await,
                _ => {
                    self.goes_on(failures);
                    failures = 0;
                }
            }
        }
        refused.map_or(Ok(()), |refused| Err(refused.reason))
    }

    /// Moves the point of resumption to right before the first event that is not confirmed. Events
    /// are due in the order of their positions, or of their orders.
    fn confirmed(&self, pending: &[(usize, Due)], events: usize, refused: Option<&Refused>) {
        let first = pending.first().map(|(_, due)| due.point());
        let open = first.or(refused.map(|refused| refused.point));
        self.progress.send_modify(|progress| {
            add(&mut progress.events, events);
            match open {
                None => {}
                Some(ResumePoint { position: Some(open), .. }) => {
                    progress.position = progress.position.max(open.saturating_sub(1));
                }
                Some(ResumePoint { order, .. }) => {
                    let before = OrderId::new(order.get().saturating_sub(1)).ok();
                    progress.after_order = progress.after_order.max(before);
                }
            }
        });
    }

    /// Asks the database, again and again while it does not answer.
    pub(super) async fn ask<T, F>(&self, question: impl Fn() -> F) -> Result<T, String>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut failures = 0;
        loop {
            match question().await {
                Ok(answer) => {
                    self.goes_on(failures);
                    return Ok(answer);
                }
                Err(error @ StoreError::Corrupt(_)) => return Err(chain(&error)),
                Err(error) => self.pause(&mut failures, chain(&error)).await,
            }
        }
    }

    async fn pause(&self, failures: &mut u32, trouble: String) {
        tracing::debug!(trouble, "a replay waits");
        self.progress.send_modify(|progress| progress.trouble = Some(trouble));
        sleep(PAUSES.pause(*failures, &*self.ports.entropy)).await;
        *failures = failures.saturating_add(1);
    }

    fn goes_on(&self, failures: u32) {
        if failures > 0 {
            self.progress.send_modify(|progress| progress.trouble = None);
        }
    }
}

/// The number of an event, and where it is found again.
type Numbered = (usize, ResumePoint);

/// The first pending event of each order, at most `limit`, with their numbers.
fn wave(pending: &[(usize, Due)], limit: usize) -> (Vec<Numbered>, Vec<EventRecord>) {
    let mut orders = HashSet::new();
    let first = |(_, due): &&(usize, Due)| orders.insert(due.event.order_id);
    let wave = pending.iter().filter(first).take(limit);
    wave.map(|(number, due)| ((*number, due.point()), due.event.clone())).unzip()
}

fn refusal(position: Option<i64>, event: &EventRecord, error: &PublishError) -> String {
    let (order, sequence, cause) = (event.order_id, event.sequence, chain(error));
    let at = position.map(|position| format!(", at position {position},"));
    format!("event {sequence} of order {order}{} is refused: {cause}", at.unwrap_or_default())
}
