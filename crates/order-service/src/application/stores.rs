//! The store: the only file of this crate that knows which adapter keeps the orders.

use order_app::ports::Stores;
use persistence_diesel::StoreSettings;
use secrecy::ExposeSecret as _;

use crate::settings::Storage;
use crate::system::entropy;

/// Opens the database of the settings. It connects when it is first used. It must be called on a
/// runtime.
pub(crate) fn open(settings: &Storage) -> anyhow::Result<Stores> {
    Ok(persistence_diesel::open(&store_settings(settings), entropy())?)
}

fn store_settings(settings: &Storage) -> StoreSettings {
    StoreSettings {
        url: settings.database.url().expose_secret().to_owned(),
        pool_size: settings.pool_size,
        connection_timeout: settings.connection_timeout,
        group_commit: settings.group_commit,
    }
}
