//! The store: the only file of this crate that knows which adapter keeps the orders. Another one is
//! opened in [`open`].

use persistence_diesel::{MigrateError, StoreSettings};
use secrecy::ExposeSecret as _;

use crate::settings::Storage;
use crate::system::entropy;

pub(crate) use persistence_diesel::{PoolReport, Stores};

/// Opens the database of the settings. It connects when it is first used.
pub(crate) fn open(settings: &Storage) -> anyhow::Result<Stores> {
    Ok(persistence_diesel::open(&store_settings(settings), entropy())?)
}

/// Brings the tables up to date, and names the migrations that were run.
pub(crate) async fn migrate(settings: &Storage) -> Result<Vec<String>, MigrateError> {
    persistence_diesel::migrate(&store_settings(settings)).await
}

fn store_settings(settings: &Storage) -> StoreSettings {
    StoreSettings {
        url: settings.database.url().expose_secret().to_owned(),
        pool_size: settings.pool_size,
        connection_timeout: settings.connection_timeout,
        group_commit: settings.group_commit,
    }
}
