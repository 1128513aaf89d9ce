//! `order-service migrate`: brings the tables of the database up to date.

use crate::application::stores;
use crate::runtimes;
use crate::settings::Settings;

/// Answers with the exit code.
pub(super) fn run(settings: &Settings) -> anyhow::Result<u8> {
    let migrate = async {
        let stores = stores::open(&settings.storage)?;
        stores.database.migrate().await.map_err(anyhow::Error::from_boxed)
    };
    let done = runtimes::main()?.block_on(migrate)?;
    let database = &settings.storage.database;
    tracing::info!(%database, migrations = done.join(", "), "the database is up to date");
    Ok(0)
}
