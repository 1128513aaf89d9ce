//! Missed events, from the service: `GET /orders/{id}/events?after=n`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use order_domain::{OrderId, Version};
use order_events::{Event, History, decode_batch};
use reqwest::{Client, StatusCode};

/// The service, asked over HTTP.
pub(crate) struct OverHttp {
    client: Client,
    service: String,
}

impl OverHttp {
    pub(crate) fn new(service: &str) -> anyhow::Result<Self> {
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
        Ok(self.page(order, after.map_or(0, Version::get)).await?)
    }
}

/// Why the service could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct Unanswered(#[from] anyhow::Error);

impl OverHttp {
    /// One page; the inbox asks for the next one when it needs it.
    async fn page(&self, order: OrderId, after: i64) -> anyhow::Result<Vec<Event>> {
        let url = format!("{}/orders/{order}/events?after={after}&limit=1000", self.service);
        let answer = self.client.get(&url).send().await.context("the service does not answer")?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        match status {
            StatusCode::OK => decode_batch(&body).context("its history cannot be read"),
            // The order is unknown. Any other 404 comes from something else than the service.
            StatusCode::NOT_FOUND if is_unknown_order(&body) => Ok(Vec::new()),
            other => bail!("the service answers {other}"),
        }
    }
}

fn is_unknown_order(problem: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(problem)
        .is_ok_and(|problem| problem.get("code").is_some_and(|code| code == "order_not_found"))
}
