//! Who may ask: the tokens that requests need, and what is said about it at the start.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use http_actix::{Component, Security, Status};
use identity_jwt::{Jwt, KeySource};
use order_app::ports::Authenticator;
use serde_json::json;

use super::background::restarting;
use crate::settings;
use crate::system::clock;

/// A PEM file with the largest key has 1.5 KiB.
const LARGEST_FILE: u64 = 64 << 10;

/// What checks tokens; `None` where requests need none. Nothing is fetched yet.
pub(super) fn issuer(security: &settings::Security) -> anyhow::Result<Option<Arc<Jwt>>> {
    let Some(tokens) = &security.tokens else { return Ok(None) };
    let mut jwt = tokens.jwt.clone();
    if let Some(file) = &tokens.file {
        jwt.keys = KeySource::File(content(file)?);
    }
    let jwt = Jwt::new(jwt, clock());
    let jwt = jwt.context("wrong settings under spring.security.oauth2.resourceserver.jwt")?;
    Ok(Some(Arc::new(jwt)))
}

fn content(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || {
        let about = fs::metadata(file)?;
        ensure!(about.is_file() && about.len() <= LARGEST_FILE, "it is no file of a key");
        Ok(fs::read(file)?)
    };
    read().with_context(|| {
        let key = "spring.security.oauth2.resourceserver.jwt.public-key-location";
        format!("{key}: the file {} cannot be read", file.display())
    })
}

/// What the server asks of requests.
pub(super) fn asked(settings: &settings::Security, issuer: Option<&Arc<Jwt>>) -> Security {
    Security {
        authenticator: issuer.cloned().map(|issuer| -> Arc<dyn Authenticator> { issuer }),
        open_metrics: settings.open_metrics,
        open_documents: settings.open_documents,
    }
}

/// Keeps the keys of the issuer, for ever.
pub(super) async fn keep_keys(issuer: Option<Arc<Jwt>>) {
    if let Some(issuer) = issuer {
        let keep = move || {
            let issuer = Arc::clone(&issuer);
            async move { issuer.run().await }
        };
        restarting("fetching the issuer's keys", keep).await;
    }
}

/// For the health page, from what is known already.
pub(super) fn component(issuer: &Jwt) -> Component {
    let report = issuer.report();
    let is_up = report.keys > 0 && report.last_failure.is_none();
    let details = json!({
        "keys": report.keys,
        "ageSeconds": report.age.map(|age| age.as_secs()),
        "lastError": report.last_failure,
    });
    let status = if is_up { Status::Up } else { Status::Down };
    Component { name: "issuer", status, details }
}
