//! What the log says of shards that change hands: one line for all that change within a second, not
//! one for each.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::context::Context;
use crate::ports::later;

/// How long changes are gathered for one line.
const TOGETHER: Duration = Duration::from_secs(1);

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Handovers {
    taken: BTreeSet<u16>,
    given_back: BTreeSet<u16>,
    lost: BTreeSet<u16>,
    since: Option<Instant>,
}

impl Handovers {
    /// This instance publishes a shard from now on.
    pub(super) fn taken(&mut self, shard: u16, context: &Context) {
        self.taken.insert(shard);
        self.since.get_or_insert(context.now);
    }

    /// This instance has given a shard back.
    pub(super) fn given_back(&mut self, shard: u16, context: &Context) {
        self.given_back.insert(shard);
        self.since.get_or_insert(context.now);
    }

    /// Another instance has taken a shard, because the lease was not renewed in time.
    pub(super) fn lost(&mut self, shard: u16, context: &Context) {
        self.lost.insert(shard);
        self.since.get_or_insert(context.now);
    }

    /// Logs the changes once they have been gathered. `held` counts the shards of this instance.
    pub(super) fn tell_when_due(&mut self, held: usize, context: &mut Context) {
        if let Some(since) = self.since
            && context.is_due(later(since, TOGETHER))
        {
            self.tell(held);
        }
    }

    /// Logs the changes now.
    pub(super) fn tell(&mut self, held: usize) {
        let Self { taken, given_back, lost, .. } = std::mem::take(self);
        if let Some(lost) = list(&lost) {
            tracing::warn!(lost, held, "another instance has taken shards of this one");
        }
        let (taken, given_back) = (list(&taken), list(&given_back));
        if taken.is_some() || given_back.is_some() {
            tracing::info!(taken, given_back, held, "shards have changed hands");
        }
    }
}

/// The numbers, such as `0-7, 9`; `None` if there are none.
fn list(shards: &BTreeSet<u16>) -> Option<String> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for shard in shards {
        match ranges.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *shard => *last = *shard,
            _ => ranges.push((*shard, *shard)),
        }
    }
    let range = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    (!ranges.is_empty()).then(|| ranges.iter().map(range).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        let listed = |shards: &[u16]| list(&shards.iter().copied().collect());
        assert_eq!(listed(&[]), None);
        assert_eq!(listed(&[3]).as_deref(), Some("3"));
        assert_eq!(listed(&[0, 1, 2, 4, 14, 15]).as_deref(), Some("0-2, 4, 14-15"));
    }
}
