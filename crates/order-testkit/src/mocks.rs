//! A store and a publisher whose every answer a test dictates: for failures, which the working fakes
//! do not have. Where something that works will do, use the fakes; for a journal that fails, the
//! one with hooks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::events::EventRecord;
use order_app::idempotency::{IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    Change, CustomerOrders, Deadline, EventPublisher, OrderPage, OrderStore, PublishError,
    StoreError,
};
use order_domain::{Order, OrderId};

mockall::mock! {
    /// An [`OrderStore`] that answers as it is told; anything else ends the test.
    #[derive(Debug)]
    pub Store {}

    #[async_trait]
    impl OrderStore for Store {
        async fn next_order_id(&self, deadline: Deadline) -> Result<OrderId, StoreError>;
        async fn commit(&self, change: Change, deadline: Deadline) -> Result<(), StoreError>;
        async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Option<Order>, StoreError>;
        async fn customer_orders(
            &self,
            query: &CustomerOrders,
            deadline: Deadline,
        ) -> Result<OrderPage, StoreError>;
        async fn events(
            &self,
            id: OrderId,
            after: i64,
            limit: u32,
            deadline: Deadline,
        ) -> Result<Vec<EventRecord>, StoreError>;
        async fn answer(
            &self,
            key: &IdempotencyKey,
            deadline: Deadline,
        ) -> Result<Option<RecordedAnswer>, StoreError>;
        async fn purge_answers(
            &self,
            recorded_before: DateTime<Utc>,
            limit: u32,
            deadline: Deadline,
        ) -> Result<u32, StoreError>;
        async fn ping(&self, deadline: Deadline) -> Result<(), StoreError>;
    }
}

mockall::mock! {
    /// An [`EventPublisher`] that answers as it is told; anything else ends the test.
    #[derive(Debug)]
    pub Publisher {}

    #[async_trait]
    impl EventPublisher for Publisher {
        async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>>;
    }
}
