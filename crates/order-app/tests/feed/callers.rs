//! Whose events a subscriber gets, and until when.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use order_app::caller::{Access, Authority, Caller, CallerName, Forbidden};
use order_app::feed::{End, Filter, Start, SubscribeError};
use order_domain::CustomerId;
use order_testkit::examples::noon;
use tokio::time::Instant;

use crate::world::{World, delivered, silent, small};

fn caller(access: Access, authority: Authority, until: Option<DateTime<Utc>>) -> Caller {
    let name = CallerName::new("ann").unwrap();
    Caller::new(name, access, [authority].into_iter().collect(), until)
}

fn customer(id: i64) -> Access {
    Access::Customer(CustomerId::new(id).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_feed_needs_the_authority_to_read_and_access_to_orders() {
    let world = World::new(small());
    let refused = |caller: Caller| async {
        let subscribed = world.feed.subscribe(&{ caller }, Start::Now, Filter::default()).await;
        match subscribed {
            Err(SubscribeError::Forbidden(Forbidden(authority))) => Some(authority),
            _ => None,
        }
    };
    for authority in Authority::ALL {
        let lacks = (authority != Authority::Read).then_some(Authority::Read);
        assert_eq!(refused(caller(Access::Everything, authority, None)).await, lacks);
        assert_eq!(refused(caller(customer(42), authority, None)).await, lacks);
    }
    let nothing = caller(Access::Nothing, Authority::Read, None);
    assert_eq!(refused(nothing).await, Some(Authority::Any));
}

#[tokio::test(start_paused = true)]
async fn a_customer_gets_its_own_events_whatever_it_asks_for() {
    let world = World::new(small());
    // Of customer 42.
    world.orders(1..=20).await;
    let named = |id| Filter { customer: CustomerId::new(id).ok(), ..Filter::default() };
    for (own, filter, expected) in [
        (42, Filter::default(), 20),
        (42, named(42), 20),
        (42, named(7), 0),
        (7, Filter::default(), 0),
        (7, named(42), 0),
    ] {
        let caller = caller(customer(own), Authority::Read, None);
        let subscribed = world.feed.subscribe(&caller, Start::After(0), filter.clone()).await;
        let mut subscription = subscribed.unwrap();
        let mut found = 0;
        while subscription.position() < 20 {
            found += subscription.next().await.unwrap().events.len();
        }
        assert_eq!(found, expected, "{own} {filter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_with_its_caller_s_say() {
    let world = World::new(small());
    let (minute, start) = (TimeDelta::minutes(1), Instant::now());
    let caller = caller(Access::Everything, Authority::Read, Some(noon() + minute));
    let subscribed = world.feed.subscribe(&caller, Start::Now, Filter::default()).await;
    let mut subscription = subscribed.unwrap();
    world.orders(1..=2).await;
    assert_eq!(delivered(&mut subscription, 2).await, [1, 2]);
    silent(&mut subscription).await;
    assert_eq!(subscription.next().await, Err(End::Expired));
    assert_eq!(start.elapsed(), Duration::from_mins(1));
    // Also when there are events at hand, as another subscriber sees.
    let mut other = world.subscribe(Start::After(2)).await;
    world.orders(3..=4).await;
    assert_eq!(delivered(&mut other, 2).await, [3, 4]);
    drop(other);
    assert_eq!(subscription.next().await, Err(End::Expired));
    drop(subscription);
    assert_eq!(world.feed.report().streams, 0);
}
