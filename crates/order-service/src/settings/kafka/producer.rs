//! What Spring sets for producers alone.

use secrecy::SecretString;
use settings_spring::keys;
use settings_spring::values::{self, list, optional};

use super::client::client_keys;
use super::{Broker, Names, Protocol, broker, protocol, resource};

client_keys!("producer", COMPRESSION => "compression.type");

keys! {
    pub(in super::super) OWN;
    COMPRESSION: Option<SecretString> = "spring.kafka.producer.compression-type", "", Plain,
        "none, gzip, snappy, lz4 or zstd", "How events are compressed; lz4 unless set.",
        |text| optional(text, values::secret);
}
