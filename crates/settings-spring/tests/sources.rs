//! Settings from files, the environment and the command line: their rank, placeholders, secrets, and
//! the message when something is wrong.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken expectation ends a test")]

mod shop;

use std::path::Path;

use secrecy::ExposeSecret as _;

use crate::shop::{Case, PLANTED, effective};

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
fn placeholders_are_resolved_over_all_layers() {
    let case = Case::new()
        .file(
            "application.properties",
            "base=80\nserver.port=${base}${last-digits:82}\n\
             spring.application.name=${APP}-${server.port}\nshop.topic=${TOPIC:{type}}\n\
             shop.labels.id=${spring.application.name}:${random.uuid}\n\
             spring.datasource.url=jdbc:mysql://${db.host:h}/${DB_NAME:o}\n",
        )
        .env("APP", "shop")
        .env("DB_HOST", "db");
    assert_eq!(case.url(), "jdbc:mysql://db/o");
    let settings = case.loaded().settings;
    assert_eq!(settings.port, 8082);
    assert_eq!(settings.name, "shop-8082");
    assert_eq!(settings.topic, "{type}");
    assert_eq!(settings.labels["id"], "shop-8082:00000000-0000-4000-8000-000000000007");
    assert_eq!(case.option("base", "70").port(), 7082);
}

#[test]
fn placeholders_are_replaced_wherever_they_stand() {
    let names = [
        ("a", "1"),
        ("b", "<${a}>"),
        ("which", "a"),
        ("self", "${self}"),
        ("blank", " "),
        ("SERVER_PORT", ""),
    ];
    for (text, expected) in [
        ("", ""),
        ("plain $ { } text", "plain $ { } text"),
        ("${a}", "1"),
        ("x${a}y${b}z", "x1y<1>z"),
        ("${none:d}", "d"),
        ("${none:}", ""),
        ("${none:http://h:1/}", "http://h:1/"),
        ("${none:${a}}", "1"),
        ("${none:${none:${b}}}", "<1>"),
        ("${${which}}", "1"),
        ("${a:${self}}", "1"),
        ("${none:{type}}", "{type}"),
        (r"\${a}${a}", "${a}1"),
        ("x${y", "x${y"),
        ("${a}${b ${a}", "1${b 1"),
        ("${", "${"),
        ("${blank:d}", "d"),
        ("x${blank}", "x"),
        ("${shop.machine-name}", "box"),
        ("${shop.machineName:d}", "box"),
        ("${server.port}", "8080"),
    ] {
        let case = names.iter().fold(Case::new(), |case, (name, value)| case.env(name, value));
        let labels = case.option("shop.labels.x", text).loaded().settings.labels;
        assert_eq!(labels["x"], expected, "{text}");
    }
}

#[test]
fn a_placeholder_that_cannot_be_replaced_is_a_problem() {
    let names = [
        ("x", "${y}"),
        ("y", "${z:${x}}"),
        ("self", "${self}"),
        ("chained", "pl4nted${pl4nted}"),
        ("plain", PLANTED),
        ("d1", "${d0}${d0}${d0}${d0}${d0}${d0}${d0}${d0}"),
        ("d2", "${d1}${d1}${d1}${d1}${d1}${d1}${d1}${d1}"),
        ("d3", "${d2}${d2}${d2}${d2}${d2}${d2}${d2}${d2}"),
    ];
    for (text, problem) in [
        ("${none}", "refers to ${none}, which is set nowhere and has no default"),
        ("${self}", "refers to itself: self -> self"),
        ("${x}", "refers to itself: x -> y -> x"),
        (
            "${chained}",
            "refers to ${chained}, which refers to a name that is set nowhere and has no default",
        ),
        ("${${plain}}", "refers to ${${plain}}, which is set nowhere and has no default"),
        (
            "${d3}${d3}",
            "is longer than 65536 bytes, or becomes so when its placeholders are replaced",
        ),
    ] {
        let case = names.iter().fold(Case::new(), |case, (name, value)| case.env(name, value));
        let case = case.env("d0", &"x".repeat(100));
        let said = case.option("shop.labels.x", text).wrong();
        let start = "the settings are wrong: shop.labels.x (command line): ";
        assert_eq!(said, format!("{start}{problem}"));
    }
}

#[test]
fn a_key_s_default_stands_behind_a_placeholder_s_own() {
    let case = |name: &str| Case::new().option("spring.application.name", name).loaded().settings;
    assert_eq!(case("x${server.port}").name, "x8080");
    assert_eq!(case("x${server.port:1}").name, "x1");
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let said = Case::new()
        .file(
            "application.yml",
            "server:\n  port: many\nshop:\n  currencies: [USD, XXX]\n  topik: x\n  \
             request-budget: ${nowhere}\n",
        )
        .env("SHOP_MAX_IN_FLIGHT", "-3")
        .wrong();
    for line in [
        "the settings are wrong in 5 places:\n",
        "\n  server.port = \"many\" (application.yml:2): must be a port from 0 to 65535",
        "\n  shop.currencies = \"USD,XXX\" (application.yml:4): XXX is no currency; must be curr",
        "\n  shop.topik (application.yml:5): there is no such setting; did you mean shop.topic?",
        "\n  shop.request-budget (application.yml:6): refers to ${nowhere}, which is set nowhere",
        "\n  shop.max-in-flight = \"-3\" (environment variable SHOP_MAX_IN_FLIGHT): must be a",
    ] {
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
}

#[test]
fn values_that_do_not_fit_each_other_are_refused() {
    let said = Case::new().env("SHOP_CURRENCIES", "EUR").wrong();
    let expected = "shop.default-currency = \"USD\" (default): is not taken; must be one of";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_variable_under_the_service_s_prefix_may_be_a_placeholder_s() {
    let case = Case::new()
        .file("application.properties", "spring.datasource.url=postgres://db/${SHOP_DB_NAME:o}\n")
        .option("spring.datasource.password", "${shop.db.password}")
        .env("SHOP_DB_NAME", "shop")
        .env("SHOP_DB_PASSWORD", PLANTED);
    assert_eq!(case.url(), "postgres://db/shop");
    assert_eq!(case.loaded().warnings, [""; 0]);
}

#[test]
fn a_variable_under_the_service_s_prefix_stops_the_start_only_when_it_resembles_a_key() {
    let case = Case::new()
        .env("SHOP_SERVICE_URL", PLANTED)
        .env("SHOP_DB_NAMES", PLANTED)
        .env("SHOP_TO", PLANTED)
        .env("SHOP_EMPTY", "");
    let loaded = case.loaded();
    assert_eq!(
        loaded.warnings,
        ["no settings, and ignored: environment variable SHOP_DB_NAMES, environment variable \
          SHOP_SERVICE_URL, environment variable SHOP_TO"]
    );
    let case = case.env("SHOP_TOPICS", "x").env("SHOP_MAX_INFLIHGT", "1").env("SHOP_LABEL_X", "y");
    let said = case.wrong();
    for name in ["SHOP_TOPICS", "SHOP_MAX_INFLIHGT"] {
        assert!(
            said.contains(&format!("(environment variable {name}): there is no such")),
            "{said}"
        );
    }
    assert!(!said.contains("SERVICE_URL") && !said.contains(PLANTED), "{said}");
    // Files and options are the service's own.
    assert!(Case::new().local("shop.service.url=x\n").wrong().contains("shop.service.url"));
    assert!(Case::new().option("shop.service.url", "x").wrong().contains("shop.service.url"));
}

#[test]
fn a_blank_variable_is_unset() {
    let case = Case::new()
        .local("server.port=81\nshop.labels.a=x\n")
        .env("SERVER_PORT", "")
        .env("SHOP_CURRENCIES_0", " ")
        .env("SHOP_LABELS_A", "")
        .env("DATABASE_URL", "")
        .env("SPRING_PROFILES_ACTIVE", "");
    let settings = case.loaded().settings;
    assert_eq!((settings.port, settings.labels["a"].as_str()), (81, "x"));
    assert_eq!(settings.currencies, ["USD"]);
    let case = Case::new().env("DATABASE_URL", "courtesy").env("SPRING_DATASOURCE_URL", " ");
    assert_eq!(case.url(), "courtesy");
}

#[test]
fn a_blank_value_that_cannot_be_one_leaves_the_default() {
    let case = Case::new()
        .file("application.yml", "server:\n  port:\nshop:\n  request-budget: ~\n  topic: ''\n")
        .option("shop.max-in-flight", "${nowhere:}");
    let loaded = case.loaded();
    let settings = &loaded.settings;
    assert_eq!((settings.port, settings.max_in_flight), (8080, 512));
    assert_eq!((settings.topic.as_str(), settings.budget.as_secs()), ("orders", 1));
    assert_eq!(effective(&loaded, "server.port").origin.to_string(), "default");
    // A higher source takes a value away, as in Spring.
    assert_eq!(case.file("application.toml", "[server]\nport = 81\n").port(), 8080);
}

#[test]
fn values_of_other_components_need_no_placeholders_that_can_be_replaced() {
    let case = Case::new().local("foo.a=${nowhere}\nfoo.b=${open\nfoo.c=${random.int(x)}\n");
    assert_eq!(case.loaded().warnings, [""; 0]);
}

#[test]
fn random_values_have_springs_forms() {
    for (form, expected) in [
        ("value", "00000000000000000000000000000007"),
        ("uuid", "00000000-0000-4000-8000-000000000007"),
        ("int", "0"),
        ("long", "0"),
        ("int(10)", "7"),
        ("int[5]", "2"),
        ("int(4,6)", "5"),
        ("int[1024,65536]", "1031"),
        ("long(10)", "7"),
        ("long[-3, 3]", "-2"),
        ("long[4294967296,4294967300]", "4294967299"),
    ] {
        let case = Case::new().option("shop.labels.x", &format!("<${{random.{form}}}>"));
        assert_eq!(case.loaded().settings.labels["x"], format!("<{expected}>"), "{form}");
    }
    let wrong = "int(0)|int(-1)|int[5,5]|int[6,5]|int(x)|int()|int(1|int(1,2,3)|int(2147483648)|\
                 long(9223372036854775808)|integer|Uuid4|";
    for form in wrong.split('|') {
        for default in ["", ":5"] {
            let text = format!("${{random.{form}{default}}}");
            let said = Case::new().option("shop.labels.x", &text).wrong();
            let expected = format!("refers to ${{random.{form}}}, which is no random value: there");
            assert!(said.contains(&expected), "{said}");
        }
    }
}

#[test]
fn json_in_one_text_stands_between_the_environment_and_the_command_line() {
    let json = r#"{"server": {"port": 3}, "shop.currencies": ["EUR", "JPY"], "foo": [{"a": null}],
                   "shop": {"default-currency": "EUR", "labels": {"x.y": true, "none": null}},
                   "spring.profiles.active": "prod"}"#;
    let case = Case::new()
        .local("shop.labels.none=local\n")
        .file("application-prod.yml", "shop.topic: of-prod\n")
        .env("SERVER_PORT", "2")
        .env("SPRING_APPLICATION_JSON", json);
    let loaded = case.loaded();
    let settings = &loaded.settings;
    assert_eq!((settings.port, settings.topic.as_str()), (3, "of-prod"));
    assert_eq!(settings.currencies, ["EUR", "JPY"]);
    assert_eq!(settings.labels["x.y"], "true");
    assert_eq!(settings.labels["none"], "local", "a null is no value");
    assert_eq!(effective(&loaded, "server.port").origin.to_string(), "spring.application.json");
    assert_eq!(case.option("server.port", "4").port(), 4);
    let case = Case::new().env("SPRING_APPLICATION_JSON", json);
    assert_eq!(case.option("spring.application.json", r#"{"server.port": 5}"#).port(), 5);

    for (wrong, at) in
        [("{\n \"pl4nted\": pl4nted}", "line 2, column 13"), ("[1]", "line 1, column")]
    {
        let said = Case::new().env("SPRING_APPLICATION_JSON", wrong).wrong();
        let expected = "spring.application.json (environment variable SPRING_APPLICATION_JSON): is \
                        not a JSON object: ";
        assert!(said.contains(expected) && said.contains(at), "{said}");
        assert!(!said.contains(PLANTED), "{said}");
    }
    let said = Case::new().option("spring.application.json", r#"{"shop.topik": 1}"#).wrong();
    assert!(said.contains("shop.topik (spring.application.json): there is no such"), "{said}");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let said = Case::new().file("config/application.yml", "a:\n  - b\n c: d\n").wrong();
    assert!(said.contains("wrong: config/application.yml: line 3: "), "{said}");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let case = Case::new()
        .file("application.properties", "spring.datasource.password=file:${DIR:secrets}/db\n")
        .file("secrets/db", "${not} a placeholder\r\n")
        .env("SPRING_DATASOURCE_URL", "file:secrets/url")
        .file("secrets/url", "mysql://ann@h/o\n");
    assert_eq!(case.url(), "mysql://ann@h/o");
    let password = case.loaded().settings.password.unwrap();
    assert_eq!(password.expose_secret(), "${not} a placeholder");
    let said = case.env("DIR", "elsewhere").wrong();
    assert!(
        said.contains("spring.datasource.password (application.properties:1): the file ${DIR:secrets}/db cannot be read"),
        "{said}"
    );
    let said = Case::new().option("spring.application.name", "file:x").loaded().settings.name;
    assert_eq!(said, "file:x", "only what may be secret is read from files");
}

#[test]
fn no_secret_is_ever_shown() {
    let loaded = Case::new()
        .file(
            "application.yml",
            &format!(
                "spring.datasource:\n  url: jdbc:mysql://u:{PLANTED}@h/o?user=a&x={PLANTED}\n  \
                 password: {PLANTED}\nshop.labels.secret-key: {PLANTED}\n\
                 spring.cloud.config:\n  enabled: false\n  password: {PLANTED}\n  \
                 token: {PLANTED}\n  headers.x-y: {PLANTED}\n  uri: http://u:{PLANTED}@c\n\
                 spring.config.import: optional:configserver:http://u:{PLANTED}@c\n\
                 shop.topic: x${{spring.datasource.password}}\n"
            ),
        )
        .loaded();
    let shown = format!("{:?} {:?}", loaded.effective, loaded.warnings);
    assert!(!shown.contains(PLANTED), "{shown}");
    assert_eq!(effective(&loaded, "shop.topic").value, "******");
    let url = &effective(&loaded, "spring.datasource.url").value;
    assert_eq!(url, "jdbc:mysql://******@h/o?user=a&x=******");

    for (name, value) in [
        ("spring.datasource.url", format!("mysql://u:{PLANTED}@a b/o")),
        ("spring.config.import", format!("configserver:u:{PLANTED}@h")),
        ("server.port", "${spring.datasource.password}".to_owned()),
        ("shop.currencies", "${DB_SECRET}".to_owned()),
        // Nothing about these names sounds secret.
        ("server.port", "${INNOCENT}".to_owned()),
        ("shop.currencies", "USD,${INNOCENT}".to_owned()),
        ("shop.default-currency", "${none:${INNOCENT}}".to_owned()),
        ("spring.datasource.url", "${INNOCENT} x".to_owned()),
        ("spring.datasource.url", "file:${INNOCENT}".to_owned()),
        ("spring.datasource.password", "file:/${INNOCENT}".to_owned()),
        ("spring.datasource.url", format!("mysql://${{INNOCENT}}:{PLANTED}@a b/o")),
        ("shop.request-budget", "${${INNOCENT}}".to_owned()),
        ("shop.request-budget", "${CHAINED}".to_owned()),
    ] {
        let said = Case::new()
            .env("SPRING_DATASOURCE_PASSWORD", PLANTED)
            .env("DB_SECRET", PLANTED)
            .env("INNOCENT", PLANTED)
            .env("CHAINED", &format!("a${{{PLANTED}}}"))
            .option(name, &value)
            .wrong();
        assert!(said.contains(name) && !said.contains(PLANTED), "{said}");
    }
}

#[test]
fn an_error_shows_a_placeholder_as_it_was_written() {
    let said = Case::new().env("DBPORT", PLANTED).option("server.port", "${DBPORT}").wrong();
    let expected = "server.port = \"${DBPORT}\" (command line): must be a port from 0 to 65535";
    assert!(said.contains(expected), "{said}");
    let said = Case::new().env("EUR", "EUR").option("shop.default-currency", "${EUR}").wrong();
    assert!(said.contains("shop.default-currency = \"${EUR}\" (command line): is not"), "{said}");
    let said = Case::new().option("spring.datasource.url", "mysql://${DB_HOST:h}/o x").wrong();
    assert!(said.contains("has a blank"), "{said}");
}

#[test]
fn a_bootstrap_file_is_refused_unless_one_file_alone_is_read() {
    for file in ["bootstrap.yml", "config/bootstrap.properties"] {
        let said = Case::new().file(file, "spring.cloud.config.uri=http://config:8888").wrong();
        assert!(said.contains(&format!("{file}: is not read")), "{said}");
        assert!(said.contains("spring.config.import=configserver:"), "{said}");
    }
    let mut case = Case::new().file("bootstrap.yml", "").file("mine.yml", "server.port: 2\n");
    case.inputs.config = Some("mine.yml".into());
    assert_eq!(case.port(), 2);
}
