//! Subscriptions: the feed of events, as REST has it.

use std::collections::VecDeque;
use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription as GraphqlSubscription};
use futures_util::Stream;
use futures_util::stream::unfold;
use order_app::feed::{self, End, FeedBatch, FeedEvent, Filter, Start, SubscribeError};

use super::asking::Asking;
use super::enums::OrderEventType;
use super::errors::error;
use super::event::{OrderEvent, OrderEventMessage, position};
use super::query::read_id;
use super::scalars::Cursor;
use crate::problem::Problem;

/// What can be listened to.
pub(super) struct Subscription;

/// What a stream of events works with.
struct Listening {
    asking: Arc<Asking>,
    /// `None` once it has ended.
    subscription: Option<feed::Subscription>,
    /// Events of the last batch that are not sent yet.
    waiting: VecDeque<Arc<FeedEvent>>,
}

/// What can be listened to.
#[GraphqlSubscription]
impl Subscription {
    /// The events of all orders that the caller may know of, from now on, or from a cursor on without a gap. A subscriber that
    /// comes back sends the cursor of the last event that it has.
    async fn order_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The cursor of the last event that is known; 0 is the beginning.")] after: Option<
            Cursor,
        >,
        #[graphql(desc = "Only events of this order.")] order_id: Option<ID>,
        #[graphql(desc = "Only events of this customer's orders.")] customer_id: Option<ID>,
        #[graphql(desc = "Only events of these types.")] types: Option<Vec<OrderEventType>>,
    ) -> Result<impl Stream<Item = Result<OrderEventMessage>> + use<>> {
        let asking = Arc::clone(Asking::of(context)?);
        let start = position(after.as_ref(), &asking)?.map_or(Start::Now, Start::After);
        let order = order_id.map(|id| read_id("orderId", &id, &asking)).transpose()?;
        let customer = customer_id.map(|id| read_id("customerId", &id, &asking)).transpose()?;
        let kinds = types.unwrap_or_default().into_iter().map(Into::into).collect();
        let subscribed =
            asking.feed.subscribe(&asking.caller, start, Filter { kinds, customer, order }).await;
        let subscription = subscribed.map_err(|refused| error(&Problem::from(refused), &asking))?;
        let (subscription, waiting) = (Some(subscription), VecDeque::new());
        Ok(unfold(Listening { asking, subscription, waiting }, Listening::next))
    }
}

impl Listening {
    async fn next(mut self) -> Option<(Result<OrderEventMessage>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.asking.next_answer();
                let read = OrderEvent::read(&event.json);
                let read = read.map_err(|problem| error(&problem, &self.asking));
                let cursor = Cursor(event.position.to_string());
                return Some((read.map(|event| OrderEventMessage { cursor, event }), self));
            }
            match self.subscription.as_mut()?.next().await {
                Ok(FeedBatch { events, .. }) => self.waiting.extend(events),
                Err(End::Expired) => {
                    self.asking.cut();
                    return None;
                }
                Err(End::Gone(gone)) => {
                    self.subscription = None;
                    let problem = Problem::from(SubscribeError::Gone(gone));
                    return Some((Err(error(&problem, &self.asking)), self));
                }
            }
        }
    }
}
