//! Reading the journal for most shards at once. An instance that holds half of the shards or more
//! reads the next entries of all shards with one call, in the order in which they are stored, and
//! hands them out. A shard that is behind the others reads for itself until it has caught up. An
//! instance with fewer shards asks only for the last position; each of its shards reads for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::calls::Outcome;
use super::context::{Context, Schedule};
use super::shard::Shard;
use crate::ports::{EntryKey, Page, ReadEntry, SHARDS, StoreError, later, shard};

/// The most entries of one call.
const PAGE: u32 = 1_000;
/// The room that a shard needs for its part of a page, with a margin.
const ROOM: usize = 128;
/// When most shards have had no room for so long, those that have room read for themselves.
const PATIENCE: Duration = Duration::from_millis(50);

/// See the head of the file.
pub(super) struct SharedReader {
    /// The last position that the journal is known to have.
    last_position: i64,
    /// Half of the shards have read up to here, and are served from here on. `None`: each shard
    /// reads for itself.
    front: Option<i64>,
    /// When half of the shards last had room.
    last_roomy: Instant,
    /// Whether the journal may have new entries.
    has_work: bool,
    call_under_way: bool,
    calls: Schedule,
}

impl SharedReader {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            last_position: 0,
            front: None,
            last_roomy: context.now,
            has_work: true,
            call_under_way: false,
            calls: Schedule::new(context.now),
        }
    }

    /// Up to this position, shards read for themselves.
    pub(super) fn front(&self) -> i64 {
        self.front.unwrap_or(self.last_position)
    }

    /// Events got their positions.
    pub(super) fn wake(&mut self) {
        self.has_work = true;
    }

    pub(super) fn work(&mut self, shards: &BTreeMap<u16, Shard>, context: &mut Context) {
        let has_room = self.move_front(shards, context);
        if context.journal_is_down || self.call_under_way || !shards.values().any(Shard::is_open) {
            return;
        }
        if self.front.is_some() && !has_room {
            context.is_due(later(self.last_roomy, PATIENCE));
            return;
        }
        let behind = self.front.is_some_and(|front| front < self.last_position);
        let now = (self.has_work || behind) && self.calls.is_well();
        if !(now || context.is_due(self.calls.next)) {
            return;
        }
        (self.has_work, self.call_under_way) = (false, true);
        let (journal, deadline) = (context.ports.journal.clone(), context.deadline());
        match self.front {
            Some(after) => context.calls.start(
                "read the journal",
                async move { journal.entries_after(after, None, PAGE, deadline).await },
                move |page| Outcome::Entries(after, page),
            ),
            None => context.calls.start(
                "read the last position",
                async move { journal.last_position(deadline).await },
                Outcome::LastPosition,
            ),
        }
    }

    /// Finds the position up to which half of the shards have read. Says whether these have room.
    fn move_front(&mut self, shards: &BTreeMap<u16, Shard>, context: &Context) -> bool {
        let (now, room) = (context.now, ROOM.min(context.settings.window.div_ceil(4)));
        let roomy = shards.values().filter(|shard| shard.has_room(room));
        let mut read: Vec<i64> = roomy.map(|shard| shard.window.read_through).collect();
        read.sort_unstable_by(|one, other| other.cmp(one));
        // Reading all entries is worth it for half of the shards.
        let half = usize::from(SHARDS).div_ceil(2);
        match read.get(half.saturating_sub(1)) {
            Some(front) => (self.front, self.last_roomy) = (Some(*front), now),
            None if later(self.last_roomy, PATIENCE) <= now => self.front = None,
            None => return false,
        }
        true
    }

    pub(super) fn last_position_read(
        &mut self,
        answer: Result<i64, StoreError>,
        context: &mut Context,
    ) {
        self.call_under_way = false;
        match answer {
            Ok(last) => {
                self.last_position = self.last_position.max(last);
                self.calls.succeeded(context.after(context.settings.poll));
            }
            Err(error) => context.journal_failed("reading the journal", &mut self.calls, &error),
        }
    }

    /// Hands out the entries after a position.
    pub(super) fn entries_read(
        &mut self,
        after: i64,
        answer: Result<Page<ReadEntry>, StoreError>,
        shards: &mut BTreeMap<u16, Shard>,
        context: &mut Context,
    ) {
        let Page { items: page, more } = match answer {
            Ok(page) => page,
            Err(error) => return self.last_position_read(Err(error), context),
        };
        let last = page.last().map_or(after, |entry| EntryKey::of(entry).position);
        // The last page ends at the last position, which may be that of a skipped event,
        // and then is higher than that of the last entry.
        let through = if more { last } else { last.max(self.last_position) };
        // A shard without room for one entry must not take a later one.
        let following = |(number, shard): (&u16, &Shard)| shard.follows(after).then_some(*number);
        let mut following: BTreeSet<u16> = shards.iter().filter_map(following).collect();
        for entry in page {
            let number = shard(EntryKey::of(&entry).order);
            if following.contains(&number)
                && let Some(shard) = shards.get_mut(&number)
                && !shard.offer(entry)
            {
                following.remove(&number);
            }
        }
        for number in following {
            if let Some(shard) = shards.get_mut(&number) {
                shard.window.set_read_through(through);
            }
        }
        self.has_work |= more;
        self.last_position_read(Ok(through), context);
    }
}
