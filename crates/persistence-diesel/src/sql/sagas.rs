//! The store of sagas: how they are found. They are written with their orders.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use diesel_async::RunQueryDsl;
use order_app::ports::{
    Deadline, DueSaga, Page, SagaCensus, SagaStore, StateName, StoreError, StoredSaga,
};
use order_domain::OrderId;

use super::Connection;
use super::pages::one_more;
use super::store::Store;
use crate::backend::Running;
use crate::rows::{SagaOfOrder, SagaRow, StoredRow};
use crate::schema::{orders, sagas};

#[async_trait]
impl SagaStore for Store {
    async fn saga(
        &self,
        id: OrderId,
        deadline: Deadline,
    ) -> Result<Option<StoredSaga>, StoreError> {
        let facts = self.facts(deadline).await?;
        let Some(found) = self.reads.sagas.find(id.get(), deadline).await? else {
            return Ok(None);
        };
        let (order, saga) = Arc::unwrap_or_clone(found);
        let stored = order.stored(facts.versions_from)?;
        saga.into_saga(stored).map(Some).map_err(StoreError::Corrupt)
    }

    async fn due(
        &self,
        at: DateTime<Utc>,
        after: Option<DueSaga>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<DueSaga>, StoreError> {
        let after = after.map(|after| (after.due_at.naive_utc(), after.order.get()));
        let about = (at.naive_utc(), after, limit);
        let found = self.executor.read(deadline, due, about).await?;
        let read = |(due_at, id): (Option<NaiveDateTime>, i64)| {
            let due_at = due_at?.and_utc();
            Some(order_id(id).map(|order| DueSaga { due_at, order }))
        };
        found.into_iter().filter_map(read).collect()
    }

    async fn attention(
        &self,
        after: Option<OrderId>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<OrderId>, StoreError> {
        let about = (after.map_or(0, OrderId::get), limit);
        let mut found = self.executor.read(deadline, attention, about).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > most;
        found.truncate(most);
        let items = found.into_iter().map(order_id).collect::<Result<_, _>>()?;
        Ok(Page { items, more })
    }

    async fn census(&self, deadline: Deadline) -> Result<SagaCensus, StoreError> {
        let (states, attention) = self.executor.read(deadline, census, ()).await?;
        let mut census = SagaCensus { attention: number(attention), ..SagaCensus::default() };
        for InState { state, sagas, first_due } in states {
            let state = StateName::new(state).map_err(|error| StoreError::Corrupt(error.into()))?;
            census.open.push((state, number(sagas)));
            let first_due = first_due.map(|due| due.and_utc());
            census.first_due = [census.first_due, first_due].into_iter().flatten().min();
        }
        Ok(census)
    }

    async fn purge(
        &self,
        changed_before: DateTime<Utc>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<u32, StoreError> {
        let about = (changed_before.naive_utc(), limit);
        let deleted = self.executor.write(deadline, purge, about).await?;
        u32::try_from(deleted).map_err(|error| StoreError::Corrupt(error.into()))
    }
}

fn order_id(id: i64) -> Result<OrderId, StoreError> {
    OrderId::new(id).map_err(|error| StoreError::Corrupt(error.into()))
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// The sagas of these orders, with the orders, in the order of the questions.
pub(super) fn find<'c>(
    connection: &'c mut Connection,
    ids: &'c [i64],
) -> Running<'c, Vec<Option<Arc<SagaOfOrder>>>> {
    Box::pin(async move {
        let joined = orders::table.inner_join(sagas::table.on(sagas::order_id.eq(orders::id)));
        let both = joined.select((StoredRow::as_select(), SagaRow::as_select()));
        // One id is the same prepared statement on every database.
        if let [id] = *ids {
            let found: Option<SagaOfOrder> =
                both.filter(orders::id.eq(id)).first(connection).await.optional()?;
            return Ok(vec![found.map(Arc::new)]);
        }
        let asked: BTreeSet<_> = ids.iter().copied().collect();
        let found: Vec<SagaOfOrder> =
            both.filter(orders::id.eq_any(asked)).load(connection).await?;
        let found: HashMap<_, _> =
            found.into_iter().map(|found| (found.1.order_id, Arc::new(found))).collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    })
}

/// Until when sagas were due, the last one of the page before, and how many are wanted.
type Due = (NaiveDateTime, Option<(NaiveDateTime, i64)>, u32);

fn due<'c>(
    connection: &'c mut Connection,
    (at, after, limit): &'c Due,
) -> Running<'c, Vec<(Option<NaiveDateTime>, i64)>> {
    Box::pin(async move {
        let limit = i64::from(*limit);
        let due = sagas::table
            .filter(sagas::due_at.le(at))
            .select((sagas::due_at, sagas::order_id))
            .order((sagas::due_at.asc(), sagas::order_id.asc()))
            .limit(limit);
        match after {
            None => due.load(connection).await,
            Some((time, id)) => {
                let of_this_time = sagas::due_at.eq(time).and(sagas::order_id.gt(id));
                // The first condition is where the index begins.
                let after = due.filter(sagas::due_at.ge(time));
                after
                    .filter(sagas::due_at.gt(time).or(of_this_time).assume_not_null())
                    .load(connection)
                    .await
            }
        }
    })
}

fn attention<'c>(
    connection: &'c mut Connection,
    (after, limit): &'c (i64, u32),
) -> Running<'c, Vec<i64>> {
    Box::pin(async move {
        sagas::table
            .filter(sagas::attention)
            .filter(sagas::order_id.gt(after))
            .select(sagas::order_id)
            .order(sagas::order_id.asc())
            .limit(one_more(*limit))
            .load(connection)
            .await
    })
}

/// The sagas of one state.
#[derive(QueryableByName)]
struct InState {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    sagas: i64,
    #[diesel(sql_type = Nullable<Timestamp>)]
    first_due: Option<NaiveDateTime>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    sagas: i64,
}

fn census<'c>(connection: &'c mut Connection, (): &'c ()) -> Running<'c, (Vec<InState>, i64)> {
    Box::pin(async move {
        let bound = SagaCensus::BOUND;
        let states = format!(
            "SELECT state, COUNT(*) AS sagas, MIN(due_at) AS first_due FROM \
             (SELECT state, due_at FROM sagas WHERE due_at IS NOT NULL ORDER BY due_at LIMIT {bound}) AS open \
             GROUP BY state"
        );
        let states = diesel::sql_query(states).load(connection).await?;
        let attention = format!(
            "SELECT COUNT(*) AS sagas FROM \
             (SELECT order_id FROM sagas WHERE attention LIMIT {bound}) AS flagged"
        );
        let Count { sagas } = diesel::sql_query(attention).get_result(connection).await?;
        Ok((states, sagas))
    })
}

fn purge<'c>(
    connection: &'c mut Connection,
    (before, limit): &'c (NaiveDateTime, u32),
) -> Running<'c, usize> {
    Box::pin(async move {
        let over = sagas::due_at.is_null().and(sagas::attention.eq(false));
        let old = sagas::table
            .filter(over)
            .filter(sagas::updated_at.lt(before))
            .select(sagas::order_id)
            .order(sagas::updated_at.asc())
            .limit(i64::from(*limit));
        let ids: Vec<i64> = old.load(connection).await?;
        let old = sagas::table.filter(sagas::order_id.eq_any(ids)).filter(over);
        diesel::delete(old.filter(sagas::updated_at.lt(before))).execute(connection).await
    })
}
