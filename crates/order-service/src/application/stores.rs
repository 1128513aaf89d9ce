//! The store: the only file of this crate that knows which adapter keeps the orders.

use order_app::ports::Stores;
use persistence_diesel::{Check, Identity, StoreSettings, Tls};
use secrecy::ExposeSecret as _;

use crate::settings::{Encryption, ServerCheck, Settings};
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
        tls: storage.encryption.as_ref().map(tls),
        time_zone: storage.time_zone.clone(),
    }
}

fn tls(encryption: &Encryption) -> Tls {
    let Encryption { check, authorities, identity } = encryption.clone();
    let identity = identity.map(|(certificates, key)| Identity { certificates, key });
    let check = match check {
        ServerCheck::Nothing => Check::Nothing,
        ServerCheck::Authority => Check::Authority,
        ServerCheck::Host => Check::Host,
    };
    Tls { check, authorities, identity }
}
