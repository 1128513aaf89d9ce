//! The journal of the store in memory. Leases run out by tokio's clock, so that a test with paused
//! time decides when.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use order_app::ports::{
    Backlog, Deadline, Duty, EventJournal, JournalEntry, Lease, Leased, Parked, Parking, Progress,
    Purged, SHARDS, Skipped, StoreError, Unreadable, shard,
};
use order_domain::{OrderId, Version};
use tokio::time::Instant;
use uuid::Uuid;

use super::{InMemoryStore, Tables};
use crate::examples::noon;

/// An event by its order and sequence.
type EventKey = (OrderId, i64);

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Journal {
    started: Instant,
    /// Committed, without a place.
    incoming: VecDeque<EventKey>,
    /// Position 1 is the first. What is purged leaves its key here.
    places: Vec<EventKey>,
    /// Up to where they are purged.
    purged: i64,
    pub(super) skipped: BTreeMap<EventKey, Skipped>,
    pub(super) leases: HashMap<Duty, LeaseRow>,
    living: HashMap<Uuid, Instant>,
    pub(super) parked: BTreeMap<OrderId, Parked>,
}

#[derive(Debug)]
pub(super) struct LeaseRow {
    pub(super) holder: Option<Uuid>,
    pub(super) until: Instant,
    epoch: i64,
    pub(super) position: i64,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            incoming: VecDeque::new(),
            places: Vec::new(),
            purged: 0,
            skipped: BTreeMap::new(),
            leases: HashMap::new(),
            living: HashMap::new(),
            parked: BTreeMap::new(),
        }
    }
}

impl Journal {
    pub(super) fn committed(&mut self, event: EventKey) {
        self.incoming.push_back(event);
    }

    /// The clock of the database.
    fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.started.elapsed()).unwrap_or_default();
        noon().checked_add_signed(passed).unwrap_or_else(noon)
    }

    fn held(&mut self, lease: &Lease) -> Option<&mut LeaseRow> {
        let row = self.leases.get_mut(&lease.duty)?;
        (row.epoch == lease.epoch && row.holder == Some(lease.instance)).then_some(row)
    }

    fn take(&mut self, duty: Duty, instance: Uuid, lasts: Duration) -> Option<Lease> {
        let now = Instant::now();
        let free = || LeaseRow { holder: None, until: now, epoch: 0, position: 0 };
        let row = self.leases.entry(duty).or_insert_with(free);
        if row.holder != Some(instance) {
            if row.holder.is_some() && row.until > now {
                return None;
            }
            row.holder = Some(instance);
            row.epoch = row.epoch.saturating_add(1);
        }
        row.until = now.checked_add(lasts).unwrap_or(now);
        Some(Lease { duty, instance, epoch: row.epoch, position: row.position })
    }

    /// A parking that comes again because its answer was lost counts once, and takes nothing back
    /// that was skipped meanwhile.
    fn park(&mut self, Parking { order, from, reason }: &Parking) {
        let since = self.now();
        let (order, from, reason) = (*order, *from, reason.clone());
        let new = Parked { order, from, reason, since, attempts: 0, redrive: true };
        let row = self.parked.entry(order).or_insert_with(|| new.clone());
        if row.from > from {
            return;
        }
        let tried = row.redrive || row.from < from;
        row.attempts = row.attempts.saturating_add(u32::from(tried));
        (row.from, row.reason, row.redrive) = (from, new.reason, false);
    }

    /// Positions after one, with the keys of their events.
    pub(super) fn places_after(&self, position: i64) -> impl Iterator<Item = (i64, &EventKey)> {
        let passed = usize::try_from(position.max(self.purged)).unwrap_or(0);
        let places = (1..).zip(&self.places);
        places.skip(passed)
    }

    fn is_behind(&self, position: i64, order: OrderId) -> bool {
        let published = self.leases.get(&Duty::Publish(shard(order)));
        published.is_none_or(|row| row.position < position)
    }

    fn last_position(&self) -> i64 {
        i64::try_from(self.places.len()).unwrap_or(i64::MAX)
    }
}

impl InMemoryStore {
    /// The place up to which everything of a shard is published or parked.
    #[must_use]
    pub fn published_up_to(&self, shard: u16) -> i64 {
        let tables = self.tables();
        tables.journal.leases.get(&Duty::Publish(shard)).map_or(0, |row| row.position)
    }
}

impl Tables {
    /// The places that may be purged now, with the keys of their events.
    fn expired(&self, happened_before: DateTime<Utc>, limit: u32) -> Vec<EventKey> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let places = self.journal.places_after(0).take(limit);
        let published =
            places.take_while(|(position, event)| !self.journal.is_behind(*position, event.0));
        let mut passed: Vec<EventKey> = published.map(|(_, event)| *event).collect();
        let old =
            |key: &EventKey| self.events.get(key).is_none_or(|e| e.occurred_at < happened_before);
        passed.truncate(passed.iter().rposition(old).map_or(0, |last| last.saturating_add(1)));
        passed
    }

    fn purge(&mut self, happened_before: DateTime<Utc>, limit: u32) -> Purged {
        let passed = self.expired(happened_before, limit);
        let newest: BTreeMap<OrderId, i64> = passed.iter().copied().collect();
        let before = self.events.len();
        let parked = &self.journal.parked;
        self.events.retain(|(order, sequence), event| {
            let superseded = newest.get(order).is_some_and(|newest| sequence < newest);
            let old = event.occurred_at < happened_before;
            !(superseded && old) || parked.contains_key(order)
        });
        let count = i64::try_from(passed.len()).unwrap_or(i64::MAX);
        self.journal.purged = self.journal.purged.saturating_add(count);
        let events = before.saturating_sub(self.events.len());
        let more = u32::try_from(passed.len()).is_ok_and(|passed| passed > 0 && passed >= limit);
        Purged { events: u32::try_from(events).unwrap_or(u32::MAX), more }
    }

    pub(super) fn waiting(&self) -> Vec<EventKey> {
        let journal = &self.journal;
        let unpublished = journal.places_after(0).filter(|(position, event)| {
            let seen = !journal.skipped.contains_key(*event);
            seen && journal.is_behind(*position, event.0)
        });
        let unpublished = unpublished.map(|(_, event)| *event);
        journal.incoming.iter().copied().chain(unpublished).collect()
    }
}

#[async_trait]
impl EventJournal for InMemoryStore {
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        _: Deadline,
    ) -> Result<u32, StoreError> {
        let now = Instant::now();
        let living = &mut self.tables().journal.living;
        living.insert(instance, now.checked_add(lives_for).unwrap_or(now));
        living.retain(|_, until| *until > now);
        Ok(u32::try_from(living.len()).unwrap_or(u32::MAX))
    }

    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        _: Deadline,
    ) -> Result<Option<Lease>, StoreError> {
        let exists = !matches!(duty, Duty::Publish(shard) if shard >= SHARDS);
        Ok(exists.then(|| self.tables().journal.take(duty, instance, lasts)).flatten())
    }

    async fn release(&self, lease: &Lease, _: Deadline) -> Result<(), StoreError> {
        // Nobody else has taken it yet, so that a call under it that comes late still counts.
        if let Some(row) = self.tables().journal.held(lease) {
            row.until = Instant::now();
        }
        Ok(())
    }

    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        _: Deadline,
    ) -> Result<Leased<u32>, StoreError> {
        let journal = &mut self.tables().journal;
        if journal.held(lease).is_none() {
            return Ok(Leased::Lost);
        }
        let count = journal.incoming.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = journal.incoming.drain(..count);
        journal.places.extend(next);
        let head = journal.last_position();
        if let Some(row) = journal.held(lease) {
            row.position = head;
        }
        Ok(Leased::Done(u32::try_from(count).unwrap_or(u32::MAX)))
    }

    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        _: Deadline,
    ) -> Result<Vec<Result<JournalEntry, Unreadable>>, StoreError> {
        let tables = self.tables();
        let journal = &tables.journal;
        let wanted = |event: &EventKey| {
            let of_shard = shard.is_none_or(|shard| shard == order_app::ports::shard(event.0));
            of_shard && !journal.skipped.contains_key(event)
        };
        let places = journal.places_after(position).filter(|(_, event)| wanted(event));
        let event = |(position, key): (i64, &EventKey)| {
            let event = tables.events.get(key)?.clone();
            let reason = "spoiled".to_owned();
            let (order, sequence) = (key.0, event.sequence);
            let unreadable = Unreadable { position, order, sequence, reason };
            let spoiled = tables.spoiled.contains(key);
            Some(if spoiled { Err(unreadable) } else { Ok(JournalEntry { position, event }) })
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(places.filter_map(event).take(limit).collect())
    }

    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        _: Deadline,
    ) -> Result<Purged, StoreError> {
        Ok(self.tables().purge(happened_before, limit))
    }

    async fn purged_through(&self, _: Deadline) -> Result<i64, StoreError> {
        Ok(self.tables().journal.purged)
    }

    async fn last_position(&self, _: Deadline) -> Result<i64, StoreError> {
        Ok(self.tables().journal.last_position())
    }

    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        _: Deadline,
    ) -> Result<Leased<()>, StoreError> {
        let journal = &mut self.tables().journal;
        let Some(row) = journal.held(lease) else { return Ok(Leased::Lost) };
        row.position = row.position.max(progress.position);
        progress.park.iter().for_each(|parking| journal.park(parking));
        journal.parked.retain(|order, _| !progress.unpark.contains(order));
        Ok(Leased::Done(()))
    }

    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        _: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let tables = self.tables();
        let of_shard =
            |row: &&Parked| shard.is_none_or(|shard| shard == order_app::ports::shard(row.order));
        let mut rows: Vec<_> = tables.journal.parked.values().filter(of_shard).cloned().collect();
        rows.sort_by_key(|row| (row.since, row.order));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    async fn redrive(
        &self,
        order: OrderId,
        skip: Option<(Version, &str)>,
        _: Deadline,
    ) -> Result<bool, StoreError> {
        let journal = &mut self.tables().journal;
        let Some(row) = journal.parked.get_mut(&order) else { return Ok(false) };
        if row.redrive || skip.is_some_and(|(event, _)| event != row.from) {
            return Ok(true);
        }
        row.redrive = true;
        if let Some((event, reason)) = skip {
            row.from = Version::next(event);
            let at = journal.now();
            let skipped = Skipped { order, sequence: event, reason: reason.to_owned(), at };
            journal.skipped.insert((order, event.get()), skipped);
        }
        Ok(true)
    }

    async fn backlog(&self, _: Deadline) -> Result<Backlog, StoreError> {
        let tables = self.tables();
        let waiting = tables.waiting();
        let times = waiting.iter().filter_map(|key| tables.events.get(key));
        let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let parked = u64::try_from(tables.journal.parked.len()).unwrap_or(u64::MAX);
        let oldest = times.map(|event| event.occurred_at).min();
        Ok(Backlog { events: count.min(Backlog::BOUND), oldest, parked })
    }
}
