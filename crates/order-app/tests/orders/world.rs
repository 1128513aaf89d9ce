//! The use cases with everything around them that a test needs.

use std::sync::Arc;
use std::time::Duration;

use order_app::currencies::Currencies;
use order_app::events::EventRecord;
use order_app::orders::{Answered, Orders, Ports};
use order_app::ports::OrderStore;
use order_domain::{Currency, Order, OrderStatus};
use order_testkit::examples::{
    a_change, a_change_placing, a_currency, a_new_order, an_order_id, moved, noon, soon,
};
use order_testkit::{FixedClock, HookedStore, InMemoryStore, RandomEntropy};

/// How long a request may take.
pub(crate) const BUDGET: Duration = Duration::from_secs(5);

pub(crate) struct World {
    /// Where everything ends up.
    pub(crate) memory: Arc<InMemoryStore>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) orders: Orders,
}

impl World {
    /// Use cases right over the store that works.
    pub(crate) fn new() -> Self {
        Self::hooked(|store| store)
    }

    /// Use cases over the same store, with hooks around each commit.
    pub(crate) fn hooked(hooks: impl FnOnce(HookedStore) -> HookedStore) -> Self {
        let memory = Arc::new(InMemoryStore::default());
        Self::over(&memory, hooks)
    }

    pub(crate) fn over(
        memory: &Arc<InMemoryStore>,
        hooks: impl FnOnce(HookedStore) -> HookedStore,
    ) -> Self {
        let clock = Arc::new(FixedClock::default());
        let store = Arc::new(hooks(HookedStore::new(memory.clone())));
        Self { orders: orders_over(store, clock.clone()), memory: memory.clone(), clock }
    }

    pub(crate) async fn order(&self, id: i64) -> Option<Order> {
        self.memory.order(an_order_id(id), soon()).await.unwrap()
    }

    pub(crate) async fn events(&self, id: i64) -> Vec<EventRecord> {
        let events = self.memory.events(an_order_id(id), 0, 100, soon());
        events.await.unwrap()
    }

    /// The kinds of an order's events.
    pub(crate) async fn kinds(&self, id: i64) -> Vec<&'static str> {
        let events = self.events(id).await;
        events.iter().map(|event| event.kind.as_str()).collect()
    }
}

/// Use cases over any store; US dollars, yen and dinars are enabled.
pub(crate) fn orders_over(store: Arc<dyn OrderStore>, clock: Arc<FixedClock>) -> Orders {
    let ports = Ports { store, clock, entropy: Arc::new(RandomEntropy) };
    let enabled = vec![a_currency("JPY"), a_currency("KWD")];
    Orders::new(ports, Currencies::new(Currency::USD, enabled), BUDGET)
}

/// Puts an order straight into a store and moves it along a path.
pub(crate) async fn put(store: &InMemoryStore, id: i64, path: &[OrderStatus]) -> Order {
    let placed = a_change_placing(a_new_order(id, 42));
    let mut order = placed.order.clone();
    store.commit(placed, soon()).await.unwrap();
    for to in path {
        let event = moved(&order, *to, noon());
        order = event.order.clone();
        store.commit(a_change(event), soon()).await.unwrap();
    }
    order
}

/// The text that the examples' encoding makes of an order: id, version and status.
pub(crate) fn text(answered: &Answered) -> &str {
    std::str::from_utf8(&answered.answer.body).unwrap()
}
