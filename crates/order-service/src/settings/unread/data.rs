//! Where orders and events are kept: data sources, JPA, migrations, and Kafka.

use settings_spring::Unread;

const BY_URL: &str = "the database is named by spring.datasource.url, its user by \
                      spring.datasource.username and .password; name it there, and take this out";
const HIKARI: &str =
    "the pool is set by spring.datasource.hikari.maximum-pool-size and .connection-timeout";
const SCRIPTS: &str = "no script is run: migrations bring the tables up to date";
const MIGRATIONS: &str = "the migrations of this service bring its own tables up to date";
const HIBERNATE: &str = "there is no Hibernate here";
const NAMING: &str = "tables and columns have the names that Spring's own strategy gives them \
                      (customer_id); take this out if the table orders has those";
const UTC: &str = "times without zone are stored in UTC; for another zone set connectionTimeZone in \
                   spring.datasource.url";
const SESSION: &str = "no statement of yours is run on a connection; say it in spring.datasource.url, or \
                       take it out";
const READ_ONLY: &str =
    "orders are written: name a database that may be written, and take this out";

pub(super) static ROWS: &[Unread] = &[
    Unread::refused(
        &[
            "spring.datasource.jndi-name",
            "spring.datasource.xa.*",
            "spring.datasource.*.url",
            "spring.datasource.*.jdbc-url",
            "spring.datasource.hikari.jdbc-url",
            "spring.datasource.hikari.username",
            "spring.datasource.hikari.password",
            "spring.datasource.hikari.data-source-class-name",
            "spring.datasource.hikari.data-source-jndi",
            "spring.datasource.dbcp2.url",
            "spring.datasource.dbcp2.username",
            "spring.datasource.dbcp2.password",
            "spring.datasource.dbcp2.default-catalog",
            "spring.datasource.dbcp2.default-schema",
            "spring.datasource.dbcp2.connection-factory-class-name",
            "spring.datasource.dbcp2.driver-class-name",
            "spring.datasource.tomcat.url",
            "spring.datasource.tomcat.username",
            "spring.datasource.tomcat.password",
            "spring.datasource.tomcat.connection-properties",
            "spring.datasource.tomcat.data-source-jndi",
            "spring.datasource.tomcat.db-properties",
            "spring.datasource.tomcat.default-catalog",
            "spring.datasource.tomcat.driver-class-name",
            "spring.datasource.oracleucp.*",
            "spring.r2dbc.url",
            "spring.r2dbc.username",
            "spring.r2dbc.password",
            "spring.r2dbc.name",
            "spring.r2dbc.properties.*",
            "spring.jpa.properties.hibernate.connection.*",
            "spring.jpa.properties.jakarta.persistence.jdbc.*",
            "spring.jpa.properties.javax.persistence.jdbc.*",
        ],
        BY_URL,
    ),
    Unread::refused(
        &[
            "spring.jpa.properties.hibernate.multiTenancy",
            "spring.jpa.properties.hibernate.multi_tenant_connection_provider",
            "spring.jpa.properties.hibernate.tenant_identifier_resolver",
        ],
        "all orders are in one database and one schema: there are no tenants",
    )
    .unless(&["none"]),
    Unread::refused(
        &[
            "spring.datasource.hikari.connection-init-sql",
            "spring.datasource.tomcat.init-sql",
            "spring.datasource.dbcp2.connection-init-sqls",
        ],
        SESSION,
    )
    .unless(&[
        "SELECT 1",
        "SET NAMES utf8mb4",
        "SET time_zone = '+00:00'",
        "SET time_zone='+00:00'",
    ]),
    Unread::refused(
        &[
            "spring.datasource.hikari.read-only",
            "spring.datasource.tomcat.default-read-only",
            "spring.datasource.dbcp2.default-read-only",
        ],
        READ_ONLY,
    )
    .unless(&["false"]),
    Unread::refused(
        &[
            "spring.jpa.hibernate.naming.physical-strategy",
            "spring.jpa.properties.hibernate.physical_naming_strategy",
        ],
        NAMING,
    )
    .unless(&[
        "org.hibernate.boot.model.naming.CamelCaseToUnderscoresNamingStrategy",
        "org.hibernate.boot.model.naming.PhysicalNamingStrategySnakeCaseImpl",
        "org.springframework.boot.orm.jpa.hibernate.SpringPhysicalNamingStrategy",
    ]),
    Unread::refused(&["spring.jpa.properties.hibernate.jdbc.time_zone"], UTC)
        .unless(&["UTC", "GMT", "Z", "Etc/UTC", "+00:00"]),
    Unread::ignored(
        &["spring.jpa.hibernate.ddl-auto", "spring.jpa.properties.hibernate.hbm2ddl.auto"],
        "no table is dropped or made anew: migrations bring the tables up to date",
    )
    .unless(&["none", "validate", "update"]),
    Unread::ignored(&["spring.jpa.*"], HIBERNATE),
    Unread::ignored(
        &["spring.jpa.open-in-view", "spring.jpa.show-sql", "spring.jpa.generate-ddl"],
        HIBERNATE,
    )
    .unless(&["false"]),
    Unread::ignored(
        &[
            "spring.sql.init.*",
            "spring.datasource.continue-on-error",
            "spring.datasource.data",
            "spring.datasource.data-password",
            "spring.datasource.data-username",
            "spring.datasource.initialization-mode",
            "spring.datasource.platform",
            "spring.datasource.schema",
            "spring.datasource.schema-password",
            "spring.datasource.schema-username",
            "spring.datasource.separator",
            "spring.datasource.sql-script-encoding",
        ],
        SCRIPTS,
    )
    .off("spring.sql.init.mode", "never"),
    Unread::ignored(&["spring.sql.init.mode"], SCRIPTS).unless(&["never"]),
    Unread::ignored(&["spring.flyway.*"], MIGRATIONS)
        .unless(&["false"])
        .off("spring.flyway.enabled", "false"),
    Unread::ignored(&["spring.liquibase.*"], MIGRATIONS)
        .unless(&["false"])
        .off("spring.liquibase.enabled", "false"),
    Unread::ignored(
        &[
            "spring.datasource.hikari.*",
            "spring.datasource.tomcat.*",
            "spring.datasource.dbcp2.*",
            "spring.datasource.type",
            "spring.datasource.jmx-enabled",
            "spring.r2dbc.pool.*",
        ],
        HIKARI,
    )
    .unless(&["com.zaxxer.hikari.HikariDataSource"]),
    Unread::ignored(
        &[
            "spring.datasource.embedded-database-connection",
            "spring.datasource.generate-unique-name",
            "spring.datasource.name",
            "spring.r2dbc.generate-unique-name",
        ],
        "there is no embedded database",
    )
    .unless(&["none", "false"]),
];

const JAAS: &str = "user and password are read from spring.kafka.properties.sasl.jaas.config; write them \
                    there, and take this out";
const BUNDLE: &str = "certificates are named by the other keys of spring.kafka.ssl; name them there, and \
                      take this out";

pub(super) static KAFKA: &[Unread] = &[
    Unread::refused(&["spring.kafka.jaas.enabled"], JAAS).unless(&["false"]),
    Unread::refused(&["spring.kafka.ssl.bundle", "spring.kafka.producer.ssl.bundle"], BUNDLE),
    Unread::refused(
        &["spring.kafka.template.default-topic"],
        "the topic of the events is order.events.topic; name it there, and take this out",
    ),
    Unread::ignored(
        &["spring.kafka.jaas.*"],
        "JAAS is off unless spring.kafka.jaas.enabled says so",
    ),
    Unread::ignored(
        &["spring.kafka.producer.acks"],
        "every event is confirmed by all replicas (acks=all)",
    )
    .unless(&["all", "-1"]),
    Unread::ignored(
        &["spring.kafka.producer.key-serializer", "spring.kafka.producer.value-serializer"],
        "keys are text, and events are JSON",
    )
    .unless(&[
        "org.apache.kafka.common.serialization.StringSerializer",
        "org.springframework.kafka.support.serializer.JsonSerializer",
    ]),
    Unread::ignored(
        &["spring.kafka.producer.*", "spring.kafka.template.*", "spring.kafka.retry.*"],
        "the client is set by spring.kafka.producer.properties, by librdkafka's names",
    ),
    Unread::ignored(
        &[
            "spring.kafka.ssl.protocol",
            "spring.kafka.producer.ssl.protocol",
            "spring.kafka.consumer.ssl.protocol",
        ],
        "the newest TLS that both know is spoken",
    ),
    Unread::ignored(
        &["spring.kafka.admin.*"],
        "order.events.create-topics says whether topics are created, by the client that publishes",
    ),
    Unread::ignored(
        &["spring.kafka.consumer.*"],
        "the one consumer takes the replies of sagas: from the first on, each committed when it is taken; more is set by \
         spring.kafka.consumer.properties, by librdkafka's names",
    ),
    Unread::ignored(
        &["spring.kafka.listener.*", "spring.kafka.streams.*"],
        "nothing but the replies of sagas is read from Kafka",
    ),
];
