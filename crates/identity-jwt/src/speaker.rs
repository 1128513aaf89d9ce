//! Whom the claims of a token speak for: name, authorities, and whose orders.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use order_app::caller::{Access, Authorities, Authority, Caller, CallerName};
use order_domain::CustomerId;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::claims::{Claims, unusable};
use crate::refusal::{Reason, Refusal};
use crate::settings::JwtSettings;

/// What a digest in the place of a name begins with.
const DIGEST: &str = "sha256:";

/// The caller that claims speak for, until a time.
pub(crate) fn caller(
    claims: &Claims,
    settings: &JwtSettings,
    until: DateTime<Utc>,
) -> Result<Caller, Refusal> {
    let principal = match claims.at(&settings.claims.principal) {
        Some(Value::String(name)) if !name.is_empty() => Some(name.clone()),
        Some(Value::Number(number)) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    };
    let name = principal.and_then(|principal| name(&principal));
    let name = name.ok_or(Refusal::new(Reason::Claims, "it does not say who asks"))?;
    let held = authorities(claims, settings)?;
    let access = access(claims.at(&settings.claims.customer), held.has(Authority::Any));
    Ok(Caller::new(name, access, held, Some(until)))
}

/// The name as it is, or its digest if it does not fit. What looks like a digest is not taken as it is, so no name is
/// the digest of another; nor is the name of those who asked before tokens were needed.
fn name(principal: &str) -> Option<CallerName> {
    let is_taken =
        principal.starts_with(DIGEST) || principal == Caller::anonymous().name().as_str();
    let as_it_is = CallerName::new(principal).filter(|_| !is_taken);
    as_it_is.or_else(|| {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(principal));
        CallerName::new(format!("{DIGEST}{digest}"))
    })
}

/// As in Spring: a text is divided, a list has one authority in each element, and each gets the prefix. What is neither
/// gives none, but a list with anything else than texts is refused.
fn authorities(claims: &Claims, settings: &JwtSettings) -> Result<Authorities, Refusal> {
    let claim = match &settings.claims.authorities {
        Some(name) => claims.at(name),
        None => claims.present("scope").or_else(|| claims.present("scp")),
    };
    let words: Option<Vec<&str>> = match claim {
        Some(Value::String(text)) => Some(settings.delimiter.split(text).collect()),
        Some(Value::Array(all)) => all.iter().map(Value::as_str).collect(),
        _ => Some(Vec::new()),
    };
    let words = words.ok_or(unusable("one of its authorities is no text"))?;
    let is_held = |authority: &Authority| {
        let asked = settings.authorities.of(*authority).strip_prefix(&*settings.prefix);
        asked.is_some_and(|asked| words.contains(&asked))
    };
    Ok(Authority::ALL.into_iter().filter(is_held).collect())
}

/// Whose orders: those of the customer whom the claim names, as a number or in decimal digits. A claim that names no
/// customer gives access to none.
fn access(customer: Option<&Value>, has_any: bool) -> Access {
    if has_any {
        return Access::Everything;
    }
    let customer = match customer {
        Some(Value::Number(number)) => number.as_i64().and_then(|id| CustomerId::new(id).ok()),
        Some(Value::String(digits)) => digits.parse().ok(),
        _ => None,
    };
    customer.map_or(Access::Nothing, Access::Customer)
}
