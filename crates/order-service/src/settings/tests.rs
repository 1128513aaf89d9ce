//! The keys of the service: their defaults, their rules, and that no secret is shown. Sources and names
//! are tested in `settings-spring`.

use std::fs;

use chrono::DateTime;
use http_actix::Access;
use secrecy::ExposeSecret as _;
use settings_spring::Effective;
use tempfile::TempDir;

use super::*;

const PLANTED: &str = "pl4nted";

/// One case of settings: files, environment and options.
pub(crate) struct Case {
    folder: TempDir,
    inputs: Inputs,
}

impl Case {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs {
            options: Vec::new(),
            config: None,
            environment: BTreeMap::new(),
            offered: &[],
            folder: folder.path().to_owned(),
            random: || 7,
            now: || DateTime::UNIX_EPOCH,
            tell: |_| {},
        };
        Self { folder, inputs }
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.environment.insert(name.into(), value.into());
        self
    }

    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.inputs.options.push((name.into(), value.into()));
        self
    }

    pub(crate) fn loaded(&self) -> Loaded {
        load(&self.inputs, Occasion::Start).unwrap_or_else(|problems| panic!("{problems}"))
    }

    pub(crate) fn refused(&self) -> String {
        load(&self.inputs, Occasion::Start).unwrap_err().to_string()
    }

    fn url(&self) -> String {
        self.loaded().settings.storage.database.url().expose_secret().to_owned()
    }
}

fn effective<'a>(loaded: &'a Loaded, key: &str) -> &'a Effective {
    loaded.effective.iter().find(|e| e.key == key).unwrap()
}

#[test]
fn without_anything_the_defaults_of_the_contract_apply() {
    let Loaded { settings, warnings, .. } = Case::new().loaded();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8082");
    assert_eq!(settings.name, "order-service");
    assert_eq!(settings.storage.database.to_string(), "sqlite:orders.db");
    assert_eq!(settings.storage.pool_size, 10);
    assert_eq!(settings.storage.connection_timeout, Duration::from_millis(500));
    assert_eq!(settings.requests.budget, Duration::from_millis(1_200));
    assert_eq!(settings.requests.max_in_flight, 512);
    assert_eq!(settings.events_topic, "order.events");
    assert_eq!(settings.stop.budget, Duration::from_secs(20));
    assert!(!settings.kafka.is_on() && settings.eureka.servers.is_empty());
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn the_spring_service_s_own_file_starts_ours() {
    let case = Case::new()
        .file(
            "application.properties",
            "server.port=8082\nspring.application.name=order-service\n\
             eureka.client.service-url.defaultZone=http://localhost:8761/eureka\n\
             spring.datasource.url=jdbc:mysql://localhost:3306/ordersdb\n",
        )
        .env("SPRING_DATASOURCE_USERNAME", "orders")
        .env("SPRING_DATASOURCE_PASSWORD", "p@ss/word");
    assert_eq!(case.url(), "mysql://orders:p%40ss%2Fword@localhost:3306/ordersdb");
    let loaded = case.loaded();
    let [server] = &loaded.settings.eureka.servers[..] else { panic!("one server") };
    assert_eq!(server.expose_secret(), "http://localhost:8761/eureka");
    assert_eq!(loaded.warnings, [""; 0], "all of it is honoured");
}

#[test]
fn maps_keep_their_keys() {
    let settings = Case::new()
        .file(
            "application.yml",
            "logging.level:\n  root: off\n  order_app: debug\n  com.example: WARN\n\
             spring.kafka.properties:\n  sasl.mechanism: PLAIN\n  ssl.key-x: y\n\
             eureka.instance.metadata-map:\n  Zone_A: x\n",
        )
        .env("LOGGING_LEVEL_HTTP_ACTIX", "trace")
        .env("SPRING_KAFKA_PROPERTIES_LINGER_MS", "5")
        .loaded()
        .settings;
    let levels: Vec<_> = settings.logging.targets.keys().map(String::as_str).collect();
    assert_eq!(levels, ["com::example", "http_actix", "order_app"]);
    assert_eq!(settings.logging.root.to_string(), "off");
    let kafka = settings.kafka.of_producers("t").properties;
    let kafka: Vec<_> = kafka.keys().map(String::as_str).collect();
    assert_eq!(kafka, ["linger.ms", "sasl.mechanism", "ssl.key-x"]);
    assert_eq!(settings.eureka.instance.metadata["Zone_A"], "x");
}

#[test]
fn an_instance_presents_itself_under_springs_names() {
    let eureka = Case::new()
        .file(
            "application.yml",
            "eureka:\n  client:\n    eurekaServerReadTimeoutSeconds: 9\n\
             \x20 instance:\n    appname: shop\n    ip-address: 10.1.2.3\n\
             \x20   non-secure-port: 80\n    securePortEnabled: true\n\
             \x20   health-check-url-path: /health\n",
        )
        .env("EUREKA_INSTANCE_STATUSPAGEURL", "https://status.example/")
        .loaded()
        .settings
        .eureka;
    assert_eq!((eureka.connect_timeout_seconds, eureka.read_timeout_seconds), (5, 9));
    let EurekaInstance { app, ip_address, ports, health_check, status_page, .. } = eureka.instance;
    assert_eq!((app.as_deref(), ip_address), (Some("shop"), Some([10, 1, 2, 3].into())));
    assert_eq!((ports.plain, ports.secure, ports.secure_enabled), (Some(80), None, Some(true)));
    assert_eq!(health_check.path.as_deref(), Some("/health"));
    assert_eq!(status_page.url.as_deref(), Some("https://status.example/"));
}

#[test]
fn the_actuator_is_where_and_what_spring_would_make_of_it() {
    let case = Case::new().file(
        "application.yml",
        "management:\n  endpoints:\n    web:\n      base-path: /\n      exposure:\n        \
         include: '*'\n        exclude: refresh\n    access:\n      default: read-only\n      \
         max-permitted: read_only\n  endpoint:\n    loggers.access: unrestricted\n    \
         events.enabled: false\n",
    );
    let actuator = case.loaded().settings.management.actuator;
    assert_eq!(actuator.base, "");
    let access: Vec<_> =
        actuator.endpoints.iter().map(|(endpoint, (_, access))| (endpoint.id(), *access)).collect();
    let expected = [
        ("health", Access::ReadOnly),
        ("info", Access::ReadOnly),
        ("prometheus", Access::ReadOnly),
        ("metrics", Access::ReadOnly),
        ("loggers", Access::ReadOnly),
        ("events", Access::None),
        ("sagas", Access::ReadOnly),
    ];
    assert_eq!(access, expected);
    for (name, value, complaint) in [
        ("management.endpoints.web.path-mapping.health", "orders", "must be a path"),
        ("management.endpoints.web.path-mapping.health", "a/../b", "must be a path"),
        ("management.endpoints.web.path-mapping.health", "info", "must be a path"),
        ("management.endpoint.events.access", "none", "stands beside its newer form"),
        ("management.endpoints.web.base-path", "manage", "must be a path"),
        ("management.endpoints.web.base-path", "/orders", "must be a path"),
        ("management.server.address", "127.0.0.1", "has no port of its own"),
    ] {
        let said = Case::new()
            .file(
                "application.yml",
                "management:\n  endpoints.web.base-path: /\n  endpoint.events.enabled: true\n",
            )
            .option(name, value)
            .refused();
        assert!(said.contains(complaint), "{name}={value}: {said}");
    }
}

#[test]
fn values_that_do_not_fit_each_other_are_refused() {
    let said = Case::new().env("ORDER_CURRENCIES", "EUR").refused();
    assert!(
        said.contains("order.default-currency = \"USD\" (default): is not enabled; must be one"),
        "{said}"
    );
    let said = Case::new().option("order.shutdown.delay", "20s").refused();
    assert!(said.contains("order.shutdown.delay = \"20s\" (command line): leaves no"), "{said}");
}

#[test]
fn the_connection_timeout_never_exceeds_the_request_s_budget() {
    let case = Case::new().option("spring.datasource.hikari.connection-timeout", "30000");
    assert_eq!(case.loaded().settings.storage.connection_timeout, Duration::from_millis(1_200));
}

#[test]
fn the_database_url_is_a_courtesy() {
    let case = Case::new()
        .file("application.properties", "spring.datasource.url=mysql://file/o\n")
        .env("DATABASE_URL", "postgres://a:b@courtesy/o");
    assert_eq!(case.url(), "postgres://a:b@courtesy:5432/o");
    let loaded = case.loaded();
    let shown = effective(&loaded, "spring.datasource.url");
    assert_eq!(shown.value, "postgres://******@courtesy/o");
    assert_eq!(shown.origin.to_string(), "environment variable DATABASE_URL");
    assert_eq!(
        case.env("SPRING_DATASOURCE_URL", "mysql://spring/o").url(),
        "mysql://spring:3306/o"
    );
}

#[test]
fn credentials_come_from_the_highest_layer_that_has_some() {
    let case = Case::new().file(
        "application.properties",
        "spring.datasource.url=mysql://u1:p1@h/o\nspring.datasource.username=u2\n\
         spring.datasource.password=p2\n",
    );
    assert_eq!(case.url(), "mysql://u2:p2@h:3306/o");
    let case = case.env("SPRING_DATASOURCE_URL", "mysql://u3:p3@h/o");
    assert_eq!(case.url(), "mysql://u3:p3@h:3306/o");
    let case = case.env("SPRING_DATASOURCE_URL", "mysql://h/o");
    assert_eq!(case.url(), "mysql://u2:p2@h:3306/o");
}

/// Secrets are planted in every key that can hold one, first in right and then in wrong values.
#[test]
fn no_secret_is_ever_shown() {
    let right = Case::new()
        .file(
            "application.yml",
            &format!(
                "spring.datasource:\n  url: jdbc:mysql://u:{PLANTED}@h/o?password={PLANTED}\n  \
                 password: {PLANTED}\nspring.kafka.properties:\n  sasl.jaas.config: {PLANTED}\n\
                 eureka.client.service-url.defaultZone: http://u:{PLANTED}@e/eureka\n\
                 eureka.instance.metadata-map.secret-key: {PLANTED}\n\
                 eureka.instance.instance-id: x${{spring.datasource.password}}\n"
            ),
        )
        .loaded();
    let shown = format!("{:?} {:?} {:?}", right.settings.storage, right.effective, right.warnings);
    assert!(!shown.contains(PLANTED), "{shown}");
    assert!(!format!("{:?}", right.settings.kafka).contains(PLANTED));

    for (name, value) in [
        ("spring.datasource.url", format!("jdbc:mysql://u:{PLANTED}@h:x/o")),
        ("spring.datasource.url", format!("jdbc:mysql://u:a/{PLANTED}@h/o")),
        ("spring.datasource.url", format!("jdbc:h2:mem:x;PASSWORD={PLANTED}")),
        ("spring.datasource.url", format!("jdbc:oracle:thin:u/{PLANTED}@h")),
        ("eureka.client.service-url.defaultZone", format!("u:{PLANTED}@h")),
        // Nothing about this name sounds secret.
        ("order.currencies", "USD,${INNOCENT}".to_owned()),
        ("spring.datasource.url", "${INNOCENT}:x".to_owned()),
        ("spring.datasource.url", format!("mysql://${{INNOCENT}}:{PLANTED}@a b/o")),
    ] {
        let said = Case::new().env("INNOCENT", PLANTED).option(name, &value).refused();
        assert!(said.contains(name) && !said.contains(PLANTED), "{said}");
    }
}

#[test]
fn what_config_shows_of_a_url_is_what_is_known_to_be_harmless() {
    for parameter in ["pasword", "pw", "key", "sig", "password", "mykeypassword"] {
        let url = format!("jdbc:mysql://h/o?connectTimeout=5&{parameter}={PLANTED}&x={PLANTED}");
        let loaded = Case::new()
            .option("spring.datasource.url", &url)
            .option(
                "eureka.client.service-url.defaultZone",
                &format!("http://e/?{parameter}={PLANTED}"),
            )
            .loaded();
        let shown = &effective(&loaded, "spring.datasource.url").value;
        assert_eq!(shown, &format!("jdbc:mysql://h/o?connectTimeout=5&{parameter}=******"));
        assert!(!format!("{:?} {:?}", loaded.effective, loaded.warnings).contains(PLANTED));
    }
    for name in ["db.pw", "root.pwd", "my-passphrase", "aws-credentials"] {
        let key = format!("eureka.instance.metadata-map.{name}");
        let loaded = Case::new().option(&key, PLANTED).loaded();
        assert_eq!(effective(&loaded, &key).value, "******");
    }
}

#[test]
fn a_url_with_a_placeholder_is_refused_with_its_reason() {
    let url = "jdbc:mysql://${DB_HOST:h}/o?sslmode=sure";
    let said = Case::new().option("spring.datasource.url", url).refused();
    assert!(said.contains("sslMode is none of"), "{said}");
}

#[test]
fn parameters_without_effect_are_named_in_one_warning() {
    let url = "jdbc:mysql://h/o?connectTimeout=1&socketTimeout=2&useSSL=false";
    let warnings = Case::new().env("SPRING_DATASOURCE_URL", url).loaded().warnings;
    let expected = "spring.datasource.url: these parameters are without effect: connectTimeout, \
                    socketTimeout";
    assert_eq!(warnings, [expected]);
}

#[test]
fn credentials_without_a_url_are_refused() {
    for (name, value) in
        [("SPRING_DATASOURCE_USERNAME", "ann"), ("SPRING_DATASOURCE_PASSWORD", PLANTED)]
    {
        let said = Case::new().env(name, value).refused();
        assert!(said.contains(name) && said.contains("spring.datasource.url is not"), "{said}");
        assert!(!said.contains(PLANTED), "{said}");
    }
    let case =
        Case::new().env("DATABASE_URL", "mysql://h/o").env("SPRING_DATASOURCE_USERNAME", "u");
    assert_eq!(case.url(), "mysql://u@h:3306/o");
}

/// A database on a server, with one more setting.
fn with(url: &str, name: &str, value: &str) -> Case {
    Case::new().option("spring.datasource.url", url).option(name, value)
}

const POSTGRES: &str = "jdbc:postgresql://h/orders";
const MYSQL: &str = "jdbc:mysql://h/orders";

#[test]
fn every_way_to_name_a_schema_leads_to_that_schema() {
    for (name, value, expected) in [
        ("spring.datasource.hikari.schema", "Shop", "Shop"),
        ("spring.jpa.properties.hibernate.default_schema", "Shop", "shop"),
        ("spring.datasource.hikari.data-source-properties.currentSchema", "shop", "shop"),
    ] {
        let storage = with(POSTGRES, name, value).loaded().settings.storage;
        assert_eq!(storage.schema.as_deref(), Some(expected), "{name}");
    }
    let url = "jdbc:postgresql://h/orders?currentSchema=shop";
    let storage = with(url, "spring.datasource.hikari.schema", "shop").loaded().settings.storage;
    assert_eq!(storage.schema.as_deref(), Some("shop"));
    let case = Case::new()
        .env("SPRING_DATASOURCE_URL", POSTGRES)
        .env("SPRING_JPA_PROPERTIES_HIBERNATE_DEFAULT_SCHEMA", "shop");
    assert_eq!(case.loaded().settings.storage.schema.as_deref(), Some("shop"));
}

#[test]
fn what_names_another_place_in_the_database_is_refused() {
    let url_with_schema = "jdbc:postgresql://h/orders?currentSchema=shop";
    for (url, name, value) in [
        (url_with_schema, "spring.datasource.hikari.schema", "Shop"),
        (url_with_schema, "spring.jpa.properties.hibernate.default_schema", "public"),
        (POSTGRES, "spring.datasource.hikari.schema", "a,b"),
        (POSTGRES, "spring.datasource.hikari.catalog", "other"),
        (POSTGRES, "spring.datasource.driver-class-name", "com.mysql.cj.jdbc.Driver"),
        (POSTGRES, "spring.datasource.hikari.data-source-properties.user", "u"),
        (MYSQL, "spring.datasource.hikari.schema", "other"),
        (MYSQL, "spring.jpa.properties.hibernate.default_catalog", "other"),
        (MYSQL, "spring.datasource.hikari.driver-class-name", "org.h2.Driver"),
        (MYSQL, "spring.datasource.hikari.data-source-properties.sslMode", "sure"),
        ("sqlite:o.db", "spring.datasource.hikari.schema", "s"),
        ("sqlite:o.db", "spring.datasource.driver-class-name", "com.mysql.cj.jdbc.Driver"),
    ] {
        let said = with(url, name, value).refused();
        assert!(said.starts_with(&format!("the settings are wrong: {name}")), "{url} {said}");
    }
    for (url, name, value) in [
        (MYSQL, "spring.datasource.hikari.schema", "orders"),
        (MYSQL, "spring.jpa.properties.hibernate.default_catalog", "orders"),
        (MYSQL, "spring.datasource.driver-class-name", "org.mariadb.jdbc.Driver"),
        (MYSQL, "spring.datasource.hikari.data-source-properties.cachePrepStmts", "true"),
        (POSTGRES, "spring.datasource.hikari.catalog", "orders"),
        (POSTGRES, "spring.datasource.driver-class-name", "com.p6spy.engine.spy.P6SpyDriver"),
    ] {
        assert_eq!(with(url, name, value).loaded().warnings, [""; 0], "{name}");
    }
}

#[test]
fn what_would_lead_elsewhere_stops_the_start_wherever_it_is_set() {
    for (name, value) in [
        ("spring.datasource.hikari.jdbc-url", "jdbc:mysql://h/o"),
        ("spring.datasource.primary.url", "jdbc:mysql://h/o"),
        ("spring.datasource.jndi-name", "java:x"),
        ("spring.datasource.hikari.connection-init-sql", "SET search_path TO shop"),
        ("spring.r2dbc.url", "r2dbc:mysql://h/o"),
        ("spring.jpa.properties.hibernate.jdbc.time_zone", "Europe/Berlin"),
        ("spring.jpa.properties.hibernate.multiTenancy", "SCHEMA"),
        ("spring.security.user.name", "ann"),
        ("server.ssl.bundle", "b"),
        ("server.ssl.enabled", "true"),
        ("management.server.ssl.key-store", "k"),
        ("spring.cloud.bootstrap.name", "shop"),
        ("eureka.client.service-url.eu", "http://e/"),
        ("eureka.instance.initial-status", "OUT_OF_SERVICE"),
        ("spring.cloud.inetutils.preferred-networks", "10."),
        ("spring.kafka.ssl.bundle", "b"),
        ("spring.kafka.template.default-topic", "t"),
    ] {
        let variable = name.to_uppercase().replace('.', "_").replace('-', "");
        let file = Case::new().file("application.properties", &format!("{name}={value}\n"));
        for case in [file, Case::new().env(&variable, value), Case::new().option(name, value)] {
            let said = case.refused();
            assert!(said.starts_with("the settings are wrong: ") && !said.contains('\n'), "{said}");
            assert!(said.contains(name.rsplit_once(['.', '-']).unwrap().0), "{said}");
        }
    }
}

#[test]
fn what_is_harmless_is_named_in_one_warning_and_what_holds_anyway_in_none() {
    let text = "spring.jpa.hibernate.ddl-auto=create\nspring.jpa.show-sql=true\n\
                spring.jackson.serialization.indent-output=true\nserver.tomcat.threads.max=400\n\
                spring.main.banner-mode=off\nspring.jmx.enabled=true\n";
    let warnings = Case::new().file("application.properties", text).loaded().warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.starts_with("settings without effect: ") && !warning.contains('\n'));
    for line in text.lines() {
        let (name, _) = line.split_once('=').unwrap();
        assert!(warning.contains(&format!("{name} (application.properties:")), "{warning}");
    }
    let text = "spring.jpa.hibernate.ddl-auto=update\nspring.jpa.show-sql=false\n\
                server.shutdown=graceful\nserver.ssl.enabled=false\nserver.ssl.key-store=k\n\
                spring.flyway.enabled=false\nspring.flyway.url=jdbc:x\n\
                eureka.instance.initial-status=UP\nspring.main.web-application-type=servlet\n";
    let warnings = Case::new().file("application.properties", text).loaded().warnings;
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn variables_of_other_programs_never_stop_the_start() {
    let loaded = Case::new()
        .env("SERVER_SOFTWARE", "nginx/1.29")
        .env("SERVER_NAME", "shop")
        .env("SPRING_SHOP_MOOD", "fine")
        .env("DEBUG", "1")
        .loaded();
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    for name in ["SERVER_SOFTWARE", "SERVER_NAME", "SPRING_SHOP_MOOD"] {
        assert!(warning.contains(name), "{warning}");
    }
}

#[test]
fn what_is_registered_can_be_reached() {
    let zone = ("eureka.client.service-url.defaultZone", "http://e/eureka");
    let listen = |name: &str, value: &str| {
        let loaded = Case::new().option(zone.0, zone.1).option(name, value).loaded();
        (loaded.settings.listen.ip().to_string(), loaded.warnings)
    };
    assert_eq!(listen("server.port", "1"), ("0.0.0.0".to_owned(), Vec::new()));
    let (address, warnings) = listen("server.address", "localhost");
    assert_eq!(address, "127.0.0.1");
    assert!(warnings[0].contains("cannot reach it at 127.0.0.1"), "{warnings:?}");
    for off in [
        "eureka.client.enabled",
        "eureka.client.register-with-eureka",
        "spring.cloud.discovery.enabled",
        "spring.cloud.service-registry.auto-registration.enabled",
    ] {
        assert_eq!(listen(off, "false"), ("127.0.0.1".to_owned(), Vec::new()), "{off}");
    }
    let class = "org.springframework.cloud.netflix.eureka.EurekaClientAutoConfiguration";
    assert_eq!(listen("spring.autoconfigure.exclude", class).0, "127.0.0.1");
}

#[test]
fn producers_have_brokers_of_their_own_and_a_scheme_must_agree() {
    let kafka = Case::new()
        .option("spring.kafka.bootstrap-servers", "general:1")
        .option("spring.kafka.producer.bootstrap-servers", "PLAINTEXT://own:1,own:2")
        .option("spring.kafka.producer.properties.linger.ms", "7")
        .env("SPRING_KAFKA_PRODUCER_CLIENT_ID", "shop")
        .loaded()
        .settings
        .kafka
        .of_producers("t");
    assert_eq!(kafka.bootstrap_servers, ["own:1", "own:2"]);
    assert_eq!((&*kafka.properties["linger.ms"], &*kafka.properties["client.id"]), ("7", "shop"));
    let said = Case::new().option("spring.kafka.bootstrap-servers", "SSL://a:1").refused();
    assert!(said.contains("names another protocol"), "{said}");
    let case = Case::new()
        .option("spring.kafka.bootstrap-servers", "SSL://a:1")
        .option("spring.kafka.producer.security.protocol", "SSL");
    assert_eq!(case.loaded().settings.kafka.of_producers("t").bootstrap_servers, ["a:1"]);
}
