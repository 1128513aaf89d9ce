//! One request as its resolvers see it: who asks, the use cases with the time that is left, and what the answer may still
//! hold.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use async_graphql::{Context, Result, SelectionField};
use order_app::caller::Caller;
use order_app::events::Origin;
use order_app::feed::Feed;
use order_app::orders::Orders;
use order_domain::Order;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::beyond::too_expensive;

/// About the most bytes of orders and events that one request reads: four pages of the REST interface, because they are all
/// held until the answer is written.
const MOST_BYTES: usize = 4 << 20;
/// Bytes counted for each order or event, and for each line, beside its name.
const DOCUMENT: usize = 512;
const LINE: usize = 128;

/// See the head of the file.
pub(super) struct Asking {
    pub(super) caller: Caller,
    pub(super) feed: Feed,
    pub(super) origin: Origin,
    /// The place among the requests, which is also held by the writes of this request until they have ended.
    permit: Option<Arc<dyn Any + Send + Sync>>,
    orders: Orders,
    started: Instant,
    /// Pages are read one after another, so that a request holds one connection of the pool at a time.
    page: Semaphore,
    values: Left,
    bytes: Left,
    /// Set when a stream of this request ends before its time, and its client should come back.
    is_cut: AtomicBool,
}

/// What is left of a limit.
struct Left {
    name: &'static str,
    most: usize,
    rest: AtomicUsize,
}

impl Asking {
    /// `orders` has the time that was left when the request began to be worked on.
    pub(super) fn new(
        caller: Caller,
        orders: Orders,
        feed: Feed,
        origin: Origin,
        permit: Option<Arc<dyn Any + Send + Sync>>,
        max_values: usize,
    ) -> Self {
        Self {
            caller,
            feed,
            origin,
            permit,
            orders,
            started: Instant::now(),
            page: Semaphore::new(1),
            values: Left::new("max-values", max_values),
            bytes: Left::new("bytes", MOST_BYTES),
            is_cut: AtomicBool::new(false),
        }
    }

    /// The request that a resolver works for.
    pub(super) fn of<'a>(context: &Context<'a>) -> Result<&'a Arc<Self>> {
        context.data::<Arc<Self>>()
    }

    /// Begins the next answer of a stream, which has the limits to itself.
    pub(super) fn next_answer(&self) {
        self.values.reset();
        self.bytes.reset();
    }

    /// Notes that the stream ends before its time.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// The place among the requests, for work that must not end before it is given back.
    pub(super) fn permit(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.permit.clone()
    }

    /// The use cases, with the time that is left to the request.
    pub(super) fn orders(&self) -> Orders {
        self.orders.after(self.started.elapsed())
    }

    /// Waits until no other page of this request is read. It fails only when the request has ended.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.page.acquire().await.ok()
    }

    /// Counts the orders of a page that was read.
    pub(super) fn hold_orders(&self, orders: &[Order]) -> Result<()> {
        let names = |order: &Order| {
            let lines = order.snapshot().lines.iter();
            let name = |name: &order_domain::ProductName| name.as_str().len();
            lines.map(|line| LINE.saturating_add(line.name.as_ref().map_or(0, name))).sum::<usize>()
        };
        self.bytes.take(orders.iter().map(|order| DOCUMENT.saturating_add(names(order))).sum())
    }

    /// Counts the texts of events that were read.
    pub(super) fn hold_texts<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Result<()> {
        self.bytes.take(texts.map(|text| DOCUMENT.saturating_add(text.len())).sum())
    }

    /// Counts the values of a list that is about to be written: each entry with each field that is selected of it.
    pub(super) fn write_list(&self, context: &Context<'_>, entries: usize) -> Result<()> {
        self.values.take(entries.saturating_mul(fields(&context.field())))
    }
}

/// The fields that are selected below a field, at every depth. The guard has bounded them.
fn fields(of: &SelectionField<'_>) -> usize {
    of.selection_set().map(|field| fields(&field).saturating_add(1)).sum()
}

impl Left {
    const fn new(name: &'static str, most: usize) -> Self {
        Self { name, most, rest: AtomicUsize::new(most) }
    }

    fn reset(&self) {
        self.rest.store(self.most, Ordering::Relaxed);
    }

    fn take(&self, count: usize) -> Result<()> {
        let take = |left: usize| left.checked_sub(count);
        match self.rest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(too_expensive(
                self.name,
                self.most,
                "The answer would be too large: ask for fewer entries, or for less of each.",
            )),
        }
    }
}
