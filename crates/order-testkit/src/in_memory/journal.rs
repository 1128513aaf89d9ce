//! The journal of the store in memory. Leases run out by tokio's clock, so that a test with paused
//! time decides when.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use order_app::ports::{
    Backlog, Deadline, Duty, EventJournal, JOURNAL_PAGE_BYTES, JournalEntry, Lease, Leased, Page,
    Parked, Parking, Progress, Purged, ReadEntry, SHARDS, Skipped, StoreError, Unreadable, shard,
};
use order_domain::{OrderId, Version};
use tokio::time::Instant;
use uuid::Uuid;

use super::{InMemoryStore, Tables, one_page, rows};
use crate::examples::noon;
use crate::faults::{Call, Method};

/// An event by its order and sequence.
type EventKey = (OrderId, i64);

/// The rows of the journal.
#[derive(Debug)]
pub(super) struct Journal {
    started: Instant,
    /// Committed events without a position.
    incoming: VecDeque<EventKey>,
    /// The events by their positions, from 1 on. Purged ones keep their keys here.
    entries: Vec<EventKey>,
    /// The position through which events are purged.
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
            entries: Vec::new(),
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

    /// The row of a lease, if the lease is still held.
    pub(super) fn held(&mut self, lease: &Lease) -> Option<&mut LeaseRow> {
        let row = self.leases.get_mut(&lease.duty)?;
        (row.epoch == lease.epoch && row.holder == Some(lease.instance)).then_some(row)
    }

    fn heartbeat(&mut self, instance: Uuid, lives_for: Duration) -> u32 {
        let now = Instant::now();
        self.living.insert(instance, now.checked_add(lives_for).unwrap_or(now));
        self.living.retain(|_, until| *until > now);
        u32::try_from(self.living.len()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, duty: Duty, instance: Uuid, lasts: Duration) -> Option<Lease> {
        if matches!(duty, Duty::Publish(shard) if shard >= SHARDS) {
            return None;
        }
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

    fn assign(&mut self, lease: &Lease, limit: u32) -> u32 {
        let count = self.incoming.len().min(rows(limit));
        self.entries.extend(self.incoming.drain(..count));
        let last = self.last_position();
        if let Some(row) = self.held(lease) {
            row.position = last;
        }
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn advance(&mut self, lease: &Lease, progress: &Progress) {
        if let Some(row) = self.held(lease) {
            row.position = row.position.max(progress.position);
        }
        progress.park.iter().for_each(|parking| self.park(parking));
        self.parked.retain(|order, _| !progress.unpark.contains(order));
    }

    /// Parks an order. A repetition, because the first answer was lost, counts once, and does not
    /// take back what was skipped meanwhile.
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

    fn redrive(&mut self, order: OrderId, skip: Option<(Version, &str)>) -> bool {
        let at = self.now();
        let Some(row) = self.parked.get_mut(&order) else { return false };
        if row.redrive || skip.is_some_and(|(event, _)| event != row.from) {
            return true;
        }
        row.redrive = true;
        if let Some((event, reason)) = skip {
            row.from = Version::next(event);
            let skipped = Skipped { order, sequence: event, reason: reason.to_owned(), at };
            self.skipped.insert((order, event.get()), skipped);
        }
        true
    }

    /// The parked orders of one shard, or of all, by their ids.
    pub(super) fn parked_of(&self, of: Option<u16>) -> impl Iterator<Item = &Parked> {
        self.parked.values().filter(move |row| of.is_none_or(|number| number == shard(row.order)))
    }

    /// The positions after one, with the keys of their events.
    pub(super) fn entries_after(&self, position: i64) -> impl Iterator<Item = (i64, &EventKey)> {
        let passed = usize::try_from(position.max(self.purged)).unwrap_or(0);
        let entries = (1..).zip(&self.entries);
        entries.skip(passed)
    }

    fn is_behind(&self, position: i64, order: OrderId) -> bool {
        let published = self.leases.get(&Duty::Publish(shard(order)));
        published.is_none_or(|row| row.position < position)
    }

    fn last_position(&self) -> i64 {
        i64::try_from(self.entries.len()).unwrap_or(i64::MAX)
    }
}

/// The bytes of an entry's data.
pub(super) fn entry_size(entry: &ReadEntry) -> usize {
    entry.as_ref().map_or(0, |entry| entry.event.data.len())
}

impl Tables {
    /// The events that may be purged now, by their positions.
    fn expired(&self, happened_before: DateTime<Utc>, limit: u32) -> Vec<EventKey> {
        let entries = self.journal.entries_after(0).take(rows(limit));
        let published =
            entries.take_while(|(position, event)| !self.journal.is_behind(*position, event.0));
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

    /// The events that wait to be published.
    pub(super) fn waiting(&self) -> Vec<EventKey> {
        let journal = &self.journal;
        let unpublished = journal.entries_after(0).filter(|(position, event)| {
            let seen = !journal.skipped.contains_key(*event);
            seen && journal.is_behind(*position, event.0)
        });
        let unpublished = unpublished.map(|(_, event)| *event);
        journal.incoming.iter().copied().chain(unpublished).collect()
    }

    fn entries(&self, position: i64, shard: Option<u16>, limit: u32) -> Page<ReadEntry> {
        let of_shard = |order| shard.is_none_or(|number| number == order_app::ports::shard(order));
        let entries = self.journal.entries_after(position).filter(|(_, key)| of_shard(key.0));
        let entries = entries.filter_map(|(position, key)| self.entry(position, key));
        one_page(entries, limit, JOURNAL_PAGE_BYTES, entry_size)
    }

    /// An entry of the journal, unless its event was purged or skipped.
    pub(super) fn entry(&self, position: i64, key: &EventKey) -> Option<ReadEntry> {
        let event = self.events.get(key).filter(|_| !self.journal.skipped.contains_key(key))?;
        let (order, sequence) = (key.0, event.sequence);
        Some(match self.read(key, event) {
            Ok(event) => Ok(JournalEntry { position, event }),
            Err(reason) => Err(Unreadable { position, order, sequence, reason }),
        })
    }

    fn backlog(&self) -> Backlog {
        let waiting = self.waiting();
        let times = waiting.iter().filter_map(|key| self.events.get(key));
        let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let parked = u64::try_from(self.journal.parked.len()).unwrap_or(u64::MAX);
        let oldest = times.map(|event| event.occurred_at).min();
        Backlog { events: count.min(Backlog::BOUND), oldest, parked }
    }
}

impl InMemoryStore {
    /// The position through which every event of a shard is published or parked.
    #[must_use]
    pub fn published_through(&self, shard: u16) -> i64 {
        let tables = self.tables();
        tables.journal.leases.get(&Duty::Publish(shard)).map_or(0, |row| row.position)
    }
}

#[async_trait]
impl EventJournal for InMemoryStore {
    async fn heartbeat(
        &self,
        instance: Uuid,
        lives_for: Duration,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let call = Call::new(Method::Heartbeat, deadline);
        self.call(call, |tables| tables.journal.heartbeat(instance, lives_for)).await
    }

    async fn lease(
        &self,
        duty: Duty,
        instance: Uuid,
        lasts: Duration,
        deadline: Deadline,
    ) -> Result<Option<Lease>, StoreError> {
        let call = Call::new(Method::Lease, deadline);
        self.call(call, |tables| tables.journal.take(duty, instance, lasts)).await
    }

    async fn release(&self, lease: &Lease, deadline: Deadline) -> Result<(), StoreError> {
        // The holder stays until another instance takes the lease, so that a late call still counts.
        let release = |tables: &mut Tables| {
            if let Some(row) = tables.journal.held(lease) {
                row.until = Instant::now();
            }
        };
        self.call(Call::new(Method::Release, deadline), release).await
    }

    async fn assign_positions(
        &self,
        lease: &Lease,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Leased<u32>, StoreError> {
        let call = Call::new(Method::AssignPositions, deadline);
        self.call_under(lease, call, |tables| tables.journal.assign(lease, limit)).await
    }

    async fn entries_after(
        &self,
        position: i64,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<ReadEntry>, StoreError> {
        let call = Call { shard, ..Call::new(Method::EntriesAfter, deadline) };
        self.call(call, |tables| tables.entries(position, shard, limit)).await
    }

    async fn purge(
        &self,
        happened_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Purged, StoreError> {
        let call = Call::new(Method::Purge, deadline);
        self.call(call, |tables| tables.purge(happened_before, limit)).await
    }

    async fn purged_through(&self, deadline: Deadline) -> Result<i64, StoreError> {
        let call = Call::new(Method::PurgedThrough, deadline);
        self.call(call, |tables| tables.journal.purged).await
    }

    async fn last_position(&self, deadline: Deadline) -> Result<i64, StoreError> {
        let call = Call::new(Method::LastPosition, deadline);
        self.call(call, |tables| tables.journal.last_position()).await
    }

    async fn advance(
        &self,
        lease: &Lease,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Leased<()>, StoreError> {
        let call = Call::new(Method::Advance, deadline);
        self.call_under(lease, call, |tables| tables.journal.advance(lease, progress)).await
    }

    async fn parked(
        &self,
        shard: Option<u16>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<Parked>, StoreError> {
        let parked = |tables: &mut Tables| {
            let mut parked: Vec<_> = tables.journal.parked_of(shard).cloned().collect();
            parked.sort_by_key(|row| (row.since, row.order));
            parked.truncate(rows(limit));
            parked
        };
        self.call(Call::new(Method::Parked, deadline), parked).await
    }

    async fn redrive(
        &self,
        order: OrderId,
        skip: Option<(Version, &str)>,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let call = Call::new(Method::Redrive, deadline);
        self.call(call, |tables| tables.journal.redrive(order, skip)).await
    }

    async fn backlog(&self, deadline: Deadline) -> Result<Backlog, StoreError> {
        self.call(Call::new(Method::Backlog, deadline), |tables| tables.backlog()).await
    }
}
