//! Sharing the shards with other instances: each says regularly that it lives, takes shards that
//! are free up to its fair share, and gives back what is above it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::calls::{Answer, Call};
use super::desk::{Desk, Pace, panicked};
use super::shard::Shard;
use crate::ports::{Duty, SHARDS, StoreError};

/// See the head of the file.
pub(super) struct Attendance {
    busy: bool,
    beats: Pace,
    /// How many shards an instance should hold.
    share: usize,
    /// Where to begin looking for a free shard; another place in each instance.
    offset: u16,
    /// What is to be looked at in this round.
    seek: VecDeque<u16>,
    /// Shards that we do not hold and have asked for, or got too late and give back.
    asking: BTreeSet<u16>,
    /// What comes of asking for leases.
    pub(super) leases: Pace,
}

impl Attendance {
    pub(super) fn new(desk: &Desk) -> Self {
        let bits = u16::try_from(desk.ports.entropy.bits() & 0xFFFF).unwrap_or(0);
        Self {
            busy: false,
            beats: Pace::new(desk.now),
            share: 0,
            offset: bits.checked_rem(SHARDS).unwrap_or(0),
            seek: VecDeque::new(),
            asking: BTreeSet::new(),
            leases: Pace::new(desk.now),
        }
    }

    /// Whether no shard is being asked for.
    pub(super) fn is_over(&self) -> bool {
        self.asking.is_empty()
    }

    /// `held` is how many shards we mean to keep; `taken` says of a shard whether we have it, or
    /// have calls under way from an earlier tenure.
    pub(super) fn work(&mut self, held: usize, taken: impl Fn(u16) -> bool, desk: &mut Desk) {
        // Whoever has met a failure wants to know whether it is one of many.
        let probe = desk.journal_is_out() && self.beats.is_well();
        if !self.busy && (probe || desk.is_due(self.beats.next())) {
            self.busy = true;
            let (journal, deadline) = (desk.ports.journal.clone(), desk.deadline());
            let (instance, lives_for) = (desk.instance, desk.settings.lease);
            desk.calls.start(Call::Attend, async move {
                Answer::Living(journal.heartbeat(instance, lives_for, deadline).await)
            });
        }
        while !desk.journal_is_out()
            && held.saturating_add(self.asking.len()) < self.share
            && let Some(shard) = self.seek.pop_front()
        {
            if !taken(shard) && self.asking.insert(shard) {
                desk.lease(Duty::Publish(shard));
            }
        }
    }

    /// A shard that was asked for is answered for; says whether we have too many with it.
    pub(super) fn answered(&mut self, shard: u16, held: usize) -> bool {
        self.asking.remove(&shard);
        held >= self.share
    }

    /// A shard that was answered for is given back: it is not asked for meanwhile.
    pub(super) fn gives_up(&mut self, shard: u16) {
        self.asking.insert(shard);
    }

    /// It has been given back.
    pub(super) fn gave_up(&mut self, shard: u16) {
        self.asking.remove(&shard);
    }

    /// So many instances live.
    pub(super) fn attended(
        &mut self,
        answer: Answer,
        shards: &mut BTreeMap<u16, Shard>,
        desk: &mut Desk,
    ) {
        self.busy = false;
        let living = match answer {
            Answer::Living(Ok(living)) => usize::try_from(living.max(1)).unwrap_or(usize::MAX),
            Answer::Living(Err(error)) => return self.failed(&error, desk),
            _ => return self.failed(&panicked(), desk),
        };
        desk.journal_works();
        self.beats.worked(desk.after(desk.settings.beat()));
        self.share = usize::from(SHARDS).div_ceil(living);
        let places = 0..SHARDS;
        let rotated = places.map(|n| n.saturating_add(self.offset).checked_rem(SHARDS));
        self.seek = rotated.flatten().collect();

        let held = shards.values().filter(|shard| !shard.is_leaving()).count();
        let by = desk.after(desk.settings.lease);
        let staying = shards.values_mut().rev().filter(|shard| !shard.is_leaving());
        staying.take(held.saturating_sub(self.share)).for_each(|shard| shard.leave(by));
        let leaving = shards.values_mut().filter(|shard| shard.is_leaving());
        leaving.take(self.share.saturating_sub(held)).for_each(Shard::stay);
    }

    fn failed(&mut self, error: &StoreError, desk: &mut Desk) {
        desk.journal_failed("attending", &mut self.beats, error);
    }
}
