//! The store: the only file of this crate that knows which adapter keeps the orders.

use order_app::ports::Stores;
use persistence_diesel::StoreSettings;
use secrecy::ExposeSecret as _;

use crate::settings::Settings;
use crate::system::entropy;

/// Opens the database of the settings. It connects when it is first used. It must be called on a
/// runtime.
pub(crate) fn open(settings: &Settings) -> anyhow::Result<Stores> {
    Ok(persistence_diesel::open(&store_settings(settings), entropy())?)
}

fn store_settings(settings: &Settings) -> StoreSettings {
    let Settings { storage, currencies, .. } = settings;
    StoreSettings {
        url: storage.database.url().expose_secret().to_owned(),
        pool_size: storage.pool_size,
        connection_timeout: storage.connection_timeout,
        group_commit: storage.group_commit,
        decimals: currencies.decimals(),
        schema: storage.schema.clone(),
        clear_text_password: storage.clear_text_password,
        time_zone: storage.time_zone.clone(),
    }
}
