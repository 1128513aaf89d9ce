//! A client gets what a simple model gives it, and clients without number take bounded memory.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow would fail the test")]

use std::net::Ipv4Addr;

use governor::clock::FakeRelativeClock;
use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn rates(per_second: u32, burst: u32) -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
    let [per_second, burst] = [per_second, burst].map(|n| NonZeroU32::new(n).unwrap());
    let clock = FakeRelativeClock::default();
    (Rates::by(clock.clone(), RateLimit { per_second, burst }), clock)
}

fn address(number: u32) -> Who {
    Who::of(None, Some(Ipv4Addr::from_bits(number).into()))
}

/// A bucket that fills by a drop at a time; in nanoseconds of filling.
struct Model {
    drop: u64,
    most: u64,
    level: u64,
}

impl Model {
    fn passes(&mut self, since_last: u64) -> Result<(), u64> {
        self.level = self.level.saturating_add(since_last).min(self.most);
        self.level = self.level.checked_sub(self.drop).ok_or_else(|| self.drop - self.level)?;
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_client_gets_what_a_bucket_of_drops_would_give_it(
        per_second in 1_u32..2_000,
        burst in 1_u32..50,
        steps in prop::collection::vec((0..3_u32, 0..2 * SECOND), 1..200),
    ) {
        let (rates, clock) = rates(per_second, burst);
        let drop = SECOND / u64::from(per_second);
        let most = drop * u64::from(burst);
        let mut models = [0; 3].map(|_| (Model { drop, most, level: most }, 0));
        let mut now = 0;
        for (client, pause) in steps {
            // As often short as long: many requests meet an empty bucket.
            let pause = if pause % 2 == 0 { pause % (2 * drop) } else { pause };
            clock.advance(Duration::from_nanos(pause));
            now += pause;
            let (model, last) = &mut models[usize::try_from(client).unwrap()];
            let expected = model.passes(now - *last).map_err(|wait| TooFast(Duration::from_nanos(wait)));
            *last = now;
            prop_assert_eq!(rates.take(&address(client)), expected);
        }
    }
}

#[test]
fn a_million_clients_have_room_for_a_hundred_thousand_buckets() {
    let (rates, clock) = rates(1, 2);
    for number in 0..1_000_000 {
        let taken = rates.take(&address(number));
        let is_within = usize::try_from(number).unwrap() < MOST_CLIENTS + 2;
        assert_eq!(taken.is_ok(), is_within, "those beyond share one bucket: {number}");
    }
    assert_eq!(rates.limiter.len(), MOST_CLIENTS);
    // A client that was there before has its own.
    assert_eq!(rates.take(&address(7)), Ok(()));
    // Full buckets are dropped, so that others get their own.
    clock.advance(Duration::from_nanos(SWEEP_NANOS));
    assert_eq!(rates.take(&address(1_000_000)), Ok(()));
    assert_eq!(rates.limiter.len(), 1);
}

#[test]
fn buckets_that_are_not_full_stay() {
    let (rates, clock) = rates(1, 100);
    for _ in 0..100 {
        rates.take(&address(1)).unwrap();
    }
    rates.take(&address(2)).unwrap();
    clock.advance(Duration::from_nanos(SWEEP_NANOS));
    for _ in 0..60 {
        rates.take(&address(1)).unwrap();
    }
    assert_eq!(rates.take(&address(1)), Err(TooFast(Duration::from_secs(1))));
    assert_eq!(rates.limiter.len(), 1);
}

#[test]
fn callers_have_buckets_wherever_they_are() {
    let ours = CallerName::new("shop").unwrap();
    let [here, there] = ["10.0.0.1", "2001:db8::1"].map(|ip| ip.parse().ok());
    assert_eq!(Who::of(Some(&ours), here), Who::of(Some(&ours), there));
    assert_ne!(Who::of(Some(&ours), here), Who::of(None, here));
    assert_eq!(Who::of(None, there), Who::of(None, "2001:db8::2".parse().ok()));
    assert_ne!(Who::of(None, None), Who::of(None, here));
}
