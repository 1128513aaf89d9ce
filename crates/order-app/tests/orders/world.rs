//! The use cases with everything around them that a test needs.

use std::sync::Arc;
use std::time::Duration;

use order_app::currencies::Currencies;
use order_app::events::EventRecord;
use order_app::orders::{Answered, Orders, Ports};
use order_app::ports::OrderStore as _;
use order_app::saga::SagaPolicy;
use order_domain::{Currency, Order, OrderStatus};
use order_testkit::examples::{
    a_change, a_change_placing, a_currency, a_new_order, an_order_id, moved, noon, soon,
};
use order_testkit::{Faults, FixedClock, InMemoryStore, RandomEntropy, SentCommands};

/// How long a request may take.
pub(crate) const BUDGET: Duration = Duration::from_secs(5);

pub(crate) struct World {
    /// Where everything ends up; it works.
    pub(crate) memory: Arc<InMemoryStore>,
    /// The faults of the same store as the use cases see it.
    pub(crate) faults: Faults,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) orders: Orders,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(&Arc::default())
    }

    /// An instance over a store that others use, too. US dollars, yen and dinars are enabled.
    pub(crate) fn over(memory: &Arc<InMemoryStore>) -> Self {
        let (store, clock) = (memory.another_instance(), Arc::new(FixedClock::default()));
        let (memory, faults) = (memory.clone(), store.faults().clone());
        let (store, entropy) = (Arc::new(store), Arc::new(RandomEntropy));
        let ports = Ports {
            store: store.clone(),
            sagas: store,
            commands: Arc::new(SentCommands::default()),
            clock: clock.clone(),
            entropy,
        };
        let enabled = vec![a_currency("JPY"), a_currency("KWD")];
        let currencies = Currencies::new(Currency::USD, enabled);
        let orders = Orders::new(ports, currencies, SagaPolicy::default(), BUDGET);
        Self { memory, faults, clock, orders }
    }

    pub(crate) async fn order(&self, id: i64) -> Option<Order> {
        self.memory.order(an_order_id(id), soon()).await.unwrap()
    }

    pub(crate) async fn events(&self, id: i64) -> Vec<EventRecord> {
        let events = self.memory.events(an_order_id(id), 0, 100, soon());
        events.await.unwrap().items.into_iter().map(|(_, event)| event.unwrap()).collect()
    }

    /// The kinds of an order's events.
    pub(crate) async fn kinds(&self, id: i64) -> Vec<&'static str> {
        let events = self.events(id).await;
        events.iter().map(|event| event.kind.as_str()).collect()
    }
}

/// Puts an order straight into a store and moves it along a path.
pub(crate) async fn put(store: &InMemoryStore, id: i64, path: &[OrderStatus]) -> Order {
    let placed = a_change_placing(a_new_order(id, 42));
    let mut order = placed.order.clone();
    store.commit(placed.into(), soon()).await.unwrap();
    for to in path {
        let event = moved(&order, *to, noon());
        order = event.order.clone();
        store.commit(a_change(event).into(), soon()).await.unwrap();
    }
    order
}

/// The text that the examples' encoding makes of an order: id, version and status.
pub(crate) fn text(answered: &Answered) -> &str {
    std::str::from_utf8(&answered.answer.body).unwrap()
}
