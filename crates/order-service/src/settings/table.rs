//! The one table of keys: name, default, what is allowed, how it is read. The reading, the check
//! for unknown keys, `order-service config` and docs/settings.md all come from it. What becomes of
//! the values is in the modules that read them (`settings.rs`, `peers.rs`, `database.rs`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ::tracing::level_filters::LevelFilter;
use order_domain::Currency;
use secrecy::SecretString;

use super::catalogue::{Exposure, Key, Row};
use super::database::{self, Location};
use super::kafka::{self, Protocol};
use super::logging::{self, Format};
use super::peers;
use super::remote::{self, Import, Server};
use super::tracing;
use super::values::{self, Fault, Read, list, optional};

macro_rules! keys {
    ($($id:ident: $type:ty = $name:literal, $default:literal, $exposure:ident,
        $allowed:literal, $about:literal, $parse:expr;)*) => {
        $(
            pub(crate) static $id: Key<$type> = Key {
                row: Row {
                    name: $name,
                    default: $default,
                    allowed: $allowed,
                    exposure: Exposure::$exposure,
                    about: $about,
                    #[cfg(test)]
                    check: |text| {
                        let parse: fn(&str) -> Read<$type> = $parse;
                        parse(text).is_ok()
                    },
                },
                parse: $parse,
            };
        )*
        /// All rows, in the order of the documentation.
        pub(crate) static ROWS: &[&Row] = &[$(&$id.row),*];
    };
}

keys! {
    SERVER_ADDRESS: IpAddr = "server.address", "127.0.0.1", Plain,
        "an IP address or localhost; 0.0.0.0 or :: for every network",
        "Where requests are taken.", values::address;
    SERVER_PORT: u16 = "server.port", "8082", Plain,
        "a port from 0 to 65535; 0 takes any free one",
        "The port on which requests are taken.", values::port;
    APPLICATION_NAME: String = "spring.application.name", "order-service", Plain,
        "a name",
        "The name of this service in logs, in /actuator/info and with its peers.", values::text;
    PROFILES: Vec<String> = "spring.profiles.active", "", Plain,
        "profile names with commas between them, of letters, digits and - _ . + @",
        "The profiles whose files are read as well; the last one wins.",
        |text| list(text, values::profile);
    STOP_BUDGET: Duration = "spring.lifecycle.timeout-per-shutdown-phase", "20s", Plain,
        "a duration from 100ms to 10m",
        "How long the whole stop may take; requests that are still running then are dropped.",
        |text| values::duration(text, Duration::from_millis(100), Duration::from_mins(10));

    DATASOURCE_URL: Location = "spring.datasource.url", "sqlite:orders.db", Url,
        "sqlite:PATH, postgresql://HOST:PORT/DATABASE, mysql://HOST:PORT/DATABASE or \
         mariadb://HOST:PORT/DATABASE, with or without jdbc: before it",
        "The database. DATABASE_URL is taken too, when SPRING_DATASOURCE_URL is not set.",
        database::parse;
    DATASOURCE_USERNAME: Option<String> = "spring.datasource.username", "", Plain,
        "a user name",
        "The database's user, unless a URL of a higher precedence names its own.",
        |text| optional(text, values::text);
    DATASOURCE_PASSWORD: Option<SecretString> = "spring.datasource.password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The password of the database's user.",
        |text| optional(text, values::secret);
    POOL_SIZE: u32 = "spring.datasource.hikari.maximum-pool-size", "10", Plain,
        "a whole number from 1 to 1000",
        "How many connections to the database are open at most.",
        |text| values::whole(text, 1, 1_000);
    CONNECTION_TIMEOUT: Duration = "spring.datasource.hikari.connection-timeout", "500ms", Plain,
        "a duration from 1ms to 1h",
        "How long a request waits for a connection; never longer than order.request-budget.",
        |text| values::duration(text, Duration::from_millis(1), Duration::from_hours(1));

    EVENTS_TOPIC: String = "order.events.topic", "order.events", Plain,
        "a Kafka topic name of letters, digits and . _ -; {type} in it stands for the event's type",
        "The topic of the events; {type} alone gives each type its own.", values::topic;
    CREATE_TOPICS: bool = "order.events.create-topics", "false", Plain,
        "true or false",
        "Whether topics that are missing at the start are created; one that is there stays as it is.",
        values::flag;
    TOPIC_PARTITIONS: Option<u16> = "order.events.topic-partitions", "", Plain,
        "a whole number from 1 to 10000",
        "How many partitions a topic is created with; unless set, as the brokers do.",
        |text| optional(text, |text| kafka::count(text, 10_000));
    TOPIC_REPLICAS: Option<u16> = "order.events.topic-replication-factor", "", Plain,
        "a whole number from 1 to 100",
        "On how many brokers a topic is created; unless set, as the brokers do.",
        |text| optional(text, |text| kafka::count(text, 100));
    EVENTS_RETENTION: Option<Duration> = "order.events.retention", "30d", Plain,
        "a duration from 1s to 36500d, or forever",
        "How long published events are kept before they are purged; the newest of each order stays.",
        retention;
    MAX_STREAMS: u32 = "order.events.max-streams", "256", Plain,
        "a whole number from 0 to 100000",
        "How many clients may listen to GET /events at once; further ones are answered with 503.",
        |text| values::whole(text, 0, 100_000);
    CURRENCIES: Vec<Currency> = "order.currencies", "USD", Plain,
        "ISO 4217 codes in capitals with commas between them, such as USD,EUR",
        "The currencies in which orders are accepted.", currencies;
    DEFAULT_CURRENCY: Currency = "order.default-currency", "USD", Plain,
        "one of the currencies of order.currencies",
        "The currency of an order that names none.", currency;
    REQUEST_BUDGET: Duration = "order.request-budget", "1200ms", Plain,
        "a duration from 100ms to 10s",
        "How long a request may take before it is answered with 503.",
        |text| values::duration(text, Duration::from_millis(100), Duration::from_secs(10));
    MAX_IN_FLIGHT: u32 = "order.max-in-flight", "512", Plain,
        "a whole number from 1 to 100000",
        "How many requests run at once; further ones are answered with 503 at once.",
        |text| values::whole(text, 1, 100_000);
    BODY_DEADLINE: Duration = "order.body-deadline", "10s", Plain,
        "a duration from 100ms to 5m",
        "How long a client may take to send a request's body.",
        |text| values::duration(text, Duration::from_millis(100), Duration::from_mins(5));
    STOP_DELAY: Duration = "order.shutdown.delay", "0s", Plain,
        "a duration from 0s to 5m, shorter than spring.lifecycle.timeout-per-shutdown-phase",
        "How long readiness says no at a stop while requests are still taken, for load balancers.",
        |text| values::duration(text, Duration::ZERO, Duration::from_mins(5));
    MIGRATE_AT_START: bool = "order.migrate-at-start", "true", Plain,
        "true or false",
        "Whether serve brings the database's tables up to date before it is ready.",
        values::flag;
    GROUP_COMMIT: bool = "order.group-commit", "true", Plain,
        "true or false",
        "Whether changes that wait at the same time are written in one transaction. Without it each has its own: slower, and of use for comparisons only.",
        values::flag;
    HOUSEKEEPING_INTERVAL: Duration = "order.housekeeping.interval", "60s", Plain,
        "a duration from 1s to 1d",
        "How often expired idempotency keys and published events are looked for.",
        |text| values::duration(text, Duration::from_secs(1), Duration::from_hours(24));

    LOG_LEVELS: LevelFilter = "logging.level.*", "", Plain,
        "trace, debug, info, warn, error or off",
        "The level of a target such as order_app (or of root); info unless set.",
        logging::level;
    LOG_FORMAT: Option<Format> = "logging.structured.format.console", "", Plain,
        "json, ecs, logstash or pretty (gelf gives json)",
        "How log lines look; json unless standard output is a terminal.",
        |text| optional(text, logging::format);

    KAFKA_SERVERS: Vec<String> = "spring.kafka.bootstrap-servers", "", Plain,
        "host:port, several with commas between them",
        "The Kafka brokers that are asked first.",
        |text| list(text, values::host_and_port);
    KAFKA_PROTOCOL: Protocol = "spring.kafka.security.protocol", "PLAINTEXT", Plain,
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        "How to talk to the brokers.", kafka::protocol;
    KAFKA_PROPERTIES: SecretString = "spring.kafka.properties.*", "", Plain,
        "what the Kafka client takes",
        "Handed to the Kafka client as they are.", values::secret;
    KAFKA_TRUST_LOCATION: Option<SecretString> = "spring.kafka.ssl.trust-store-location", "", Plain,
        "the path of a file, with or without file: before it",
        "Whose signature on a broker's certificate is trusted; with trust-store-type=PEM.",
        |text| optional(text, kafka::resource);
    KAFKA_TRUST_CERTIFICATES: Option<SecretString> = "spring.kafka.ssl.trust-store-certificates", "", Plain,
        "certificates in PEM", "What trust-store-location is, but not in a file.", |text| optional(text, values::secret);
    KAFKA_TRUST_TYPE: Option<SecretString> = "spring.kafka.ssl.trust-store-type", "", Plain,
        "PEM", "What trust-store-location is written in.", |text| optional(text, values::secret);
    KAFKA_TRUST_PASSWORD: Option<SecretString> = "spring.kafka.ssl.trust-store-password", "", Secret,
        "a password, or file:PATH of the file that holds it", "The password of a Java trust store; of no use for PEM.", |text| optional(text, values::secret);
    KAFKA_KEY_LOCATION: Option<SecretString> = "spring.kafka.ssl.key-store-location", "", Plain,
        "the path of a file, with or without file: before it",
        "The certificate of this service and its key, where the brokers want one.",
        |text| optional(text, kafka::resource);
    KAFKA_KEY_CHAIN: Option<SecretString> = "spring.kafka.ssl.key-store-certificate-chain", "", Plain,
        "certificates in PEM", "The certificate of this service, not in a file.", |text| optional(text, values::secret);
    KAFKA_KEY: Option<SecretString> = "spring.kafka.ssl.key-store-key", "", Secret,
        "a key in PEM, or file:PATH of the file that holds it", "The key of that certificate.",
        |text| optional(text, values::secret);
    KAFKA_KEY_TYPE: Option<SecretString> = "spring.kafka.ssl.key-store-type", "", Plain,
        "PEM or PKCS12", "What key-store-location is written in.", |text| optional(text, values::secret);
    KAFKA_KEY_STORE_PASSWORD: Option<SecretString> = "spring.kafka.ssl.key-store-password", "", Secret,
        "a password, or file:PATH of the file that holds it", "The password of key-store-location, if it is PKCS12.",
        |text| optional(text, values::secret);
    KAFKA_KEY_PASSWORD: Option<SecretString> = "spring.kafka.ssl.key-password", "", Secret,
        "a password, or file:PATH of the file that holds it", "The password of a key in PEM.",
        |text| optional(text, values::secret);

    EUREKA_ENABLED: bool = "eureka.client.enabled", "true", Plain,
        "true or false",
        "Whether Eureka is used when its address is known.", values::flag;
    EUREKA_REGISTER: bool = "eureka.client.register-with-eureka", "true", Plain,
        "true or false",
        "Whether this instance registers itself.", values::flag;
    EUREKA_FETCH: bool = "eureka.client.fetch-registry", "true", Plain,
        "true or false",
        "Whether the registry of the others is read.", values::flag;
    EUREKA_FETCH_INTERVAL: u32 = "eureka.client.registry-fetch-interval-seconds", "30", Plain,
        "a whole number from 1 to 3600",
        "How often it is read.",
        |text| values::whole(text, 1, 3_600);
    EUREKA_DISABLE_DELTA: bool = "eureka.client.disable-delta", "false", Plain,
        "true or false",
        "Whether it is read in full each time, not only what has changed.", values::flag;
    EUREKA_CONNECT_TIMEOUT: u32 = "eureka.client.eureka-server-connect-timeout-seconds", "5", Plain,
        "a whole number from 1 to 60",
        "How long a Eureka server may take to accept a connection.",
        |text| values::whole(text, 1, 60);
    EUREKA_READ_TIMEOUT: u32 = "eureka.client.eureka-server-read-timeout-seconds", "8", Plain,
        "a whole number from 1 to 60",
        "How long a Eureka server may take to answer after that.",
        |text| values::whole(text, 1, 60);
    EUREKA_ZONE: Vec<SecretString> = "eureka.client.service-url.defaultZone", "", Url,
        "http:// or https:// URLs with commas between them",
        "The Eureka servers; the next one is tried when one fails.",
        |text| list(text, values::http_url);
    EUREKA_APP: Option<String> = "eureka.instance.appname", "", Plain,
        "a name",
        "The name under which this instance registers; spring.application.name unless set.",
        |text| optional(text, values::text);
    EUREKA_INSTANCE_ID: Option<String> = "eureka.instance.instance-id", "", Plain,
        "a text",
        "The id of this instance; host:name:port unless set.",
        |text| optional(text, values::text);
    EUREKA_HOSTNAME: Option<String> = "eureka.instance.hostname", "", Plain,
        "a host name or an IP address",
        "The host under which others reach this instance.",
        |text| optional(text, peers::host);
    EUREKA_IP: Option<IpAddr> = "eureka.instance.ip-address", "", Plain,
        "an IP address or localhost",
        "The address of this instance; the one that faces the Eureka server unless set.",
        |text| optional(text, values::address);
    EUREKA_PREFER_IP: bool = "eureka.instance.prefer-ip-address", "false", Plain,
        "true or false",
        "Whether to register the IP address instead of the host name.", values::flag;
    EUREKA_PORT: Option<u16> = "eureka.instance.non-secure-port", "", Plain,
        "a port from 0 to 65535",
        "The port on which others reach this instance over HTTP; the one it listens on unless set.",
        |text| optional(text, values::port);
    EUREKA_PORT_ENABLED: bool = "eureka.instance.non-secure-port-enabled", "true", Plain,
        "true or false",
        "Whether others should use that port.", values::flag;
    EUREKA_SECURE_PORT: u16 = "eureka.instance.secure-port", "443", Plain,
        "a port from 0 to 65535",
        "The port on which others reach this instance over HTTPS, by way of a proxy.", values::port;
    EUREKA_SECURE_PORT_ENABLED: bool = "eureka.instance.secure-port-enabled", "false", Plain,
        "true or false",
        "Whether others should use that port.", values::flag;
    EUREKA_VIP: Option<String> = "eureka.instance.virtual-host-name", "", Plain,
        "a name",
        "The name by which others look this instance up; that of the application unless set.",
        |text| optional(text, values::text);
    EUREKA_SECURE_VIP: Option<String> = "eureka.instance.secure-virtual-host-name", "", Plain,
        "a name",
        "The same for those who look for HTTPS.",
        |text| optional(text, values::text);
    EUREKA_HOME_URL: Option<String> = "eureka.instance.home-page-url", "", Url,
        "a URL",
        "The address of the home page, where it is not a path of this instance.",
        |text| optional(text, values::text);
    EUREKA_HOME_PATH: String = "eureka.instance.home-page-url-path", "/", Plain,
        "a path",
        "The path of the home page.", values::text;
    EUREKA_STATUS_URL: Option<String> = "eureka.instance.status-page-url", "", Url,
        "a URL",
        "The address of the status page, where it is not a path of this instance.",
        |text| optional(text, values::text);
    EUREKA_STATUS_PATH: String = "eureka.instance.status-page-url-path", "/actuator/info", Plain,
        "a path",
        "The path of the status page.", values::text;
    EUREKA_HEALTH_URL: Option<String> = "eureka.instance.health-check-url", "", Url,
        "a URL",
        "The address of the health check, where it is not a path of this instance.",
        |text| optional(text, values::text);
    EUREKA_HEALTH_PATH: String = "eureka.instance.health-check-url-path", "/actuator/health", Plain,
        "a path",
        "The path of the health check.", values::text;
    EUREKA_RENEWAL: u32 = "eureka.instance.lease-renewal-interval-in-seconds", "30", Plain,
        "a whole number from 1 to 3600",
        "How often this instance says that it is alive.",
        |text| values::whole(text, 1, 3_600);
    EUREKA_EXPIRATION: u32 = "eureka.instance.lease-expiration-duration-in-seconds", "90", Plain,
        "a whole number from 1 to 86400",
        "How long Eureka waits for that before it forgets this instance.",
        |text| values::whole(text, 1, 86_400);
    EUREKA_METADATA: String = "eureka.instance.metadata-map.*", "", Plain,
        "a text",
        "What else the registry tells about this instance.", peers::any;

    CONFIG_ENABLED: bool = "spring.cloud.config.enabled", "true", Plain,
        "true or false",
        "Whether anything is imported from config servers at all.", values::flag;
    CONFIG_IMPORT: Vec<Import> = "spring.config.import", "", Url,
        "configserver: with or without an http:// or https:// URL, and with or without optional: \
         before it; several with commas between them",
        "The config servers that further settings come from; any other import must be optional, and \
         is left out.",
        remote::imports;
    CONFIG_URI: Vec<Server> = "spring.cloud.config.uri", "http://localhost:8888", Url,
        "http:// or https:// URLs with commas between them",
        "The config servers for an import that names none; the next one is asked when one fails.",
        |text| list(text, Server::parse);
    CONFIG_NAME: Option<String> = "spring.cloud.config.name", "", Plain,
        "a name",
        "The application to ask for; spring.application.name unless set.",
        |text| optional(text, values::text);
    CONFIG_PROFILE: Option<String> = "spring.cloud.config.profile", "", Plain,
        "profile names with commas between them",
        "The profiles to ask for; spring.profiles.active unless set.",
        |text| optional(text, values::text);
    CONFIG_LABEL: Vec<String> = "spring.cloud.config.label", "", Plain,
        "labels with commas between them",
        "The labels (branches, tags) to ask for; the first that exists counts.",
        |text| list(text, values::text);
    CONFIG_USERNAME: Option<String> = "spring.cloud.config.username", "", Plain,
        "a user name",
        "The user to ask as; goes before the one in a URL.",
        |text| optional(text, values::text);
    CONFIG_PASSWORD: Option<SecretString> = "spring.cloud.config.password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The password of that user; goes before the one in a URL.",
        |text| optional(text, values::secret);
    CONFIG_TOKEN: Option<SecretString> = "spring.cloud.config.token", "", Secret,
        "a token, or file:PATH of the file that holds it",
        "Sent along as X-Config-Token.",
        |text| optional(text, remote::header);
    CONFIG_HEADERS: SecretString = "spring.cloud.config.headers.*", "", Secret,
        "the value of a header of this name",
        "Sent along with each request to a config server.", remote::header;
    CONFIG_FAIL_FAST: bool = "spring.cloud.config.fail-fast", "false", Plain,
        "true or false",
        "Whether the start fails when no config server answers, even where the import is optional.",
        values::flag;
    CONFIG_CONNECT_TIMEOUT: Duration = "spring.cloud.config.request-connect-timeout", "2s", Plain,
        "a duration from 10ms to 5m",
        "How long a config server may take to accept a connection.",
        |text| values::duration(text, Duration::from_millis(10), Duration::from_mins(5));
    CONFIG_READ_TIMEOUT: Duration = "spring.cloud.config.request-read-timeout", "10s", Plain,
        "a duration from 10ms to 5m",
        "How long a config server may take to answer in full after that.",
        |text| values::duration(text, Duration::from_millis(10), Duration::from_mins(5));
    CONFIG_RETRY_ATTEMPTS: u32 = "spring.cloud.config.retry.max-attempts", "6", Plain,
        "a whole number from 1 to 1000",
        "How often a start that needs a config server asks for its answer.",
        |text| values::whole(text, 1, 1_000);
    CONFIG_RETRY_INITIAL: Duration = "spring.cloud.config.retry.initial-interval", "1000ms", Plain,
        "a duration from 1ms to 1h",
        "The pause after the first attempt.",
        |text| values::duration(text, Duration::from_millis(1), Duration::from_hours(1));
    CONFIG_RETRY_MULTIPLIER: f64 = "spring.cloud.config.retry.multiplier", "1.1", Plain,
        "a number from 1 to 10",
        "How many times as long each further pause is.", remote::multiplier;
    CONFIG_RETRY_MAX: Duration = "spring.cloud.config.retry.max-interval", "2000ms", Plain,
        "a duration from 1ms to 1h",
        "The longest pause.",
        |text| values::duration(text, Duration::from_millis(1), Duration::from_hours(1));
    CONFIG_DISCOVERY: bool = "spring.cloud.config.discovery.enabled", "false", Plain,
        "true or false",
        "Whether the config servers are looked up in Eureka instead.", values::flag;
    CONFIG_SERVICE_ID: String = "spring.cloud.config.discovery.service-id", "configserver", Plain,
        "a name",
        "The name under which they are registered.", values::text;
    CONFIG_CACHE: String = "order.config.cache-dir", "config-cache", Plain,
        "the path of a folder",
        "Where the last good copy of what a config server gave is kept; it may hold secrets.",
        values::text;
    CONFIG_REFRESH: Option<Duration> = "order.config.refresh-interval", "", Plain,
        "a duration from 1s to 1d",
        "How often the settings are read again while the service runs; never unless set.",
        |text| optional(text, refresh_interval);

    MANAGEMENT_PORT: Option<u16> = "management.server.port", "", Plain,
        "a port from 0 to 65535, or -1 for none",
        "The port of the operations that change something; without it there are none.",
        |text| optional(text, peers::management_port).map(Option::flatten);
    MANAGEMENT_ADDRESS: Option<IpAddr> = "management.server.address", "", Plain,
        "an IP address or localhost",
        "Where those operations are taken; loopback unless set.",
        |text| optional(text, values::address);
    HEALTH_DETAILS: Option<bool> = "management.endpoint.health.show-details", "", Plain,
        "never, always, or when-authorized, which is never here",
        "Whether health tells more of a component than its status, to whoever asks; unless set, \
         only on the management port.",
        |text| optional(text, health_details);

    TRACING_ENABLED: bool = "management.tracing.enabled", "true", Plain,
        "true or false",
        "Whether traces are recorded when it is known where they go.", values::flag;
    TRACING_PROBABILITY: f64 = "management.tracing.sampling.probability", "0.1", Plain,
        "a number from 0 to 1",
        "The share of the traces that begin here which are recorded; a request that belongs to a \
         trace is recorded when the trace is.",
        tracing::share;
    OTLP_ENDPOINT: Option<SecretString> = "management.otlp.tracing.endpoint", "", Url,
        "an http:// or https:// URL, such as http://localhost:4318/v1/traces",
        "The collector that traces are sent to (OTLP over HTTP); without it none are recorded.",
        |text| optional(text, values::http_url);
    OTLP_HEADERS: SecretString = "management.otlp.tracing.headers.*", "", Secret,
        "the value of a header of this name",
        "Sent along with each request to the collector.", remote::header;
    OTLP_CONNECT_TIMEOUT: Duration = "management.otlp.tracing.connect-timeout", "10s", Plain,
        "a duration from 10ms to 5m",
        "How long the collector may take to accept a connection.",
        |text| values::duration(text, Duration::from_millis(10), Duration::from_mins(5));
    OTLP_TIMEOUT: Duration = "management.otlp.tracing.timeout", "10s", Plain,
        "a duration from 10ms to 5m",
        "How long the collector may take to answer.",
        |text| values::duration(text, Duration::from_millis(10), Duration::from_mins(5));
    OTEL_RESOURCE: String = "management.opentelemetry.resource-attributes.*", "", Plain,
        "a text",
        "What traces say of this process, beside its name and instance.", peers::any;
}

fn health_details(text: &str) -> Read<bool> {
    values::one_of(text, &[("never", false), ("when_authorized", false), ("always", true)])
}

fn refresh_interval(text: &str) -> Read<Duration> {
    values::duration(text, Duration::from_secs(1), Duration::from_hours(24))
}

fn retention(text: &str) -> Read<Option<Duration>> {
    if text.trim().eq_ignore_ascii_case("forever") {
        return Ok(None);
    }
    let longest = Duration::from_hours(36_500 * 24);
    values::duration(text, Duration::from_secs(1), longest).map(Some)
}

fn currency(text: &str) -> Read<Currency> {
    Currency::from_code(text.trim()).map_err(|_| Fault::SHAPE)
}

fn currencies(text: &str) -> Read<Vec<Currency>> {
    let mut seen = BTreeSet::new();
    let codes = list(text, |code| {
        Currency::from_code(code).map_err(|_| Fault::because(format!("{code} is no currency")))
    })?;
    let all: Vec<_> = codes.into_iter().filter(|currency| seen.insert(currency.code())).collect();
    if all.is_empty() {
        return Err(Fault::SHAPE);
    }
    Ok(all)
}
