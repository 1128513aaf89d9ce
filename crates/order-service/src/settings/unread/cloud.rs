//! Where settings come from, where this service is announced, and the peers of a Spring service that
//! this one does without.

use settings_spring::Unread;

const IMPORT: &str = "bootstrap files are not read: write spring.config.import=configserver: into \
                      application.yml instead";
const ONE_ZONE: &str = "servers are taken in the order of eureka.client.service-url.defaultZone";
const NO_COPY: &str =
    "no copy of the registry is kept: config servers are looked up when they are asked";
const MACHINES_CERTIFICATES: &str = "servers are checked against the certificates of the machine; \
                                     SSL_CERT_FILE names others";
const ANNOUNCED: &str = "the address that is announced is the one that faces Eureka; name another by \
                         eureka.instance.ip-address or .hostname, and take this out";
const DIRECTLY: &str = "Eureka servers are asked directly, at eureka.client.service-url.defaultZone; name \
                        them there, and take this out";
const CLIENT: &str = "about the inside of Java's Eureka client";
const REGISTRATION: &str = "of an instance Eureka is told host, ports, pages, lease and metadata";
const CONFIG_CLIENT: &str = "about the inside of Java's config client";
const NO_PEERS: &str = "this service uses no such peer";
const NO_CALLS: &str = "this service calls no other service";

pub(super) static ROWS: &[Unread] = &[
    Unread::ignored(&["spring.profiles.validate"], "the names of profiles are always checked")
        .unless(&["true"]),
    Unread::refused(&["spring.cloud.bootstrap.*"], IMPORT).unless(&["false"]),
    Unread::ignored(
        &["spring.cloud.config.multiple-uri-strategy"],
        "the next config server is asked whatever was wrong with the one before",
    ),
    Unread::ignored(&["spring.cloud.config.tls.*", "eureka.client.tls.*"], MACHINES_CERTIFICATES)
        .unless(&["false"]),
    Unread::ignored(
        &["spring.cloud.config.*", "spring.cloud.decrypt-environment-post-processor.*"],
        CONFIG_CLIENT,
    ),
    Unread::ignored(
        &[
            "spring.cloud.config.allow-override",
            "spring.cloud.config.override-none",
            "spring.cloud.config.override-system-properties",
        ],
        "with spring.config.import the command line and the environment always go before config servers",
    ),
    Unread::ignored(&["encrypt.*"], "config servers decrypt; this service holds no key"),
    Unread::refused(
        &["eureka.client.service-url.*"],
        "Eureka servers are named by \
        eureka.client.service-url.defaultZone alone; name them there, and take this out",
    ),
    Unread::refused(
        &["eureka.instance.initial-status"],
        "an instance is UP in the registry from ready to its stop; put \
        another status in its place at the registry, and take this out",
    )
    .unless(&["UP"]),
    Unread::ignored(
        &["eureka.client.healthcheck.enabled"],
        "an instance is UP in the registry from ready to its stop",
    )
    .unless(&["false"]),
    Unread::refused(
        &["eureka.client.use-dns-for-fetching-service-urls", "eureka.client.proxy-host"],
        DIRECTLY,
    )
    .unless(&["false"]),
    Unread::ignored(
        &[
            "eureka.client.eureka-server-d-n-s-name",
            "eureka.client.eureka-server-port",
            "eureka.client.eureka-server-u-r-l-context",
            "eureka.client.proxy-port",
            "eureka.client.proxy-user-name",
            "eureka.client.proxy-password",
        ],
        "Eureka servers are asked directly",
    ),
    Unread::refused(
        &[
            "spring.cloud.inetutils.ignored-interfaces",
            "spring.cloud.inetutils.preferred-networks",
            "spring.cloud.inetutils.use-only-site-local-interfaces",
        ],
        ANNOUNCED,
    )
    .unless(&["false"]),
    Unread::ignored(
        &["spring.cloud.inetutils.*"],
        "the address that is announced is the one that faces Eureka",
    ),
    Unread::ignored(
        &[
            "eureka.client.availability-zones.*",
            "eureka.client.region",
            "eureka.client.prefer-same-zone-eureka",
        ],
        ONE_ZONE,
    ),
    Unread::ignored(
        &[
            "eureka.client.fetch-registry",
            "eureka.client.registry-fetch-interval-seconds",
            "eureka.client.disable-delta",
            "eureka.client.log-delta-diff",
            "eureka.client.filter-only-up-instances",
            "eureka.client.fetch-remote-regions-registry",
            "eureka.client.registry-refresh-single-vip-address",
        ],
        NO_COPY,
    )
    .unless(&["false"]),
    Unread::ignored(
        &["eureka.client.should-unregister-on-shutdown"],
        "a stop always takes this instance out of the registry",
    )
    .unless(&["true"]),
    Unread::ignored(
        &["eureka.client.should-enforce-registration-at-init"],
        "a registry that is down does not stop the start",
    )
    .unless(&["false"]),
    Unread::ignored(&["eureka.client.*"], CLIENT),
    Unread::ignored(&["eureka.instance.*"], REGISTRATION),
    Unread::ignored(&["eureka.server.*", "eureka.dashboard.*"], "this service is no Eureka server"),
    Unread::ignored(
        &[
            "spring.cloud.service-registry.auto-registration.fail-fast",
            "spring.cloud.service-registry.auto-registration.register-management",
        ],
        "an instance is registered once, by its main port, when it is ready",
    ),
    Unread::ignored(
        &[
            "spring.cloud.discovery.client.*",
            "spring.cloud.loadbalancer.*",
            "spring.cloud.openfeign.*",
            "spring.cloud.httpclientfactories.*",
            "spring.cloud.hypermedia.*",
            "spring.cloud.circuitbreaker.*",
            "spring.http.client.*",
            "spring.http.reactiveclient.*",
        ],
        NO_CALLS,
    ),
    Unread::ignored(
        &["spring.cloud.refresh.*"],
        "docs/configuration-server.md lists what a refresh changes",
    ),
    Unread::ignored(
        &[
            "spring.cloud.compatibility-verifier.*",
            "spring.cloud.features.*",
            "spring.cloud.util.*",
        ],
        "about the inside of Spring Cloud",
    ),
    Unread::ignored(
        &[
            "spring.activemq.*",
            "spring.artemis.*",
            "spring.cassandra.*",
            "spring.couchbase.*",
            "spring.data.*",
            "spring.elasticsearch.*",
            "spring.hazelcast.*",
            "spring.influx.*",
            "spring.integration.*",
            "spring.jms.*",
            "spring.ldap.*",
            "spring.mail.*",
            "spring.neo4j.*",
            "spring.pulsar.*",
            "spring.rabbitmq.*",
            "spring.redis.*",
            "spring.rsocket.*",
            "spring.sendgrid.*",
            "spring.session.*",
            "spring.cache.*",
            "spring.batch.*",
            "spring.quartz.*",
            "spring.h2.*",
        ],
        NO_PEERS,
    ),
];
