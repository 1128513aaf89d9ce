//! The keys that Spring has for one kind of client. They go before what stands directly under `spring.kafka`.

/// Defines them for a kind, and the properties of the client that they and further keys of the kind stand for.
macro_rules! client_keys {
    ($kind:literal $(, $own:ident => $property:literal)*) => {
        settings_spring::keys! {
            pub(in super::super) ROWS;
            pub(super) SERVERS: Vec<Broker> = concat!("spring.kafka.", $kind, ".bootstrap-servers"), "", Plain,
                "what spring.kafka.bootstrap-servers may be",
                "The brokers, in the place of spring.kafka.bootstrap-servers.", |text| list(text, broker);
            pub(super) PROTOCOL: Option<Protocol> = concat!("spring.kafka.", $kind, ".security.protocol"), "", Plain,
                "what spring.kafka.security.protocol may be", "The same, in its place.",
                |text| optional(text, protocol);
            CLIENT_ID: Option<SecretString> = concat!("spring.kafka.", $kind, ".client-id"), "", Plain, "a name",
                "The same as spring.kafka.client-id, in its place.", |text| optional(text, values::secret);
            TRUST_LOCATION: Option<SecretString> = concat!("spring.kafka.", $kind, ".ssl.trust-store-location"), "", Plain,
                "what spring.kafka.ssl.trust-store-location may be", "The same, in its place.",
                |text| optional(text, resource);
            TRUST_CERTIFICATES: Option<SecretString> =
                concat!("spring.kafka.", $kind, ".ssl.trust-store-certificates"), "", Plain,
                "certificates in PEM", "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            TRUST_TYPE: Option<SecretString> = concat!("spring.kafka.", $kind, ".ssl.trust-store-type"), "", Plain,
                "PEM", "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            TRUST_PASSWORD: Option<SecretString> =
                concat!("spring.kafka.", $kind, ".ssl.trust-store-password"), "", Secret,
                "a password, or file:PATH of the file that holds it",
                "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            KEY_LOCATION: Option<SecretString> = concat!("spring.kafka.", $kind, ".ssl.key-store-location"), "", Plain,
                "what spring.kafka.ssl.key-store-location may be", "The same, in its place.",
                |text| optional(text, resource);
            KEY_CHAIN: Option<SecretString> =
                concat!("spring.kafka.", $kind, ".ssl.key-store-certificate-chain"), "", Plain,
                "certificates in PEM", "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            KEY: Option<SecretString> = concat!("spring.kafka.", $kind, ".ssl.key-store-key"), "", Secret,
                "a key in PEM, or file:PATH of the file that holds it",
                "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            KEY_TYPE: Option<SecretString> = concat!("spring.kafka.", $kind, ".ssl.key-store-type"), "", Plain,
                "PEM or PKCS12", "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            KEY_STORE_PASSWORD: Option<SecretString> =
                concat!("spring.kafka.", $kind, ".ssl.key-store-password"), "", Secret,
                "a password, or file:PATH of the file that holds it",
                "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            KEY_PASSWORD: Option<SecretString> = concat!("spring.kafka.", $kind, ".ssl.key-password"), "", Secret,
                "a password, or file:PATH of the file that holds it",
                "The same as the key of spring.kafka.ssl, in its place.",
                |text| optional(text, values::secret);
            PROPERTIES: SecretString = concat!("spring.kafka.", $kind, ".properties.*"), "", Plain,
                "what the Kafka client takes", "The same as spring.kafka.properties, in their place.",
                values::secret;
        }

        pub(super) static NAMES: Names = (
            &[
                (&CLIENT_ID, "client.id"),
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
                $((&$own, $property),)*
            ],
            &PROPERTIES,
        );
    };
}

pub(super) use client_keys;
