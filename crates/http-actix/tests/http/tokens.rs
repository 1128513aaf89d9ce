//! Tokens for tests, and an issuer that knows what they mean.

use std::sync::Arc;

use async_trait::async_trait;
use http_actix::Security;
use order_app::caller::{Access, Authority, Caller, CallerName};
use order_app::ports::{Authenticator, NotAuthenticated};

/// An issuer whose tokens say plainly what they allow: `NAME.CUSTOMER.AUTHORITY-AUTHORITY`, with `any` and `none` for a
/// customer.
pub(crate) struct PlainTokens;

#[async_trait]
impl Authenticator for PlainTokens {
    async fn caller(&self, token: &str) -> Result<Caller, NotAuthenticated> {
        let invalid = || NotAuthenticated::Invalid("Made up", "it is made up".into());
        let [name, customer, authorities] =
            token.split('.').collect::<Vec<_>>().try_into().map_err(|_| invalid())?;
        let access = match customer {
            "any" => Access::Everything,
            "none" => Access::Nothing,
            id => Access::Customer(id.parse().map_err(|_| invalid())?),
        };
        let has = |authority: &Authority| authorities.split('-').any(|one| one == text(*authority));
        let authorities = Authority::ALL.into_iter().filter(has).collect();
        let name = CallerName::new(name).ok_or_else(invalid)?;
        Ok(Caller::new(name, access, authorities, None))
    }

    fn name(&self, authority: Authority) -> &str {
        text(authority)
    }
}

pub(crate) const fn text(authority: Authority) -> &'static str {
    match authority {
        Authority::Read => "read",
        Authority::Write => "write",
        Authority::Fulfil => "fulfil",
        Authority::Any => "any",
        Authority::Admin => "admin",
        Authority::Metrics => "metrics",
    }
}

impl PlainTokens {
    pub(crate) fn security() -> Security {
        Security { authenticator: Some(Arc::new(Self)), ..Security::default() }
    }
}
