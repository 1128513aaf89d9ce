//! Keys without effect that an operator may expect something of: one warning at the start names those
//! that are set. Keys that concern other components alone (`spring.jpa.*`, `server.tomcat.*`) are not
//! listed: they are ignored without a warning.

const ALWAYS_NEXT: &str = "the next config server is asked whatever was wrong with the one before";
const NO_TLS: &str = "requests are taken over plain HTTP: end TLS in front of the service";
const FIXED_POOL: &str = "the pool keeps connections as it sees fit";
const PLAIN_OTLP: &str = "traces are sent over HTTP, not compressed";
const ONLY_STDOUT: &str = "logs go to standard output";
const ONE_ZONE: &str = "servers are taken in the order of eureka.client.service-url.defaultZone";
const NO_COPY: &str =
    "no copy of the registry is kept: config servers are looked up when they are asked";
const MACHINES_CERTIFICATES: &str = "servers are checked against the certificates of the machine";
const UP_FROM_READY: &str = "an instance is UP in the registry from ready to its stop";
const FIXED_GROUPS: &str = "the groups of health are fixed";

const ONE_KAFKA_CLIENT: &str = "one client publishes: what stands directly under spring.kafka, and in spring.kafka.properties, applies to it";
const JAAS: &str = "user and password are read from spring.kafka.properties.sasl.jaas.config";
const KAFKA_FILES: &str = "certificates are named by the other keys of spring.kafka.ssl";
const CREATED: &str = "order.events.create-topics says whether topics are created";

/// Keys, or families of keys (`.*`), and what holds instead.
pub(super) static SET_ASIDE: &[(&str, &str)] = &[
    ("spring.cloud.config.multiple-uri-strategy", ALWAYS_NEXT),
    ("spring.kafka.producer.*", ONE_KAFKA_CLIENT),
    ("spring.kafka.jaas.*", JAAS),
    ("spring.kafka.ssl.bundle", KAFKA_FILES),
    ("spring.kafka.ssl.protocol", "the newest TLS that both know is spoken"),
    ("spring.kafka.admin.*", CREATED),
    ("server.ssl.*", NO_TLS),
    ("management.server.ssl.*", NO_TLS),
    ("spring.datasource.hikari.minimum-idle", FIXED_POOL),
    ("spring.datasource.hikari.idle-timeout", FIXED_POOL),
    ("spring.datasource.hikari.max-lifetime", FIXED_POOL),
    ("logging.file.*", ONLY_STDOUT),
    ("eureka.client.availability-zones.*", ONE_ZONE),
    ("eureka.client.region", ONE_ZONE),
    ("eureka.client.fetch-registry", NO_COPY),
    ("eureka.client.registry-fetch-interval-seconds", NO_COPY),
    ("eureka.client.disable-delta", NO_COPY),
    ("eureka.client.tls.*", MACHINES_CERTIFICATES),
    ("spring.cloud.config.tls.*", MACHINES_CERTIFICATES),
    ("eureka.client.healthcheck.enabled", UP_FROM_READY),
    ("eureka.instance.initial-status", UP_FROM_READY),
    ("management.endpoint.health.group.*", FIXED_GROUPS),
    ("management.otlp.tracing.compression", PLAIN_OTLP),
    ("management.otlp.tracing.transport", PLAIN_OTLP),
];
