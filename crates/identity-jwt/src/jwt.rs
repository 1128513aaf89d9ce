//! Checks tokens, in the order in which each check may rely on those before it: form and header, key, signature, claims.

use std::sync::Arc;

use async_trait::async_trait;
use order_app::caller::{Authority, Caller};
use order_app::ports::{Authenticator, Clock, NotAuthenticated};

use crate::claims::Claims;
use crate::fetch::{Fetcher, From};
use crate::keys::KeySet;
use crate::recent::{Recent, digest};
use crate::refusal::{Reason, Refusal};
use crate::report::{Counts, Report};
use crate::ring::KeyRing;
use crate::settings::{JwtSettings, KeySource, SettingsError};
use crate::speaker;
use crate::token::Token;

/// Tells whom signed JSON Web Tokens speak for.
pub struct Jwt {
    settings: JwtSettings,
    clock: Arc<dyn Clock>,
    ring: KeyRing,
    recent: Recent,
    counts: Counts,
}

impl Jwt {
    /// Tokens are checked as the settings say, by the time of this clock. No key is fetched before [`Jwt::run`].
    ///
    /// # Errors
    /// When a file has no key, when keys would come over an open connection, or when no client can be made. An issuer that
    /// does not answer is no error.
    pub fn new(settings: JwtSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let fetched = |from| {
            Fetcher::new(from, settings.algorithms.clone(), settings.plain_http)
                .map(KeyRing::fetched)
        };
        let ring = match &settings.keys {
            KeySource::Set(address) => fetched(From::Set(address.clone()))?,
            KeySource::Issuer(address) => {
                let name = settings.issuer.clone().unwrap_or_else(|| address.to_string());
                fetched(From::Issuer(address.clone(), name))?
            }
            KeySource::File(pem) => KeyRing::fixed(KeySet::of_file(pem, &settings.algorithms)?),
        };
        Ok(Self { settings, clock, ring, recent: Recent::default(), counts: Counts::default() })
    }

    /// Fetches keys for ever; returns at once if they are from a file. There is one such task: it may be dropped at any time
    /// and begun again.
    pub async fn run(&self) {
        self.ring.run().await;
    }

    /// How checking tokens goes. It makes no call.
    #[must_use]
    pub fn report(&self) -> Report {
        let standing = self.ring.standing();
        Report {
            accepted: self.counts.accepted(),
            refused: self.counts.refused(),
            keys: standing.keys,
            age: standing.age,
            fetched: standing.fetched,
            failed: standing.failed,
            last_failure: standing.last_failure,
        }
    }

    async fn check(&self, text: &str) -> Result<Caller, Refusal> {
        let (digest, now) = (digest(text), self.clock.now());
        let keys = self.ring.keys();
        if let Some(caller) = keys.and_then(|keys| self.recent.find(&digest, &keys, now)) {
            return Ok(caller);
        }
        let token = Token::read(text, &self.settings.algorithms)?;
        let keys = self.check_signature(&token).await?;
        let (claims, until) = Claims::checked(token.claims()?, &self.settings, self.clock.now())?;
        let caller = speaker::caller(&claims, &self.settings, until)?;
        self.recent.keep(digest, keys, caller.clone());
        Ok(caller)
    }

    /// Answers with the keys that have checked it.
    async fn check_signature(&self, token: &Token<'_>) -> Result<Arc<KeySet>, Refusal> {
        let unavailable = Refusal::new(Reason::Unavailable, "no key of the issuer is known yet");
        let mut keys = self.ring.keys().ok_or(unavailable)?;
        // Never for a wrong signature: who sends those would cause the fetches.
        if keys.lacks(token.key_id.as_deref()) {
            keys = self.ring.keys_again().await.ok_or(unavailable)?;
        }
        keys.verify(token)?;
        Ok(keys)
    }
}

#[async_trait]
impl Authenticator for Jwt {
    async fn caller(&self, token: &str) -> Result<Caller, NotAuthenticated> {
        let checked = self.check(token).await;
        self.counts.note(&checked);
        checked.map_err(Into::into)
    }

    fn name(&self, authority: Authority) -> &str {
        let name = self.settings.authorities.of(authority);
        name.strip_prefix(&*self.settings.prefix).unwrap_or(name)
    }
}
