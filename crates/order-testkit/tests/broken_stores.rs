//! The contract of the store can fail: each flaw is noticed by the case that is there for it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "in a test, a broken expectation ends it, and so does an overflow"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    Change, Conflict, CustomerOrders, Deadline, DueSaga, OrderChange, OrderPage, OrderStore, Page,
    PagePosition, SagaCensus, SagaChange, SagaStore, StoreError, StoredEvent, StoredOrder,
    StoredSaga,
};
use order_domain::{CustomerId, Order, OrderId};
use order_testkit::{InMemoryStore, contract};
use tokio::sync::Semaphore;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    GivesAnIdTwice,
    GivesOrdersOfOthers,
    SwallowsVersionConflicts,
    WritesUnderATakenKey,
    ForgetsAnswers,
    NamesTheWrongOrder,
    FailsTheNextChangeToo,
    CutsTimesToMilliseconds,
    ReadsBodiesAsText,
    FoldsTheCaseOfKeys,
    TidiesEvents,
    IgnoresWhereEventsStart,
    EndsPagesAtTheLimitAlone,
    SaysThatNoEventsFollow,
    PromisesAnotherPage,
    SkipsEqualTimes,
    IncludesTheEnd,
    ForgetsFiltersOnLaterPages,
    PurgesWithoutLimit,
    PurgesTooMuch,
    LosesConnectionsOfDroppedCommits,
    ReportsLateCommitsAsFailures,
    HangsWhenItIsLate,
    LosesSagasOfOrders,
    OverwritesSagas,
    ComparesSagasAlone,
    TidiesDocuments,
    WritesSagasOfRefusedOrders,
    LooksAhead,
    LosesTheLastOfAPage,
    CountsOneOfEachState,
}

/// The fake with one flaw.
struct Broken {
    inner: InMemoryStore,
    flaw: Flaw,
    connections: Semaphore,
    poisoned: AtomicBool,
}

fn late() -> StoreError {
    StoreError::Unavailable("no connection in time".into())
}

impl Broken {
    fn new(flaw: Flaw) -> Self {
        let (connections, poisoned) = (Semaphore::new(10), AtomicBool::new(false));
        Self { inner: InMemoryStore::default(), flaw, connections, poisoned }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn key(&self, key: &IdempotencyKey) -> IdempotencyKey {
        let mut key = key.clone();
        if self.is(Flaw::FoldsTheCaseOfKeys) {
            key.key.make_ascii_lowercase();
        }
        key
    }

    fn read(&self, order: Order) -> Order {
        let mut snapshot = order.into_snapshot();
        if self.is(Flaw::CutsTimesToMilliseconds) {
            snapshot.created_at = snapshot.created_at.trunc_subsecs(3);
            snapshot.updated_at = snapshot.updated_at.trunc_subsecs(3);
        }
        Order::restore(snapshot).unwrap()
    }

    /// Gives a change that writes a saga its flaw.
    async fn spoil(&self, change: &mut Change) {
        let Ok(Some(stored)) = self.inner.stored(change.id(), None, Deadline::now()).await else {
            return;
        };
        let is_overwriting = self.is(Flaw::OverwritesSagas);
        match change {
            Change::Order(change) if is_overwriting => change.saga_seen = stored.saga_revision,
            Change::Order(change) if self.is(Flaw::LosesSagasOfOrders) => change.saga = None,
            Change::Saga(change) if is_overwriting => {
                change.seen.saga_revision = stored.saga_revision;
            }
            Change::Saga(change) if self.is(Flaw::ComparesSagasAlone) => {
                change.seen.version = stored.order.version();
            }
            _ => {}
        }
    }

    /// The flawed answer to a commit that the fake refused.
    async fn refused(&self, conflict: Conflict, change: Change) -> Result<(), StoreError> {
        self.poisoned.store(self.is(Flaw::FailsTheNextChangeToo), Ordering::SeqCst);
        match (self.flaw, conflict) {
            (Flaw::SwallowsVersionConflicts, Conflict::Version) => Ok(()),
            (Flaw::WritesUnderATakenKey, Conflict::IdempotencyKey) => {
                let Change::Order(change) = change else { return Err(conflict.into()) };
                let change = OrderChange { answer: None, ..change };
                self.inner.commit(change.into(), Deadline::now()).await
            }
            (Flaw::NamesTheWrongOrder, Conflict::ClientReference { .. }) => {
                let existing = change.id();
                Err(Conflict::ClientReference { existing }.into())
            }
            (Flaw::WritesSagasOfRefusedOrders, conflict) => {
                let stored = self.inner.stored(change.id(), None, Deadline::now()).await?;
                if let (Change::Order(change), Some(stored)) = (change, stored)
                    && let Some(saga) = change.saga
                {
                    let step = SagaChange { id: stored.order.id(), seen: stored.seen(), saga };
                    self.inner.commit(step.into(), Deadline::now()).await?;
                }
                Err(conflict.into())
            }
            (_, conflict) => Err(conflict.into()),
        }
    }
}

#[async_trait]
impl OrderStore for Broken {
    async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError> {
        let id = self.inner.next_order_id(deadline).await?;
        let twice = self.is(Flaw::GivesAnIdTwice) && id.get() == 100;
        Ok(if twice { OrderId::new(99).unwrap() } else { id })
    }

    async fn commit(&self, mut change: Change, deadline: Deadline) -> Result<(), StoreError> {
        if self.poisoned.swap(false, Ordering::SeqCst) {
            return Err(Conflict::Version.into());
        }
        let connection = tokio::time::timeout_at(deadline, self.connections.acquire()).await;
        let Ok(connection) = connection else { return Err(late()) };
        if self.is(Flaw::LosesConnectionsOfDroppedCommits) {
            connection.unwrap().forget();
            for _statement in 0..5 {
                tokio::task::yield_now().await;
            }
            self.connections.add_permits(1);
        }
        if let Change::Order(change) = &mut change {
            if self.is(Flaw::ForgetsAnswers) {
                change.answer = None;
            }
            if let Some(answer) = &mut change.answer {
                answer.key = self.key(&answer.key);
            }
        }
        self.spoil(&mut change).await;
        match self.inner.commit(change.clone(), deadline).await {
            Err(StoreError::Conflict(conflict)) => self.refused(conflict, change).await,
            Ok(()) if self.is(Flaw::ReportsLateCommitsAsFailures) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if Deadline::now() > deadline { Err(late()) } else { Ok(()) }
            }
            result => result,
        }
    }

    async fn stored(
        &self,
        id: OrderId,
        of: Option<CustomerId>,
        deadline: Deadline,
    ) -> Result<Option<StoredOrder>, StoreError> {
        if self.is(Flaw::HangsWhenItIsLate) && Deadline::now() > deadline {
            std::future::pending::<()>().await;
        }
        let of = of.filter(|_| !self.is(Flaw::GivesOrdersOfOthers));
        let found = self.inner.stored(id, of, deadline).await?;
        Ok(found.map(|stored| StoredOrder { order: self.read(stored.order), ..stored }))
    }

    async fn customer_orders(
        &self,
        query: &CustomerOrders,
        deadline: Deadline,
    ) -> Result<OrderPage, StoreError> {
        let mut query = query.clone();
        if self.is(Flaw::IncludesTheEnd) {
            query.created_to = query.created_to.map(|to| to + TimeDelta::microseconds(1));
        }
        if self.is(Flaw::ForgetsFiltersOnLaterPages) && query.after.is_some() {
            query.statuses.clear();
        }
        if let (Flaw::SkipsEqualTimes, Some(after)) = (self.flaw, &mut query.after) {
            after.id = OrderId::new(1).unwrap();
        }
        let mut page = self.inner.customer_orders(&query, deadline).await?;
        if let (Flaw::PromisesAnotherPage, Some(last)) = (self.flaw, page.orders.last()) {
            let created_at = last.snapshot().created_at;
            page.next = Some(PagePosition { created_at, id: last.id() });
        }
        Ok(page)
    }

    async fn events(
        &self,
        id: OrderId,
        after: i64,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<StoredEvent>, StoreError> {
        let after = if self.is(Flaw::IgnoresWhereEventsStart) { 0 } else { after };
        let mut events = self.inner.events(id, after, limit, deadline).await?;
        if self.is(Flaw::EndsPagesAtTheLimitAlone) {
            while let Some((last, _)) = events.items.last()
                && events.more
                && events.items.len() < usize::try_from(limit).unwrap()
            {
                let next = self.inner.events(id, last.get(), 1, deadline).await?;
                events.items.extend(next.items);
                events.more = next.more;
            }
        }
        events.more &= !self.is(Flaw::SaysThatNoEventsFollow);
        if self.is(Flaw::TidiesEvents) {
            for event in events.items.iter_mut().flat_map(|(_, event)| event) {
                event.data = event.data.replace(", ", ",");
            }
        }
        Ok(events)
    }

    async fn answer(
        &self,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let mut found = self.inner.answer(&self.key(key), deadline).await?;
        if let (Flaw::ReadsBodiesAsText, Some(found)) = (self.flaw, &mut found) {
            let body = &mut found.answer.body;
            *body = String::from_utf8_lossy(body).into_owned().into_bytes();
        }
        Ok(found)
    }

    async fn purge_answers(
        &self,
        recorded_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let more = TimeDelta::microseconds(i64::from(self.is(Flaw::PurgesTooMuch)));
        let limit = if self.is(Flaw::PurgesWithoutLimit) { u32::MAX } else { limit };
        self.inner.purge_answers(recorded_before + more, limit, deadline).await
    }

    async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.inner.ping(deadline).await
    }
}

#[async_trait]
impl SagaStore for Broken {
    async fn saga(
        &self,
        id: OrderId,
        deadline: Deadline,
    ) -> Result<Option<StoredSaga>, StoreError> {
        let mut found = self.inner.saga(id, deadline).await?;
        if let (Flaw::TidiesDocuments, Some(found)) = (self.flaw, &mut found) {
            found.saga.document = found.saga.document.replace(",  ", ",");
        }
        Ok(found)
    }

    async fn due(
        &self,
        at: DateTime<Utc>,
        after: Option<DueSaga>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<DueSaga>, StoreError> {
        let at = if self.is(Flaw::LooksAhead) { at + TimeDelta::microseconds(1) } else { at };
        self.inner.due(at, after, limit, deadline).await
    }

    async fn attention(
        &self,
        after: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<OrderId>, StoreError> {
        let mut page = self.inner.attention(after, limit, deadline).await?;
        if self.is(Flaw::LosesTheLastOfAPage) {
            page.items.pop();
        }
        Ok(page)
    }

    async fn census(&self, deadline: Deadline) -> Result<SagaCensus, StoreError> {
        let mut census = self.inner.census(deadline).await?;
        if self.is(Flaw::CountsOneOfEachState) {
            census.open.iter_mut().for_each(|(_, count)| *count = 1);
        }
        Ok(census)
    }

    async fn purge(
        &self,
        changed_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let more = TimeDelta::microseconds(i64::from(self.is(Flaw::PurgesTooMuch)));
        let limit = if self.is(Flaw::PurgesWithoutLimit) { u32::MAX } else { limit };
        self.inner.purge(changed_before + more, limit, deadline).await
    }
}

/// Those of some cases that panic with a store that has this flaw.
async fn failed_cases(flaw: Flaw, cases: Vec<contract::Case>) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in cases {
        let store = Arc::new(Broken::new(flaw));
        if tokio::spawn((case.run)(store.into())).await.is_err() {
            failed.push(case.name);
        }
    }
    failed
}

async fn assert_noticed(flaw: Flaw, by: &[&str]) {
    let mut cases = contract::cases();
    cases.retain(|case| by.contains(&case.name));
    let failed = failed_cases(flaw, cases).await;
    for case in by {
        assert!(failed.contains(case), "{flaw:?} is not noticed by {case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_without_a_flaw_passes() {
    assert_eq!(failed_cases(Flaw::None, contract::cases()).await, [""; 0]);
}

macro_rules! noticed {
    ($($name:ident: $flaw:ident by $($case:literal),+;)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            assert_noticed(Flaw::$flaw, &[$($case),+]).await;
        })+
    };
}

noticed! {
    ids_given_twice_are_noticed: GivesAnIdTwice
        by "concurrency::order_ids_are_never_given_twice";
    orders_of_others_are_noticed: GivesOrdersOfOthers
        by "read_back::an_order_of_another_customer_is_none";
    lost_updates_are_noticed: SwallowsVersionConflicts
        by "compare_and_set::a_stale_version_is_refused_and_writes_nothing",
        "compare_and_set::a_skipped_version_is_refused_and_writes_nothing",
        "compare_and_set::an_update_of_an_unknown_order_is_refused_and_writes_nothing",
        "concurrency::changes_of_one_order_make_one_linear_history",
        "concurrency::one_of_many_updates_of_one_version_wins";
    second_executions_are_noticed: WritesUnderATakenKey
        by "answers::a_taken_key_is_refused_and_writes_nothing",
        "concurrency::requests_with_one_key_make_one_order";
    forgotten_answers_are_noticed: ForgetsAnswers
        by "answers::an_answer_is_read_back_byte_for_byte",
        "answers::an_update_records_its_answer_too",
        "interruption::a_dropped_commit_is_wholly_there_or_not_at_all";
    wrong_names_in_conflicts_are_noticed: NamesTheWrongOrder
        by "uniqueness::a_taken_client_reference_names_the_order_that_has_it",
        "concurrency::orders_with_one_reference_make_one_order";
    harm_to_neighbours_is_noticed: FailsTheNextChangeToo
        by "concurrency::a_bad_change_among_good_ones_fails_alone";
    coarse_times_are_noticed: CutsTimesToMilliseconds
        by "read_back::times_are_kept_to_the_microsecond";
    mangled_bodies_are_noticed: ReadsBodiesAsText
        by "answers::an_answer_is_read_back_byte_for_byte";
    folded_keys_are_noticed: FoldsTheCaseOfKeys
        by "answers::keys_differ_by_case";
    rewritten_events_are_noticed: TidiesEvents
        by "events::event_bytes_are_never_rewritten";
    repeated_events_are_noticed: IgnoresWhereEventsStart
        by "events::events_come_in_sequence_from_where_they_are_asked";
    pages_without_a_bound_in_bytes_are_noticed: EndsPagesAtTheLimitAlone
        by "events::a_page_of_large_events_ends_by_its_bytes";
    lost_pages_of_events_are_noticed: SaysThatNoEventsFollow
        by "events::a_page_of_large_events_ends_by_its_bytes";
    pages_after_the_last_are_noticed: PromisesAnotherPage
        by "lists::an_exactly_full_last_page_is_the_last";
    gaps_between_pages_are_noticed: SkipsEqualTimes
        by "lists::pages_join_without_gap_or_repeat";
    an_inclusive_end_is_noticed: IncludesTheEnd
        by "lists::a_list_starts_with_created_from_and_ends_before_created_to";
    forgotten_filters_are_noticed: ForgetsFiltersOnLaterPages
        by "lists::filters_hold_on_every_page";
    purges_without_limit_are_noticed: PurgesWithoutLimit
        by "answers::a_purge_deletes_old_answers_in_batches",
        "finding_sagas::a_purge_deletes_old_sagas_that_are_over";
    purges_of_what_is_young_are_noticed: PurgesTooMuch
        by "answers::a_purge_deletes_old_answers_in_batches",
        "finding_sagas::a_purge_deletes_old_sagas_that_are_over";
    lost_connections_are_noticed: LosesConnectionsOfDroppedCommits
        by "interruption::a_dropped_commit_is_wholly_there_or_not_at_all";
    false_failures_are_noticed: ReportsLateCommitsAsFailures
        by "interruption::a_commit_that_runs_out_of_time_says_what_came_of_it";
    hanging_reads_are_noticed: HangsWhenItIsLate
        by "interruption::a_deadline_in_the_past_is_answered_promptly";
    lost_sagas_are_noticed: LosesSagasOfOrders
        by "sagas::an_order_and_its_saga_land_together",
        "sagas::of_128_mixed_changes_a_bad_one_fails_alone",
        "sagas::a_dropped_change_of_both_is_wholly_there_or_not_at_all";
    overwritten_sagas_are_noticed: OverwritesSagas
        by "sagas::a_step_that_has_seen_another_revision_is_refused",
        "sagas::a_change_that_has_seen_another_revision_is_refused",
        "sagas::a_step_that_comes_again_is_refused",
        "sagas::one_of_many_steps_of_one_revision_wins",
        "sagas::steps_and_changes_of_one_order_make_one_linear_history",
        "sagas::of_128_mixed_changes_a_bad_one_fails_alone";
    steps_past_a_version_are_noticed: ComparesSagasAlone
        by "sagas::a_step_that_has_seen_another_version_is_refused";
    rewritten_documents_are_noticed: TidiesDocuments
        by "sagas::a_document_is_read_back_byte_for_byte";
    halves_of_refused_changes_are_noticed: WritesSagasOfRefusedOrders
        by "sagas::a_refused_order_leaves_the_saga_of_another_as_it_is",
        "sagas::a_change_that_has_seen_another_revision_is_refused";
    due_sagas_without_an_end_are_noticed: LooksAhead
        by "finding_sagas::due_sagas_come_oldest_first_and_page_by_page";
    sagas_missing_from_a_page_are_noticed: LosesTheLastOfAPage
        by "finding_sagas::sagas_that_need_an_operator_are_listed_by_their_ids";
    wrong_numbers_of_sagas_are_noticed: CountsOneOfEachState
        by "finding_sagas::open_sagas_are_counted_by_their_states";
}
