//! Watching the end of the journal. An instance that holds most shards reads the new events of all
//! of them with one question and hands them out; the others only look how far the journal reaches,
//! and each shard that is behind reads for itself.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{Answer, Call};
use super::desk::{Desk, Pace};
use super::shard::Shard;
use super::window::at;
use crate::ports::{Placed, SHARDS, StoreError, Unreadable, shard};

/// At most so many events are read at once.
const PAGE: u32 = 1_000;

/// See the head of the file.
pub(super) struct Tail {
    position: Option<i64>,
    wanted: bool,
    busy: bool,
    reads: Pace,
}

impl Tail {
    pub(super) fn new(desk: &Desk) -> Self {
        Self { position: None, wanted: true, busy: false, reads: Pace::new(desk.now) }
    }

    /// How far the journal is known to reach.
    pub(super) fn position(&self) -> i64 {
        self.position.unwrap_or(0)
    }

    /// There is something new.
    pub(super) fn wake(&mut self) {
        self.wanted = true;
    }

    pub(super) fn work(&mut self, shards: &BTreeMap<u16, Shard>, desk: &mut Desk) {
        let idle = desk.journal_is_out() || !shards.values().any(Shard::is_open);
        let hurry = self.wanted && self.reads.is_well();
        if idle || self.busy || !(hurry || desk.is_due(self.reads.next())) {
            return;
        }
        (self.wanted, self.busy) = (false, true);
        let follow = self.position.filter(|position| {
            let followers = shards.values().filter(|shard| shard.follows(*position)).count();
            followers.saturating_mul(2) >= usize::from(SHARDS)
        });
        let (journal, deadline) = (desk.ports.journal.clone(), desk.deadline());
        desk.calls.start(Call::Tail(follow), async move {
            match follow {
                Some(after) => Answer::Page(journal.after(after, None, PAGE, deadline).await),
                None => Answer::Head(journal.head(deadline).await),
            }
        });
    }

    /// How far the journal reaches.
    pub(super) fn seen(&mut self, answer: Result<i64, StoreError>, desk: &mut Desk) {
        self.busy = false;
        match answer {
            Ok(head) => {
                self.position = Some(self.position().max(head));
                self.reads.worked(desk.after(desk.settings.poll));
            }
            Err(error) => desk.journal_failed("reading the journal", &mut self.reads, &error),
        }
    }

    /// What the journal has after a position.
    pub(super) fn read(
        &mut self,
        after: i64,
        answer: Result<Vec<Result<Placed, Unreadable>>, StoreError>,
        shards: &mut BTreeMap<u16, Shard>,
        desk: &mut Desk,
    ) {
        let page = match answer {
            Ok(page) => page,
            Err(error) => return self.seen(Err(error), desk),
        };
        let full = u32::try_from(page.len()).is_ok_and(|events| events >= PAGE);
        let head = page.last().map_or(after, |entry| at(entry).position);
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
