//! What a token with a right signature says: when it holds, who has made it and for whom (RFC 7519, section 4.1).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::refusal::{Reason, Refusal};
use crate::settings::JwtSettings;

/// How far clocks may differ, as in Spring.
pub(crate) const SKEW: TimeDelta = TimeDelta::seconds(60);

/// The claims of a token.
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

/// Claims whose wrong type is not ignored, although some of them are not read.
const TEXTS: &[&str] = &["iss", "sub", "jti"];

impl Claims {
    /// Checks when the token holds, who has made it and for whom. Answers with the end of its time, skew included.
    pub(crate) fn checked(
        claims: Map<String, Value>,
        settings: &JwtSettings,
        now: DateTime<Utc>,
    ) -> Result<(Self, DateTime<Utc>), Refusal> {
        let claims = Self(claims);
        let is_text = |name: &&str| claims.present(name).is_none_or(Value::is_string);
        if !TEXTS.iter().all(is_text) {
            return Err(unusable("a registered claim has a wrong type"));
        }
        // It is good only together with the proof of a key (RFC 7800), which is not looked for.
        if claims.present("cnf").is_some() {
            return Err(unusable("it is bound to a key"));
        }
        let until = claims.check_times(now)?;
        claims.check_issuer(settings.issuer.as_deref())?;
        claims.check_audience(settings.audiences.as_deref())?;
        Ok((claims, until))
    }

    fn check_times(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
        let (expires, issued) = (self.time("exp")?, self.time("iat")?);
        let expires = expires.ok_or(unusable("it never expires"))?;
        let later = |at: DateTime<Utc>| at.checked_add_signed(SKEW);
        let until = later(expires).ok_or(unusable("its end is no time"))?;
        if now > until {
            return Err(Refusal::new(Reason::Expired, "its time is over"));
        }
        let soon = later(now).unwrap_or(now);
        if [self.time("nbf")?, issued].into_iter().flatten().any(|start| start > soon) {
            return Err(Refusal::new(Reason::Early, "its time has not come"));
        }
        if issued.is_some_and(|issued| issued >= expires) {
            return Err(unusable("it ends before it begins"));
        }
        Ok(until)
    }

    /// Issuers are compared as texts: an address that means the same is another one (RFC 7519, section 4.1.1).
    fn check_issuer(&self, expected: Option<&str>) -> Result<(), Refusal> {
        let found = self.present("iss").and_then(Value::as_str);
        if expected.is_none_or(|expected| found == Some(expected)) {
            return Ok(());
        }
        Err(Refusal::new(Reason::Issuer, "another issuer has made it"))
    }

    fn check_audience(&self, expected: Option<&[String]>) -> Result<(), Refusal> {
        let named: Option<Vec<&str>> = match self.present("aud") {
            None => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(all)) => all.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        let named = named.ok_or(unusable("its audience has a wrong type"))?;
        let is_meant =
            |expected: &[String]| expected.iter().any(|one| named.contains(&one.as_str()));
        if expected.is_none_or(is_meant) {
            return Ok(());
        }
        Err(Refusal::new(Reason::Audience, "it is for others"))
    }

    /// A time in seconds since 1970. A fraction is cut off, as in Spring.
    fn time(&self, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
        let Some(value) = self.present(name) else { return Ok(None) };
        let seconds = value.as_i64().or_else(|| whole(value.as_f64()?));
        let at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        // A number that is not finite or too large, a text, anything else.
        let at = at.filter(|_| value.is_number());
        at.map(Some).ok_or(unusable("one of its times is no time"))
    }

    /// A claim that is there. JSON's `null` is as none, as in Spring.
    pub(crate) fn present(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A claim by its name, or by its path through objects, whose names may have dots, too.
    pub(crate) fn at(&self, path: &str) -> Option<&Value> {
        at(&self.0, path).filter(|value| !value.is_null())
    }
}

fn at<'a>(members: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    members.get(path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| {
            let (name, rest) = (path.get(..dot)?, path.get(dot.checked_add(1)?..)?);
            at(members.get(name)?.as_object()?, rest)
        })
    })
}

/// A number without its fraction.
fn whole(number: f64) -> Option<i64> {
    // Between these, the text of a whole number of this type is one of the other.
    let is_near = number.is_finite() && number.abs() < 1e15;
    is_near.then(|| format!("{:.0}", number.trunc()).parse().ok())?
}

pub(crate) const fn unusable(cause: &'static str) -> Refusal {
    Refusal::new(Reason::Claims, cause)
}
