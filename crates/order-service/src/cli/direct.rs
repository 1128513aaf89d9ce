//! How `order-service events` and `order-service sagas` run: directly on the database of the settings, also when the service is
//! down, and beside running instances.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use order_app::ports::Stores;
use tokio::time::timeout;
use tracing::Level;

use super::output::Messages;
use crate::application::stores;
use crate::runtimes;
use crate::settings::{Database, Settings};

/// The exit code when what is asked for is not there, or its state forbids it.
pub(super) const REFUSED: u8 = 3;

/// How long the database may take to say which migrations have run.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does some work on the stores of the settings; answers with its exit code.
///
/// # Errors
/// What went wrong, for one line.
pub(super) fn run(
    settings: &Settings,
    work: impl AsyncFnOnce(Stores) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    if let Database::Sqlite(file) = &settings.storage.database
        && !file.exists()
    {
        // Opening it would create it.
        anyhow::bail!("there is no database at {}", file.display());
    }
    // Results go to standard output, everything else to standard error.
    tracing_subscriber::fmt()
        .with_writer(|| Messages)
        .with_ansi(false)
        .with_max_level(Level::WARN)
        .with_target(false)
        .without_time()
        .init();
    let runtime = runtimes::main()?;
    let done = runtime.block_on(async {
        let stores = stores::open(settings)?;
        // An error when a newer release has changed what is read and written here.
        let asked_first = timeout(PATIENCE, stores.database.pending()).await;
        asked_first.context("the database does not answer")?.map_err(anyhow::Error::from_boxed)?;
        work(stores).await
    });
    runtime.shutdown_background();
    done
}
