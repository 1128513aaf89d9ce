//! What both suites and the bench check tokens with: settings, and a clock that stands still.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a broken expectation ends a test"
)]

use std::error::Error as _;
use std::sync::Arc;

use chrono::DateTime;
use identity_jwt::{Algorithm, AuthorityNames, ClaimNames, Delimiter, Jwt, JwtSettings, KeySource};
use order_app::caller::Caller;
use order_app::ports::{Authenticator as _, Clock as _, NotAuthenticated};
use order_testkit::FixedClock;
use serde_json::{Value, json};

/// The end of the tokens: an hour after the clock.
pub(crate) const HOUR: i64 = 3_600;

pub(crate) fn settings(keys: KeySource) -> JwtSettings {
    let name = |name: &str| format!("SCOPE_{name}");
    JwtSettings {
        keys,
        issuer: None,
        audiences: None,
        algorithms: vec![Algorithm::RS256],
        claims: ClaimNames {
            authorities: None,
            principal: "sub".to_owned(),
            customer: "customer_id".to_owned(),
        },
        delimiter: Delimiter::Text(" ".to_owned()),
        prefix: "SCOPE_".to_owned(),
        authorities: AuthorityNames {
            read: name("orders:read"),
            write: name("orders:write"),
            fulfil: name("orders:fulfil"),
            any: name("orders:any"),
            admin: name("orders:admin"),
            metrics: name("orders:metrics"),
        },
        plain_http: false,
    }
}

/// Checks tokens at a time that stands still.
pub(crate) struct Desk {
    pub(crate) jwt: Arc<Jwt>,
    pub(crate) clock: Arc<FixedClock>,
}

impl Desk {
    pub(crate) fn new(settings: JwtSettings) -> Self {
        let clock = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = Arc::new(FixedClock::at(clock));
        let jwt = Jwt::new(settings, Arc::<FixedClock>::clone(&clock)).unwrap();
        Self { jwt: Arc::new(jwt), clock }
    }

    /// The time in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// The claims of a token that is good for an hour.
    pub(crate) fn claims(&self) -> Value {
        json!({"sub": "ann", "exp": self.now() + HOUR, "scope": "orders:read", "customer_id": 42})
    }

    pub(crate) async fn caller(&self, token: &str) -> Result<Caller, NotAuthenticated> {
        self.jwt.caller(token).await
    }

    /// Why a token is refused, as the log says it; nothing if it is not.
    pub(crate) async fn refusal(&self, token: &str) -> String {
        match self.caller(token).await {
            Ok(_) => String::new(),
            Err(NotAuthenticated::Unavailable) => "unavailable".to_owned(),
            Err(error @ NotAuthenticated::Invalid(..)) => error.source().unwrap().to_string(),
        }
    }
}
