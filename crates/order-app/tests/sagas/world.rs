//! The use cases of orders and sagas with everything around them that a test needs.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use order_app::currencies::Currencies;
use order_app::events::EventRecord;
use order_app::orders::{ChangeError, ChangeStatus, Orders, Ports};
use order_app::ports::{
    Command, OrderStore as _, SagaChange, SagaStore as _, SagaWrite, StoreError, StoredSaga,
};
use order_app::saga::{ReplyOutcome, Saga, SagaPolicy, SagaState, SagaTimes};
use order_app::sagas::{Sagas, Sweep, SweepPorts};
use order_domain::{InvalidTransition, Order, OrderStatus};
use order_events::Word;
use order_events::saga::{CommandType, REPLY_TOPIC, Reason, Reply, Verdict};
use order_testkit::examples::{
    a_place_command, a_status_command, a_write_request, an_order_id, anyone, soon,
};
use order_testkit::{Faults, FixedClock, InMemoryStore, RandomEntropy, SentCommands};
use uuid::Uuid;

pub(crate) const TIMES: SagaTimes = SagaTimes {
    deadline: Duration::from_mins(15),
    resend_after: Duration::from_secs(30),
    attention_after: Duration::from_mins(15),
};

pub(crate) struct World {
    /// Where everything ends up; it works.
    pub(crate) memory: Arc<InMemoryStore>,
    /// The faults of the same store as the use cases see it.
    pub(crate) faults: Faults,
    pub(crate) commands: Arc<SentCommands>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) orders: Orders,
    pub(crate) sagas: Sagas,
}

impl World {
    /// An instance whose orders have sagas.
    pub(crate) fn new() -> Self {
        Self::over(&Arc::default(), true)
    }

    /// An instance over a store that others use, too.
    pub(crate) fn over(memory: &Arc<InMemoryStore>, begins: bool) -> Self {
        let (store, clock) = (memory.another_instance(), Arc::new(FixedClock::default()));
        let (memory, faults) = (memory.clone(), store.faults().clone());
        let (store, commands) = (Arc::new(store), Arc::new(SentCommands::default()));
        let ports = Ports {
            store: store.clone(),
            sagas: store,
            commands: commands.clone(),
            clock: clock.clone(),
            entropy: Arc::new(RandomEntropy),
        };
        let policy = SagaPolicy { begins, times: TIMES };
        let orders = Orders::new(ports, Currencies::default(), policy, Duration::from_secs(5));
        let sagas = Sagas::new(orders.clone());
        Self { memory, faults, commands, clock, orders, sagas }
    }

    /// Places the next order. Answers what was sent.
    pub(crate) async fn place(&self) -> Vec<Command> {
        let placed = self.orders.place(anyone(), a_place_command(), a_write_request()).await;
        placed.unwrap();
        self.sent().await
    }

    /// What was sent since the last call.
    pub(crate) async fn sent(&self) -> Vec<Command> {
        // The tasks that send have their turn.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.commands.take()
    }

    pub(crate) async fn change(
        &self,
        id: i64,
        to: OrderStatus,
    ) -> Result<(), ChangeError<InvalidTransition>> {
        let command: ChangeStatus = a_status_command(an_order_id(id), to);
        self.orders.change_status(anyone(), command, a_write_request()).await.map(drop)
    }

    pub(crate) async fn answer(&self, command: &Command, verdict: Verdict) -> ReplyOutcome {
        self.sagas.reply(&reply(command, verdict)).await.unwrap()
    }

    /// Has both participants agree, until the order is confirmed.
    pub(crate) async fn confirmed(&self) {
        let reserve = self.place().await;
        self.answer(&reserve[0], Verdict::Done).await;
        let authorize = self.sent().await;
        self.answer(&authorize[0], Verdict::Done).await;
        assert_eq!(self.state(reserve[0].order_id.get()).await, SagaState::Ready);
    }

    pub(crate) async fn order(&self, id: i64) -> Order {
        self.memory.order(an_order_id(id), soon()).await.unwrap().unwrap()
    }

    pub(crate) async fn stored(&self, id: i64) -> Option<StoredSaga> {
        self.memory.saga(an_order_id(id), soon()).await.unwrap()
    }

    pub(crate) async fn saga(&self, id: i64) -> Saga {
        Saga::from_document(&self.stored(id).await.unwrap().saga.document).unwrap()
    }

    pub(crate) async fn state(&self, id: i64) -> SagaState {
        self.saga(id).await.state
    }

    pub(crate) async fn events(&self, id: i64) -> Vec<EventRecord> {
        let events = self.memory.events(an_order_id(id), 0, 100, soon()).await.unwrap();
        events.items.into_iter().map(|(_, event)| event.unwrap()).collect()
    }

    /// Writes a saga as no use case would.
    pub(crate) async fn rewrite(&self, id: i64, change: impl FnOnce(SagaWrite) -> SagaWrite) {
        let StoredSaga { stored, saga } = self.stored(id).await.unwrap();
        let change = SagaChange { id: an_order_id(id), seen: stored.seen(), saga: change(saga) };
        self.memory.commit(change.into(), soon()).await.unwrap();
    }

    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(TimeDelta::from_std(by).unwrap());
    }

    /// The sweep of an instance with this number.
    pub(crate) fn sweep(&self, instance: u128) -> Sweep {
        let ports = SweepPorts {
            sagas: self.memory.clone(),
            journal: self.memory.clone(),
            commands: self.commands.clone(),
            clock: self.clock.clone(),
        };
        Sweep::new(self.sagas.clone(), ports, Uuid::from_u128(instance))
    }
}

/// What a participant replies.
pub(crate) fn reply(command: &Command, verdict: Verdict) -> Reply {
    let mut reply = Reply::to(&command.to_message(REPLY_TOPIC), "/participant", verdict);
    if verdict == Verdict::Rejected {
        reply.reason = Some(Word::Known(Reason::OutOfStock));
    }
    reply
}

pub(crate) fn kinds(commands: &[Command]) -> Vec<CommandType> {
    commands.iter().map(|command| command.task.kind()).collect()
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable("down".into())
}
