//! Tests of the settings as a whole: layers, placeholders, secrets, and what is said when something
//! is wrong. The environment is always a map; the process's own is never touched.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;

const PLANTED: &str = "pl4nted";

struct Case {
    folder: TempDir,
    inputs: Inputs,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs {
            options: Vec::new(),
            config: None,
            environment: BTreeMap::new(),
            folder: folder.path().to_owned(),
            random: || 7,
            now: || DateTime::UNIX_EPOCH,
            tell: |_| {},
        };
        Self { folder, inputs }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.environment.insert(name.into(), value.into());
        self
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.inputs.options.push((name.into(), value.into()));
        self
    }

    fn loaded(&self) -> Loaded {
        load(&self.inputs, Occasion::Start).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn refused(&self) -> String {
        load(&self.inputs, Occasion::Start).unwrap_err().to_string()
    }

    fn port(&self) -> u16 {
        self.loaded().settings.listen.port()
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
    assert!(settings.kafka.servers.is_empty() && settings.eureka.servers.is_empty());
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
fn each_layer_wins_over_the_one_below() {
    let case = Case::new();
    let case = case.file("application.toml", "[server]\nport = 1\n");
    assert_eq!(case.port(), 1);
    let case = case.file("application.yml", "server:\n  port: 2\n");
    assert_eq!(case.port(), 2);
    let case = case.file("application.properties", "server.port=3\n");
    assert_eq!(case.port(), 3);
    let case = case.file("config/application.yaml", "server.port: 4\n");
    assert_eq!(case.port(), 4);
    let case = case.file("application-default.yml", "server.port: 5\n");
    assert_eq!(case.port(), 5, "no profile at all is a profile of its own");
    let case = case.file("application-prod.toml", "server.port = 6\n");
    let case = case.file("application-eu.toml", "server.port = 7\n");
    let case = case.env("SPRING_PROFILES_ACTIVE", "prod");
    assert_eq!(case.port(), 6);
    let case = case.env("SPRING_PROFILES_ACTIVE", "prod,eu");
    assert_eq!(case.port(), 7, "the last profile wins");
    let case = case.env("SERVER_PORT", "8");
    assert_eq!(case.port(), 8);
    let case = case.option("server.port", "9").option("SERVER.PORT", "10");
    assert_eq!(case.port(), 10);
}

#[test]
fn a_profile_may_be_named_in_a_file_and_select_documents() {
    let case = Case::new().file(
        "application.yml",
        "spring.profiles.active: ${STAGE:prod}\nserver.port: 1\n---\n\
         spring.config.activate.on-profile: prod\nserver.port: 2\n---\n\
         spring.config.activate.on-profile: test\nserver.port: 3\n",
    );
    assert_eq!(case.port(), 2);
    assert_eq!(case.loaded().settings.profiles, ["prod"]);
    assert_eq!(case.env("STAGE", "test").port(), 3);
}

#[test]
fn a_named_file_replaces_those_that_would_be_found() {
    let mut case = Case::new()
        .file("application.properties", "server.port=1\n")
        .file("mine.toml", "server.port = 2\n")
        .file("mine-p.toml", "server.port = 3\n");
    case.inputs.config = Some(Path::new("mine.toml").into());
    assert_eq!(case.port(), 2);
    assert_eq!(case.option("spring.profiles.active", "p").port(), 3);
}

#[test]
fn spellings_and_lists_meet_before_they_are_merged() {
    let loaded = Case::new()
        .file(
            "application.yml",
            "spring.datasource.hikari.maximumPoolSize: 3\norder.currencies: [EUR, JPY]\n\
             order.defaultCurrency: EUR\n",
        )
        .env("SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE", "4")
        .env("ORDER_CURRENCIES_0_", "KWD")
        .env("ORDER_DEFAULT_CURRENCY", "KWD")
        .loaded();
    assert_eq!(loaded.settings.storage.pool_size, 4);
    let currencies = &loaded.settings.currencies;
    assert_eq!(currencies.choose(None).unwrap().code(), "KWD");
    assert_eq!(effective(&loaded, "order.currencies").value, "KWD");
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
    let kafka: Vec<_> = settings.kafka.properties.keys().map(String::as_str).collect();
    assert_eq!(kafka, ["linger.ms", "sasl.mechanism", "ssl.key-x"]);
    assert_eq!(settings.eureka.instance.metadata["Zone_A"], "x");
}

#[test]
fn an_instance_presents_itself_under_springs_names() {
    let eureka = Case::new()
        .file(
            "application.yml",
            "eureka:\n  client:\n    registryFetchIntervalSeconds: 5\n    disableDelta: true\n\
             \x20 instance:\n    appname: shop\n    ip-address: 10.1.2.3\n\
             \x20   non-secure-port: 80\n    securePortEnabled: true\n\
             \x20   health-check-url-path: /health\n",
        )
        .env("EUREKA_INSTANCE_STATUSPAGEURL", "https://status.example/")
        .loaded()
        .settings
        .eureka;
    assert_eq!((eureka.fetch.interval_seconds, eureka.fetch.disable_delta), (5, true));
    assert_eq!((eureka.connect_timeout_seconds, eureka.read_timeout_seconds), (5, 8));
    let EurekaInstance { app, ip_address, ports, health_check, status_page, .. } = eureka.instance;
    assert_eq!((app.as_deref(), ip_address), (Some("shop"), Some([10, 1, 2, 3].into())));
    assert_eq!((ports.plain, ports.secure, ports.secure_enabled), (Some(80), 443, true));
    assert_eq!(health_check.path, "/health");
    assert_eq!(status_page.url.as_deref(), Some("https://status.example/"));
}

#[test]
fn placeholders_are_resolved_over_all_layers() {
    let case = Case::new()
        .file(
            "application.properties",
            "base=80\nserver.port=${base}${last-digits:82}\n\
             spring.application.name=${APP}-${server.port}\n\
             order.events.topic=${TOPIC:{type}}\n\
             eureka.instance.instance-id=${spring.application.name}:${random.uuid}\n\
             spring.datasource.url=jdbc:mysql://${db.host:h}/${DB_NAME:o}\n",
        )
        .env("APP", "shop")
        .env("DB_HOST", "db");
    assert_eq!(case.url(), "mysql://db:3306/o");
    let settings = case.loaded().settings;
    assert_eq!(settings.listen.port(), 8082);
    assert_eq!(settings.name, "shop-8082");
    assert_eq!(settings.events_topic, "{type}");
    let id = settings.eureka.instance.id.unwrap();
    assert_eq!(id, "shop-8082:00000000-0000-4000-8000-000000000007");
    assert_eq!(case.option("base", "70").port(), 7082);
}

#[test]
fn our_default_stands_behind_a_placeholder_s_own() {
    let case = |name: &str| Case::new().option("spring.application.name", name).loaded().settings;
    assert_eq!(case("x${server.port}").name, "x8082");
    assert_eq!(case("x${server.port:1}").name, "x1");
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let said = Case::new()
        .file(
            "application.yml",
            "server:\n  port: many\norder:\n  currencies: [USD, XXX]\n  \
             evnts:\n    topic: x\n  request-budget: ${nowhere}\n",
        )
        .env("ORDER_MAX_IN_FLIGHT", "-3")
        .option("order.body-deadline", "soon")
        .refused();
    for line in [
        "the settings are wrong in 6 places:\n",
        "\n  server.port = \"many\" (application.yml:2): must be a port from 0 to 65535",
        "\n  order.currencies = \"USD,XXX\" (application.yml:4): XXX is no currency; must be ISO",
        "\n  order.evnts.topic (application.yml:6): there is no such setting; did you mean \
         order.events.topic?",
        "\n  order.request-budget (application.yml:7): refers to ${nowhere}, which is set nowhere",
        "\n  order.max-in-flight = \"-3\" (environment variable ORDER_MAX_IN_FLIGHT): must be a",
        "\n  order.body-deadline = \"soon\" (command line): must be a duration from 100ms to 5m",
    ] {
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
}

#[test]
fn a_variable_under_our_prefix_may_be_a_placeholder_s() {
    let case = Case::new()
        .file("application.properties", "spring.datasource.url=postgres://db/${ORDER_DB_NAME:o}\n")
        .option("spring.datasource.password", "${order.db.password}")
        .env("ORDER_DB_NAME", "shop")
        .env("ORDER_DB_PASSWORD", PLANTED);
    assert_eq!(case.loaded().settings.storage.database.to_string(), "postgres://db:5432/shop");
    let said = case.env("ORDER_DB_NAMES", "shop").refused();
    assert!(said.contains("order.db.names (environment variable ORDER_DB_NAMES): there"), "{said}");
    assert!(!said.contains("ORDER_DB_PASSWORD"), "{said}");
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
fn a_broken_file_is_named_with_its_line() {
    let said = Case::new().file("config/application.yml", "a:\n  - b\n c: d\n").refused();
    assert!(said.contains("wrong: config/application.yml: line 3: "), "{said}");
}

#[test]
fn keys_of_others_are_ignored_but_a_typed_option_is_not() {
    let loaded = Case::new()
        .file("application.properties", "spring.jpa.open-in-view=true\nfoo.bar=${nowhere}\n")
        .env("SPRING_JPA_SHOW_SQL", "true")
        .option("sever.port", "1")
        .loaded();
    assert_eq!(
        loaded.warnings,
        ["unknown settings are ignored: --sever.port; did you mean server.port?"]
    );
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

#[test]
fn a_secret_may_come_from_a_file() {
    let case = Case::new()
        .file("application.properties", "spring.datasource.password=file:${DIR:secrets}/db\n")
        .file("secrets/db", "${not} a placeholder\r\n")
        .env("SPRING_DATASOURCE_URL", "file:secrets/url")
        .file("secrets/url", "mysql://ann@h/o\n");
    assert_eq!(case.url(), "mysql://ann:%24%7Bnot%7D%20a%20placeholder@h:3306/o");
    let said = case.env("DIR", "elsewhere").refused();
    assert!(
        said.contains("spring.datasource.password (application.properties:1): the file ${DIR:secrets}/db cannot be read"),
        "{said}"
    );
    let said = Case::new().option("spring.application.name", "file:x").loaded().settings.name;
    assert_eq!(said, "file:x", "only what may be secret is read from files");
}

/// Every place in which a secret can stand, each with something wrong somewhere.
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
                 spring.cloud.config.password: {PLANTED}\n\
                 spring.cloud.config.enabled: false\nspring.cloud.config.token: {PLANTED}\n\
                 spring.cloud.config.headers.x-y: {PLANTED}\n\
                 spring.cloud.config.uri: http://u:{PLANTED}@c\n\
                 spring.config.import: optional:configserver:http://u:{PLANTED}@c\n\
                 eureka.instance.instance-id: x${{spring.datasource.password}}\n"
            ),
        )
        .loaded();
    let shown = format!("{:?} {:?} {:?}", right.settings.storage, right.effective, right.warnings);
    assert!(!shown.contains(PLANTED), "{shown}");
    assert!(!format!("{:?}", right.settings.kafka).contains(PLANTED));
    assert!(!format!("{:?}", right.settings.config_server).contains(PLANTED));

    for (name, value) in [
        ("spring.datasource.url", format!("jdbc:mysql://u:{PLANTED}@h:x/o")),
        ("spring.datasource.url", format!("jdbc:mysql://u:a/{PLANTED}@h/o")),
        ("spring.datasource.url", format!("jdbc:h2:mem:x;PASSWORD={PLANTED}")),
        ("spring.datasource.url", format!("jdbc:oracle:thin:u/{PLANTED}@h")),
        ("eureka.client.service-url.defaultZone", format!("u:{PLANTED}@h")),
        ("spring.config.import", format!("configserver:u:{PLANTED}@h")),
        ("server.port", "${spring.datasource.password}".to_owned()),
        ("order.currencies", "${DB_SECRET}".to_owned()),
        // Nothing about these names says that they are secret.
        ("server.port", "${INNOCENT}".to_owned()),
        ("order.currencies", "USD,${INNOCENT}".to_owned()),
        ("order.default-currency", "${none:${INNOCENT}}".to_owned()),
        ("spring.datasource.url", "${INNOCENT}:x".to_owned()),
        ("spring.datasource.url", "file:${INNOCENT}".to_owned()),
        ("spring.datasource.password", "file:/${INNOCENT}".to_owned()),
        ("spring.datasource.url", format!("mysql://${{INNOCENT}}:{PLANTED}@a b/o")),
        ("order.request-budget", "${${INNOCENT}}".to_owned()),
        ("order.request-budget", "${CHAINED}".to_owned()),
    ] {
        let said = Case::new()
            .env("SPRING_DATASOURCE_PASSWORD", PLANTED)
            .env("DB_SECRET", PLANTED)
            .env("INNOCENT", PLANTED)
            .env("CHAINED", &format!("a${{{PLANTED}}}"))
            .option(name, &value)
            .refused();
        assert!(said.contains(name) && !said.contains(PLANTED), "{said}");
    }
}

#[test]
fn an_error_shows_a_placeholder_as_it_was_written() {
    let said = Case::new().env("DBPORT", PLANTED).option("server.port", "${DBPORT}").refused();
    let expected = "server.port = \"${DBPORT}\" (command line): must be a port from 0 to 65535";
    assert!(said.contains(expected), "{said}");
    let said = Case::new().env("EUR", "EUR").option("order.default-currency", "${EUR}").refused();
    assert!(said.contains("order.default-currency = \"${EUR}\" (command line): is not"), "{said}");
    let url = "jdbc:mysql://${DB_HOST:h}/o?sslmode=require";
    let said = Case::new().option("spring.datasource.url", url).refused();
    assert!(said.contains("sslMode demands an encrypted connection"), "{said}");
}

#[test]
fn what_config_shows_of_a_url_is_what_is_known_to_be_harmless() {
    for parameter in ["pasword", "pw", "key", "sig", "password", "keypassword"] {
        let url = format!("jdbc:mysql://h/o?connectTimeout=5&{parameter}={PLANTED}&x={PLANTED}");
        let loaded = Case::new()
            .option("spring.datasource.url", &url)
            .option("eureka.client.service-url.a", &format!("http://e/?{parameter}={PLANTED}"))
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
fn parameters_without_effect_are_named_in_one_warning() {
    let url = "jdbc:mysql://h/o?connectTimeout=1&socketTimeout=2&useSSL=false";
    let warnings = Case::new().env("SPRING_DATASOURCE_URL", url).loaded().warnings;
    let expected = "spring.datasource.url: these parameters are without effect: connectTimeout, \
                    socketTimeout";
    assert_eq!(warnings, [expected]);
}
