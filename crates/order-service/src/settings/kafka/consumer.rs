//! What Spring sets for consumers alone. The one consumer is that of the replies to commands of sagas.

use secrecy::SecretString;
use settings_spring::keys;
use settings_spring::values::{self, Fault, Read, list, optional};

use super::client::client_keys;
use super::{Broker, Names, Protocol, broker, protocol, resource};

client_keys!("consumer");

keys! {
    pub(in super::super) OWN;
    pub(super) GROUP: Option<String> = "spring.kafka.consumer.group-id", "", Plain, "a name",
        "The consumer group in which the instances share the replies of sagas; spring.application.name unless set.",
        |text| optional(text, values::text);
    pub(super) BUNDLE: () = "spring.kafka.consumer.ssl.bundle", "", Plain, "left out",
        "Not honoured: name certificates by the other keys of spring.kafka.consumer.ssl. Judged as all settings of the consumer.",
        bundle;
}

fn bundle(text: &str) -> Read<()> {
    if text.trim().is_empty() {
        return Ok(());
    }
    Err(Fault::because("certificates are named by the other keys of spring.kafka.consumer.ssl"))
}
