//! `order-service health`: asks the instance of these settings on this machine whether it is ready. For container engines that
//! have no other client in the image.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, redirect};

use super::output::{complain, print_line};
use crate::application::sites;
use crate::runtimes;
use crate::settings::Settings;

/// How long the whole answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers with the exit code.
pub(super) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let url = sites::readiness(settings)?;
    let asking = async {
        // The certificate is for the names under which clients come, and this stays on the machine.
        let client = Client::builder().no_proxy().tls_danger_accept_invalid_certs(true);
        let client = client.timeout(PATIENCE).redirect(redirect::Policy::none()).build()?;
        let answer = client.get(&url).send().await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
    };
    let asked = runtimes::main()?.block_on(asking);
    // The address is in the context.
    let asked = asked.map_err(reqwest::Error::without_url);
    let (status, text) = asked.with_context(|| format!("there is no answer from {url}"))?;
    if status.is_success() {
        return Ok(print_line(&text));
    }
    Ok(complain(&format!("not ready: {url} answers {status} {text}"), 1))
}
