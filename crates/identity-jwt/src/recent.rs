//! The tokens that were found good a moment ago. A caller sends one token again and again, and to check a signature costs
//! about as much as to read an order.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::caller::Caller;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::keys::KeySet;

/// How long a token is not checked again. Its own end, and a change of the keys, go before.
const KEPT: Duration = Duration::from_mins(1);
/// The most tokens of each half.
const HALF: usize = 5_000;

/// What stands for a token: it cannot be read back.
pub(crate) type Digest = [u8; 32];

/// Good tokens, 10,000 at most.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Halves>);

/// When the newer half is full, it becomes the older one, and that one is forgotten.
#[derive(Debug, Default)]
struct Halves {
    newer: HashMap<Digest, Good>,
    older: HashMap<Digest, Good>,
}

#[derive(Debug)]
struct Good {
    caller: Caller,
    /// The keys that the token was checked by.
    keys: Arc<KeySet>,
    since: Instant,
}

impl Recent {
    /// The caller of a token that these keys have checked within the last minute, and whose time is not over now.
    pub(crate) fn find(
        &self,
        token: &Digest,
        keys: &Arc<KeySet>,
        now: DateTime<Utc>,
    ) -> Option<Caller> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let good = halves.newer.get(token).or_else(|| halves.older.get(token))?;
        let is_same = Arc::ptr_eq(&good.keys, keys) && good.since.elapsed() < KEPT;
        let holds = good.caller.until().is_some_and(|until| now <= until);
        (is_same && holds).then(|| good.caller.clone())
    }

    /// Keeps a token that these keys have checked.
    pub(crate) fn keep(&self, token: Digest, keys: Arc<KeySet>, caller: Caller) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.newer.len() >= HALF {
            halves.older = mem::take(&mut halves.newer);
        }
        halves.newer.insert(token, Good { caller, keys, since: Instant::now() });
    }
}

/// What stands for a token.
pub(crate) fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use order_app::caller::{Access, Authorities, CallerName};
    use tokio::time::advance;

    use super::*;

    fn keys() -> Arc<KeySet> {
        let x = "A".repeat(43);
        let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#);
        Arc::new(KeySet::read(set.as_bytes(), &["EdDSA".parse().unwrap()]).unwrap())
    }

    fn until(end: DateTime<Utc>) -> Caller {
        let name = CallerName::new("ann").unwrap();
        Caller::new(name, Access::Nothing, Authorities::default(), Some(end))
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_known_for_a_minute_until_its_end_and_by_its_keys() {
        let (recent, keys, now) = (Recent::default(), keys(), DateTime::UNIX_EPOCH);
        let (token, second) = (digest("a"), TimeDelta::seconds(1));
        recent.keep(token, Arc::clone(&keys), until(now + second));
        assert_eq!(recent.find(&token, &keys, now + second), Some(until(now + second)));
        assert_eq!(recent.find(&token, &keys, now + second * 2), None, "its time is over");
        assert_eq!(recent.find(&token, &self::keys(), now), None, "the keys were fetched anew");
        assert_eq!(recent.find(&digest("b"), &keys, now), None);
        advance(Duration::from_millis(59_999)).await;
        assert!(recent.find(&token, &keys, now).is_some());
        advance(Duration::from_millis(1)).await;
        assert_eq!(recent.find(&token, &keys, now), None, "it is checked again");
        recent.keep(token, Arc::clone(&keys), until(now + second));
        assert!(recent.find(&token, &keys, now).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_tokens_are_known_at_most() {
        let (recent, keys, now) = (Recent::default(), keys(), DateTime::UNIX_EPOCH);
        let token = |at: u32| {
            let mut token = Digest::default();
            token.iter_mut().zip(at.to_be_bytes()).for_each(|(to, from)| *to = from);
            token
        };
        for at in 0..30_000 {
            recent.keep(token(at), Arc::clone(&keys), until(now));
        }
        let known = (0..30_000).filter(|at| recent.find(&token(*at), &keys, now).is_some());
        assert!((5_000..=10_000).contains(&known.count()));
        assert!(recent.find(&token(29_999), &keys, now).is_some(), "the newest are");
    }
}
