//! Makes tokens, and whatever else a request may carry in their place.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::keys::{Keys, base64url};

/// What a request carries.
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    /// The lines of its header, each with its end.
    pub(crate) lines: Vec<u8>,
    pub(crate) query: &'static str,
    /// The second of Unix time from which on it is another case.
    pub(crate) until: Option<i64>,
}

impl Sent {
    pub(crate) fn nothing() -> Self {
        Self { method: "GET", lines: Vec::new(), query: "", until: None }
    }

    /// A further `Authorization`.
    pub(crate) fn and(mut self, value: &str) -> Self {
        self.lines.extend_from_slice(format!("Authorization: {value}\r\n").as_bytes());
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn until(mut self, second: i64) -> Self {
        self.until = Some(second);
        self
    }
}

/// What tokens are made from.
pub(crate) struct Mint<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) issuer: &'a str,
    /// Seconds of Unix time.
    pub(crate) now: i64,
}

impl Mint<'_> {
    /// A token with which nothing is wrong.
    pub(crate) fn token(&self) -> Draft<'_> {
        let claims = json!({
            "iss": self.issuer, "aud": "orders", "sub": "alice", "scope": "orders:read orders:any",
            "iat": self.now - 600, "exp": self.now + 600,
        });
        Draft {
            keys: self.keys,
            header: Part::of(json!({"alg": "RS256", "kid": "rsa"})),
            claims: Part::of(claims),
            signer: "rsa",
            algorithm: "RS256",
        }
    }

    /// The same, signed by a key of the set in a way that suits it.
    pub(crate) fn signed(&self, algorithm: &'static str, signer: &'static str) -> Draft<'_> {
        self.token().member("alg", algorithm).member("kid", signer).by(signer, algorithm)
    }

    /// A good one with the text that it has become.
    pub(crate) fn altered(&self, alter: impl FnOnce(&str) -> String) -> Sent {
        bearer(&alter(&self.token().compact()))
    }

    /// A good one with one of its three parts altered, and its signature as it was.
    pub(crate) fn altered_part(&self, number: usize, alter: impl FnOnce(&str) -> String) -> Sent {
        self.altered(|token| {
            let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
            parts[number] = alter(&parts[number]);
            parts.join(".")
        })
    }
}

pub(crate) fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the servers live by the clock of the machine")]
    let since: Duration = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().cast_signed()
}

pub(crate) fn bearer(token: &str) -> Sent {
    Sent::nothing().and(&format!("Bearer {token}"))
}

/// A JSON object in the making, or the text that stands in its place.
enum Part {
    Members(Map<String, Value>),
    Text(String),
}

impl Part {
    fn of(members: Value) -> Self {
        let Value::Object(members) = members else { panic!("no object: {members}") };
        Self::Members(members)
    }

    fn members(&mut self) -> &mut Map<String, Value> {
        let Self::Members(members) = self else { panic!("it is a text") };
        members
    }

    fn text(&self) -> String {
        match self {
            Self::Members(members) => Value::Object(members.clone()).to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A token before it is signed.
pub(crate) struct Draft<'a> {
    keys: &'a Keys,
    header: Part,
    claims: Part,
    signer: &'static str,
    algorithm: &'static str,
}

impl Draft<'_> {
    pub(crate) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.members().insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_member(mut self, name: &str) -> Self {
        self.header.members().remove(name);
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.members().insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.members().remove(name);
        self
    }

    /// The header with its text altered.
    pub(crate) fn header_text(mut self, alter: impl FnOnce(&str) -> String) -> Self {
        self.header = Part::Text(alter(&self.header.text()));
        self
    }

    /// The claims with their text altered.
    pub(crate) fn claims_text(mut self, alter: impl FnOnce(&str) -> String) -> Self {
        self.claims = Part::Text(alter(&self.claims.text()));
        self
    }

    /// Who signs in truth, and how.
    pub(crate) fn by(mut self, signer: &'static str, algorithm: &'static str) -> Self {
        (self.signer, self.algorithm) = (signer, algorithm);
        self
    }

    pub(crate) fn compact(&self) -> String {
        self.signed_with(|text| self.keys.key(self.signer).signature(self.algorithm, text))
    }

    /// Signed by other means.
    pub(crate) fn signed_with(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let header = base64url(self.header.text().as_bytes());
        let text = format!("{header}.{}", base64url(self.claims.text().as_bytes()));
        format!("{text}.{}", base64url(&sign(text.as_bytes())))
    }

    pub(crate) fn sent(&self) -> Sent {
        bearer(&self.compact())
    }
}
