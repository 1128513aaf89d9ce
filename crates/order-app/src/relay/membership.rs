//! Sharing the shards among instances: each instance sends heartbeats, takes free shards up to its
//! fair share, and gives back what is above it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::calls::Outcome;
use super::context::{Context, Schedule};
use super::shard::Shard;
use crate::ports::{Duty, SHARDS, StoreError};

/// See the head of the file.
pub(super) struct Membership {
    heartbeat_under_way: bool,
    heartbeats: Schedule,
    /// How many shards an instance should hold.
    fair_share: usize,
    /// Where the search for a free shard begins; random, so that instances begin apart.
    offset: u16,
    /// The shards to ask for until the next heartbeat.
    candidates: VecDeque<u16>,
    /// Shards whose lease is asked for, and shards given back because they came too late, which are
    /// not asked for meanwhile.
    pub(super) requested: BTreeSet<u16>,
    /// The failures of asking for leases.
    pub(super) leases: Schedule,
}

impl Membership {
    pub(super) fn new(context: &Context) -> Self {
        let bits = u16::try_from(context.ports.entropy.bits() & 0xFFFF).unwrap_or(0);
        Self {
            heartbeat_under_way: false,
            heartbeats: Schedule::new(context.now),
            fair_share: 0,
            offset: bits.checked_rem(SHARDS).unwrap_or(0),
            candidates: VecDeque::new(),
            requested: BTreeSet::new(),
            leases: Schedule::new(context.now),
        }
    }

    /// Whether no lease of a shard is asked for.
    pub(super) fn is_idle(&self) -> bool {
        self.requested.is_empty()
    }

    /// Sends a heartbeat and asks for shards, when that is due. `held` counts the shards that stay;
    /// `taken` says whether a shard is held, or has calls under way from an earlier period.
    pub(super) fn work(&mut self, held: usize, taken: impl Fn(u16) -> bool, context: &mut Context) {
        // After the failure of another call, a heartbeat shows whether the journal is down.
        let probe = context.journal_is_down && self.heartbeats.is_well();
        if !self.heartbeat_under_way && (probe || context.is_due(self.heartbeats.next)) {
            self.heartbeat_under_way = true;
            let (journal, deadline) = (context.ports.journal.clone(), context.deadline());
            let (instance, lives_for) = (context.instance, context.settings.lease);
            let heartbeat = async move { journal.heartbeat(instance, lives_for, deadline).await };
            context.calls.start("heartbeat", heartbeat, Outcome::Heartbeat);
        }
        while !context.journal_is_down
            && held.saturating_add(self.requested.len()) < self.fair_share
            && let Some(shard) = self.candidates.pop_front()
        {
            if !taken(shard) && self.requested.insert(shard) {
                context.ask_for_lease(Duty::Publish(shard));
            }
        }
    }

    /// The lease of a shard was granted or not. Says whether one more shard is too many.
    pub(super) fn lease_answered(&mut self, shard: u16, held: usize) -> bool {
        self.requested.remove(&shard);
        held >= self.fair_share
    }

    /// Adapts the fair share to the number of live instances.
    pub(super) fn heartbeat_answered(
        &mut self,
        answer: Result<u32, StoreError>,
        shards: &mut BTreeMap<u16, Shard>,
        context: &mut Context,
    ) {
        self.heartbeat_under_way = false;
        let living = match answer {
            Ok(living) => usize::try_from(living.max(1)).unwrap_or(usize::MAX),
            Err(error) => {
                return context.journal_failed("the heartbeat", &mut self.heartbeats, &error);
            }
        };
        context.journal_answered();
        self.heartbeats.succeeded(context.after(context.settings.heartbeat()));
        self.fair_share = usize::from(SHARDS).div_ceil(living);
        let rotated = (0..SHARDS).map(|n| n.saturating_add(self.offset).checked_rem(SHARDS));
        self.candidates = rotated.flatten().collect();

        let held = shards.values().filter(|shard| !shard.is_leaving()).count();
        let by = context.after(context.settings.lease);
        let staying = shards.values_mut().rev().filter(|shard| !shard.is_leaving());
        staying.take(held.saturating_sub(self.fair_share)).for_each(|shard| shard.leave(by));
        let leaving = shards.values_mut().filter(|shard| shard.is_leaving());
        leaving.take(self.fair_share.saturating_sub(held)).for_each(Shard::stay);
    }
}
