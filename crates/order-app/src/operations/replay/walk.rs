//! Finding the events of a replay, at most one page at a time: through the journal, or, when few
//! orders are selected, order by order (`by_order.rs`).

use super::published::Published;
use super::rate_limit::RateLimit;
use super::sending::Due;
use super::{Replay, add, deadline};
use crate::ports::{EntryKey, JournalEntry, SelectedPage};

/// The most events that are held at a time; they may be large.
pub(super) const PAGE: u32 = 200;

impl Replay {
    pub(super) async fn walk(&self) -> Result<(), String> {
        let published = self.ask(|| Published::now(&*self.ports.inspection)).await?;
        let end = self.plan.up_to.unwrap_or(i64::MAX).min(published.last());
        self.progress.send_modify(|progress| progress.end = Some(end));
        let mut limit = RateLimit::new(self.plan.rate);
        match self.few_orders().await? {
            Some(orders) => self.by_order(&orders, &mut limit).await?,
            None => self.by_position(&published, end, &mut limit).await?,
        }
        // All is done up to the end, also when it began after that.
        self.progress.send_modify(|progress| progress.position = progress.position.max(end));
        Ok(())
    }

    /// Replays what was published at the start.
    async fn by_position(
        &self,
        published: &Published,
        end: i64,
        limit: &mut RateLimit,
    ) -> Result<(), String> {
        let inspection = &self.ports.inspection;
        let selection = &self.plan.selection;
        let mut after = self.plan.after;
        while after < end {
            let found = self.ask(|| inspection.select(selection, after, PAGE, deadline())).await?;
            let SelectedPage { events, through } = found;
            if through <= after {
                return Err(format!("the journal does not go on after position {after}"));
            }
            let through = through.min(end);
            let (mut due, mut unpublished) = (Vec::new(), 0_usize);
            for entry in events {
                let key = EntryKey::of(&entry);
                if key.position > end {
                    break;
                }
                if !self.is_to_come(key.order) {
                    continue;
                }
                if !published.has(key) {
                    unpublished = unpublished.saturating_add(1);
                    continue;
                }
                match entry {
                    Ok(JournalEntry { position, event }) => {
                        due.push(Due { position: Some(position), event });
                    }
                    Err(unreadable) => self.leave_out(unreadable.into()),
                }
            }
            self.deliver(due, limit).await?;
            self.progress.send_modify(|progress| {
                progress.position = through;
                add(&mut progress.unpublished, unpublished);
            });
            after = through;
        }
        Ok(())
    }
}
