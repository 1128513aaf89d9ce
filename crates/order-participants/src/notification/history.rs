//! Missed events, from the order service: `GET /orders/{id}/events?after=n`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use order_domain::{OrderId, Version};
use order_events::{Event, History, decode_batch};
use reqwest::header::{HeaderMap, LINK};
use reqwest::{Client, StatusCode, Url};

/// The service, asked over HTTP.
pub(super) struct OverHttp {
    client: Client,
    service: String,
}

impl OverHttp {
    pub(super) fn new(service: &str) -> anyhow::Result<Self> {
        // Without a time-out, a service that hangs would stop this one, too.
        let client = Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(Self { client, service: service.trim_end_matches('/').to_owned() })
    }
}

impl History for OverHttp {
    type Error = Unanswered;

    async fn events(
        &mut self,
        order: OrderId,
        after: Option<Version>,
    ) -> Result<Vec<Event>, Unanswered> {
        let mut url = self.first(order, after.map_or(0, Version::get))?;
        loop {
            let (events, next) = self.page(&url).await?;
            // A page may be empty before the last one, when its events are left out.
            match next {
                Some(next) if events.is_empty() => url = next,
                _ => return Ok(events),
            }
        }
    }
}

/// Why the service could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(super) struct Unanswered(#[from] anyhow::Error);

impl OverHttp {
    /// The address of the first page after a version.
    fn first(&self, order: OrderId, after: i64) -> anyhow::Result<Url> {
        let url = format!("{}/orders/{order}/events?after={after}&limit=1000", self.service);
        Url::parse(&url).context("the service has no valid address")
    }

    /// One page, and the address of the next one; the inbox asks for more when it needs it.
    async fn page(&self, url: &Url) -> anyhow::Result<(Vec<Event>, Option<Url>)> {
        let answer = self.client.get(url.clone()).send().await;
        let answer = answer.context("the service does not answer")?;
        let next = next(url, answer.headers());
        let (status, body) = (answer.status(), answer.bytes().await?);
        match status {
            StatusCode::OK => {
                Ok((decode_batch(&body).context("its history cannot be read")?, next))
            }
            // The order is unknown. Any other 404 comes from something else than the service.
            StatusCode::NOT_FOUND if is_unknown_order(&body) => Ok((Vec::new(), None)),
            other => bail!("the service answers {other}"),
        }
    }
}

/// The next page, as the header `Link` names it: a path, or a whole address.
fn next(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, _) = link.strip_prefix('<')?.split_once(">; rel=\"next\"")?;
    url.join(target).ok()
}

fn is_unknown_order(problem: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(problem)
        .is_ok_and(|problem| problem.get("code").is_some_and(|code| code == "order_not_found"))
}
