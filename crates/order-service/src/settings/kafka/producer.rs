//! What Spring sets for producers alone. It goes before what stands directly under `spring.kafka`.

use secrecy::SecretString;
use settings_spring::keys;
use settings_spring::values::{self, list, optional};

use super::{Broker, Names, Protocol, broker, protocol, resource};

keys! {
    pub(in super::super) ROWS;
    pub(super) SERVERS: Vec<Broker> = "spring.kafka.producer.bootstrap-servers", "", Plain,
        "what spring.kafka.bootstrap-servers may be",
        "The brokers, in the place of spring.kafka.bootstrap-servers.", |text| list(text, broker);
    pub(super) PROTOCOL: Option<Protocol> = "spring.kafka.producer.security.protocol", "", Plain,
        "what spring.kafka.security.protocol may be", "The same, in its place.",
        |text| optional(text, protocol);
    CLIENT_ID: Option<SecretString> = "spring.kafka.producer.client-id", "", Plain, "a name",
        "The same as spring.kafka.client-id, in its place.", |text| optional(text, values::secret);
    COMPRESSION: Option<SecretString> = "spring.kafka.producer.compression-type", "", Plain,
        "none, gzip, snappy, lz4 or zstd", "How events are compressed; lz4 unless set.",
        |text| optional(text, values::secret);
    TRUST_LOCATION: Option<SecretString> = "spring.kafka.producer.ssl.trust-store-location", "", Plain,
        "what spring.kafka.ssl.trust-store-location may be", "The same, in its place.",
        |text| optional(text, resource);
    TRUST_CERTIFICATES: Option<SecretString> =
        "spring.kafka.producer.ssl.trust-store-certificates", "", Plain,
        "certificates in PEM", "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    TRUST_TYPE: Option<SecretString> = "spring.kafka.producer.ssl.trust-store-type", "", Plain,
        "PEM", "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    TRUST_PASSWORD: Option<SecretString> =
        "spring.kafka.producer.ssl.trust-store-password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    KEY_LOCATION: Option<SecretString> = "spring.kafka.producer.ssl.key-store-location", "", Plain,
        "what spring.kafka.ssl.key-store-location may be", "The same, in its place.",
        |text| optional(text, resource);
    KEY_CHAIN: Option<SecretString> =
        "spring.kafka.producer.ssl.key-store-certificate-chain", "", Plain,
        "certificates in PEM", "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    KEY: Option<SecretString> = "spring.kafka.producer.ssl.key-store-key", "", Secret,
        "a key in PEM, or file:PATH of the file that holds it",
        "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    KEY_TYPE: Option<SecretString> = "spring.kafka.producer.ssl.key-store-type", "", Plain,
        "PEM or PKCS12", "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    KEY_STORE_PASSWORD: Option<SecretString> =
        "spring.kafka.producer.ssl.key-store-password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    KEY_PASSWORD: Option<SecretString> = "spring.kafka.producer.ssl.key-password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The same as the key of spring.kafka.ssl, in its place.",
        |text| optional(text, values::secret);
    PROPERTIES: SecretString = "spring.kafka.producer.properties.*", "", Plain,
        "what the Kafka client takes", "The same as spring.kafka.properties, in their place.",
        values::secret;
}

pub(super) static NAMES: Names = (
    &[
        (&CLIENT_ID, "client.id"),
        (&COMPRESSION, "compression.type"),
        (&TRUST_LOCATION, "ssl.truststore.location"),
        (&TRUST_CERTIFICATES, "ssl.truststore.certificates"),
        (&TRUST_TYPE, "ssl.truststore.type"),
        (&TRUST_PASSWORD, "ssl.truststore.password"),
        (&KEY_LOCATION, "ssl.keystore.location"),
        (&KEY_CHAIN, "ssl.keystore.certificate.chain"),
        (&KEY, "ssl.keystore.key"),
        (&KEY_TYPE, "ssl.keystore.type"),
        (&KEY_STORE_PASSWORD, "ssl.keystore.password"),
        (&KEY_PASSWORD, "ssl.key.password"),
    ],
    &PROPERTIES,
);
