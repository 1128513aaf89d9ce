//! Asks the issuer for its keys. Every answer has a deadline and a largest size, and none leads elsewhere: a set that is
//! slow, endless, huge, empty or garbage is a failure and nothing else.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect};
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::json;
use crate::keys::{KeySet, NoKeys};
use crate::settings::SettingsError;

/// How long one answer may take, from the connection to its last byte.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest answer, in bytes.
const LARGEST: usize = 256 << 10;

/// Where keys are fetched.
#[derive(Debug)]
pub(crate) struct Fetcher {
    http: Client,
    from: From,
    algorithms: Vec<Algorithm>,
    plain_http: bool,
}

/// The address of the keys, or of the issuer that knows it.
#[derive(Debug)]
pub(crate) enum From {
    Set(Url),
    /// The address, and the text that the metadata must repeat.
    Issuer(Url, String),
}

/// Why there are no keys. No text of it repeats an answer or an address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the issuer answers with status {0}, not 200")]
    Status(u16),
    #[error("the issuer has not answered within {TIMEOUT:?}")]
    TimedOut,
    #[error("the issuer answers with more than {LARGEST} bytes")]
    TooLarge,
    #[error("the issuer is not reached: {0}")]
    Unreachable(String),
    #[error("the issuer's metadata are no JSON object with texts \"issuer\" and \"jwks_uri\"")]
    Metadata,
    #[error("the issuer's metadata are of another issuer: \"issuer\" is not issuer-uri")]
    OtherIssuer,
    #[error("the issuer's keys are at an address without https://")]
    PlainHttp,
    #[error("the issuer's answer has no keys: {0}")]
    Keys(#[from] NoKeys),
}

impl Fetcher {
    pub(crate) fn new(
        from: From,
        algorithms: Vec<Algorithm>,
        plain_http: bool,
    ) -> Result<Self, SettingsError> {
        let (From::Set(address) | From::Issuer(address, _)) = &from;
        if !may_be_asked(address, plain_http) {
            return Err(SettingsError::PlainHttp);
        }
        let is_plain = address.scheme() == "http";
        let http = || {
            let json = HeaderValue::from_static("application/json, application/jwk-set+json");
            Client::builder()
                .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
                .default_headers(HeaderMap::from_iter([(ACCEPT, json)]))
                .timeout(TIMEOUT)
                .redirect(redirect::Policy::none())
        };
        let http = http().build().or_else(|error| {
            // Without an encrypted connection the machine needs no certificates.
            if is_plain { http().tls_certs_only([]).build() } else { Err(error) }
        });
        Ok(Self { http: http.map_err(SettingsError::Client)?, from, algorithms, plain_http })
    }

    /// The keys of now.
    pub(crate) async fn keys(&self) -> Result<KeySet, FetchError> {
        let bytes = match &self.from {
            From::Set(address) => self.read(address).await?,
            From::Issuer(issuer, name) => self.read(&self.address(issuer, name).await?).await?,
        };
        Ok(KeySet::read(&bytes, &self.algorithms)?)
    }

    /// The address of the keys, from the first of the three places of metadata that there is.
    async fn address(&self, issuer: &Url, name: &str) -> Result<Url, FetchError> {
        let mut last = FetchError::Metadata;
        for place in places(issuer) {
            match self.read(&place).await {
                Ok(bytes) => return self.named(&bytes, name),
                // As in Spring: nothing is there, so the next place is looked at.
                Err(error @ FetchError::Status(400..=499)) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn named(&self, metadata: &[u8], name: &str) -> Result<Url, FetchError> {
        let metadata = json::object(metadata).ok_or(FetchError::Metadata)?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        // Who answers for the issuer without being it could name its own keys (RFC 8414, section 3.3).
        if text("issuer").ok_or(FetchError::Metadata)? != name {
            return Err(FetchError::OtherIssuer);
        }
        let address = text("jwks_uri").and_then(|address| address.parse().ok());
        let address = address.ok_or(FetchError::Metadata)?;
        if may_be_asked(&address, self.plain_http) {
            Ok(address)
        } else {
            Err(FetchError::PlainHttp)
        }
    }

    async fn read(&self, address: &Url) -> Result<Vec<u8>, FetchError> {
        let mut answer = self.http.get(address.clone()).send().await.map_err(failure)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failure)? {
            if bytes.len().saturating_add(chunk.len()) > LARGEST {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// Whether what is fetched from an address is protected on its way: by `https`, or because it stays on this machine.
#[must_use]
pub fn is_protected(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_own =
        bare == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    address.scheme() == "https" || address.scheme() == "http" && is_own
}

fn may_be_asked(address: &Url, plain_http: bool) -> bool {
    is_protected(address) || address.scheme() == "http" && plain_http
}

/// Where Spring looks for metadata: below the issuer's path (`OpenID` Connect Discovery), and before it (RFC 8414).
fn places(issuer: &Url) -> [Url; 3] {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut place = issuer.clone();
        place.set_path(&path);
        place
    };
    [
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/openid-configuration{path}")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

fn failure(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::TimedOut;
    }
    // Each cause says only a part; an address may hold credentials.
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    FetchError::Unreachable(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_spring_looks() {
        let at = |issuer: &str| places(&issuer.parse().unwrap()).map(|place| place.to_string());
        assert_eq!(
            at("https://idp.example/realms/shop"),
            [
                "https://idp.example/realms/shop/.well-known/openid-configuration",
                "https://idp.example/.well-known/openid-configuration/realms/shop",
                "https://idp.example/.well-known/oauth-authorization-server/realms/shop",
            ]
        );
        let bare = at("https://idp.example");
        assert_eq!(bare[0], "https://idp.example/.well-known/openid-configuration");
        assert_eq!(bare[2], "https://idp.example/.well-known/oauth-authorization-server");
        assert_eq!(at("https://idp.example/"), bare);
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        let may = |address: &str, plain: bool| may_be_asked(&address.parse().unwrap(), plain);
        for address in
            ["https://idp/", "http://localhost:9/", "http://127.0.0.2/", "http://[::1]:9/k"]
        {
            assert!(may(address, false), "{address}");
        }
        for address in ["http://idp/", "http://localhost.evil/", "http://10.0.0.1/"] {
            assert!(!may(address, false) && may(address, true), "{address}");
        }
        assert!(!may("ftp://idp/", true) && !may("file:///etc/keys", true));
    }
}
