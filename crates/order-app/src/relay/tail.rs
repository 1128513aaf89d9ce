//! Reading the journal for most shards at once. An instance that holds most of them asks one question
//! for the next events of all, in the order in which they are stored, and hands them out: at the
//! end of the journal as well as in a backlog. A shard that is behind the others reads for itself
//! until it has caught up; and an instance with few shards only looks how far the journal reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::calls::{Answer, Call};
use super::desk::{Desk, Pace, later};
use super::shard::Shard;
use super::window::at;
use crate::ports::{JournalEntry, SHARDS, StoreError, Unreadable, shard};

/// At most so many events are read at once.
const PAGE: u32 = 1_000;
/// What a page may bring a shard, with a margin.
const SHARE: usize = 128;
/// For so long it is waited until most shards have room for their share; then each that has reads
/// for itself.
const PATIENCE: Duration = Duration::from_millis(50);

/// See the head of the file.
pub(super) struct Tail {
    /// How far the journal is known to reach.
    head: i64,
    /// Most shards have read up to here, and are served from here on.
    front: Option<i64>,
    /// When most shards last had room.
    roomy: Instant,
    wanted: bool,
    busy: bool,
    reads: Pace,
}

impl Tail {
    pub(super) fn new(desk: &Desk) -> Self {
        let reads = Pace::new(desk.now);
        Self { head: 0, front: None, roomy: desk.now, wanted: true, busy: false, reads }
    }

    /// Up to where shards read for themselves.
    pub(super) fn position(&self) -> i64 {
        self.front.unwrap_or(self.head)
    }

    /// There is something new.
    pub(super) fn wake(&mut self) {
        self.wanted = true;
    }

    pub(super) fn work(&mut self, shards: &BTreeMap<u16, Shard>, desk: &mut Desk) {
        let has_room = self.look_for_front(shards, desk);
        if desk.journal_is_out() || self.busy || !shards.values().any(Shard::is_open) {
            return;
        }
        if self.front.is_some() && !has_room {
            desk.is_due(later(self.roomy, PATIENCE));
            return;
        }
        let behind = self.front.is_some_and(|front| front < self.head);
        let hurry = (self.wanted || behind) && self.reads.is_well();
        if !(hurry || desk.is_due(self.reads.next())) {
            return;
        }
        (self.wanted, self.busy) = (false, true);
        let (journal, deadline, front) = (desk.ports.journal.clone(), desk.deadline(), self.front);
        desk.calls.start(Call::Tail(front), async move {
            match front {
                Some(after) => {
                    Answer::Page(journal.entries_after(after, None, PAGE, deadline).await)
                }
                None => Answer::Head(journal.last_position(deadline).await),
            }
        });
    }

    /// Finds out up to where most shards have read; says whether most have room.
    fn look_for_front(&mut self, shards: &BTreeMap<u16, Shard>, desk: &Desk) -> bool {
        let (now, share) = (desk.now, SHARE.min(desk.settings.window.div_ceil(4)));
        let roomy = shards.values().filter(|shard| shard.has_room(share));
        let mut reads: Vec<i64> = roomy.map(|shard| shard.window.read()).collect();
        reads.sort_unstable_by(|one, other| other.cmp(one));
        // Of half of the shards it is worth to read all events.
        let half = usize::from(SHARDS).div_ceil(2);
        match reads.get(half.saturating_sub(1)) {
            Some(front) => (self.front, self.roomy) = (Some(*front), now),
            None if later(self.roomy, PATIENCE) <= now => self.front = None,
            None => return false,
        }
        true
    }

    /// How far the journal reaches.
    pub(super) fn seen(&mut self, answer: Result<i64, StoreError>, desk: &mut Desk) {
        self.busy = false;
        match answer {
            Ok(head) => {
                self.head = self.head.max(head);
                self.reads.worked(desk.after(desk.settings.poll));
            }
            Err(error) => desk.journal_failed("reading the journal", &mut self.reads, &error),
        }
    }

    /// What the journal has after a position.
    pub(super) fn read(
        &mut self,
        after: i64,
        answer: Result<Vec<Result<JournalEntry, Unreadable>>, StoreError>,
        shards: &mut BTreeMap<u16, Shard>,
        desk: &mut Desk,
    ) {
        let page = match answer {
            Ok(page) => page,
            Err(error) => return self.seen(Err(error), desk),
        };
        let full = u32::try_from(page.len()).is_ok_and(|events| events >= PAGE);
        let last = page.last().map_or(after, |entry| at(entry).position);
        // What is not full is all that there was when it was read. Places whose events were skipped
        // are not on it.
        let head = if full { last } else { last.max(self.head) };
        // Whoever has no room for one event takes none of the later ones either.
        let following = |(number, shard): (&u16, &Shard)| shard.follows(after).then_some(*number);
        let mut following: BTreeSet<u16> = shards.iter().filter_map(following).collect();
        for entry in page {
            let number = shard(at(&entry).order);
            if following.contains(&number)
                && let Some(shard) = shards.get_mut(&number)
                && !shard.offer(entry)
            {
                following.remove(&number);
            }
        }
        for number in following {
            if let Some(shard) = shards.get_mut(&number) {
                shard.window.read_up_to(head);
            }
        }
        self.wanted |= full;
        self.seen(Ok(head), desk);
    }
}
