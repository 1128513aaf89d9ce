//! Which profiles are active, and what applies to them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken expectation ends a test")]

mod shop;

use crate::shop::{Case, effective};

fn topic(case: &Case) -> String {
    case.loaded().settings.topic
}

#[test]
fn a_document_applies_under_its_expression() {
    let case = |expression: &str| {
        Case::new().env("SPRING_PROFILES_ACTIVE", "prod,eu").file(
            "application.yml",
            &format!("shop.topic: all\n---\nspring.config.activate.on-profile: {expression}\nshop.topic: some\n"),
        )
    };
    for (expression, expected) in [
        ("prod & eu", "some"),
        ("prod & us", "all"),
        ("us | eu", "some"),
        ("'!us'", "some"),
        ("'!(prod & eu)'", "all"),
        ("prod & (us | eu)", "some"),
        ("us, prod", "some"),
        ("[us, eu]", "some"),
    ] {
        assert_eq!(topic(&case(expression)), expected, "{expression}");
    }
    for wrong in ["prod & eu | us", "prod eu", "'${STAGE}'", "(prod"] {
        let said = case(wrong).wrong();
        assert!(
            said.contains("application.yml: line 3: on-profile must be a profile, or an"),
            "{said}"
        );
    }
}

#[test]
fn a_document_applies_on_its_platform() {
    let case = Case::new().file(
        "application.yml",
        "spring.config.activate.on-cloud-platform: kubernetes\nshop.topic: kubernetes\n\
         spring.profiles.active: prod\n---\nspring.config.activate.on-cloud-platform: none\n\
         shop.topic: none\n---\nspring.config.activate:\n  on-cloud-platform: kubernetes\n  \
         on-profile: prod\nserver.port: 7\n",
    );
    assert_eq!(topic(&case), "orders");
    let case =
        case.env("KUBERNETES_SERVICE_HOST", "10.0.0.1").env("KUBERNETES_SERVICE_PORT", "443");
    assert_eq!((topic(&case).as_str(), case.port()), ("kubernetes", 7));
    // The platform that is named counts, also for the choice of profiles.
    let loaded = case.option("spring.main.cloud-platform", "none").loaded();
    assert_eq!((loaded.settings.topic.as_str(), loaded.settings.profiles.len()), ("none", 0));
}

#[test]
fn included_profiles_come_first_and_groups_follow_their_heads() {
    let case = Case::new()
        .file(
            "application.yml",
            "spring.profiles:\n  include: common\n  active: prod,eu\n  group:\n    prod: db, queue\n    \
             queue: [slow]\n",
        )
        .env("SPRING_PROFILES_INCLUDE", "base");
    let loaded = case.loaded();
    let expected = ["base", "common", "prod", "db", "queue", "slow", "eu"];
    assert_eq!(loaded.settings.profiles, expected);
    assert_eq!(effective(&loaded, "spring.profiles.include").value, "base,common");
    let mut case = case;
    for profile in expected {
        case =
            case.file(&format!("application-{profile}.yml"), &format!("shop.topic: {profile}\n"));
        assert_eq!(topic(&case), profile, "a later one wins");
    }
    let case = case.option("spring.profiles.active", "test");
    assert_eq!(case.loaded().settings.profiles, ["base", "common", "test"]);
}

#[test]
fn the_default_profile_counts_where_none_is_active() {
    let case = Case::new()
        .file("application.yml", "spring.profiles:\n  default: dev\n  group.dev: local\n")
        .file("application-default.yml", "shop.topic: default\n")
        .file("application-local.yml", "shop.topic: local\n")
        .file("application-prod.yml", "server.port: 7\n");
    let loaded = case.loaded();
    assert_eq!((loaded.settings.topic.as_str(), loaded.settings.profiles.len()), ("local", 0));
    let case = case.option("spring.profiles.active", "prod");
    assert_eq!((topic(&case).as_str(), case.port()), ("orders", 7));
}

#[test]
fn what_depends_on_profiles_selects_none() {
    for key in ["active", "include", "include[0]", "default", "group.a"] {
        let named = format!("spring.profiles.{key}");
        let of_profile = Case::new()
            .option("spring.profiles.active", "prod")
            .file("application-prod.properties", &format!("{named}=x\n"));
        let with_condition = Case::new()
            .local(&format!("#---\nspring.config.activate.on-profile=other\n{named}=x\n"));
        for case in [of_profile, with_condition] {
            let said = case.wrong();
            assert!(said.contains(&named) && said.contains("to some profiles alone"), "{said}");
        }
    }
    let said = Case::new().local("spring.profiles.include=../x\n").wrong();
    assert!(
        said.contains("spring.profiles.include = \"../x\" (application.properties:1)"),
        "{said}"
    );
}

#[test]
fn the_old_condition_is_refused_in_every_kind_of_file() {
    for (file, text) in [
        ("application.yml", "server.port: 1\n---\nspring:\n  profiles: prod\nserver.port: 2\n"),
        ("application.yaml", "spring.profiles: [prod, eu]\nserver.port: 2\n"),
        ("application.properties", "spring.profiles=prod\nserver.port=2\n"),
        ("application.toml", "spring.profiles = 'prod'\nserver.port = 2\n"),
    ] {
        let said = Case::new().file(file, text).wrong();
        assert!(said.contains(&format!("{file}: line ")), "{said}");
        assert!(said.contains("use spring.config.activate.on-profile"), "{said}");
    }
    let said = Case::new().env("SPRING_PROFILES", "prod").wrong();
    assert!(said.contains("SPRING_PROFILES): there is no such setting; did you mean"), "{said}");
}
