//! Which settings of tokens are read, and which stop the start.

use super::*;
use crate::settings::tests::Case;

const JWT: &str = "spring.security.oauth2.resourceserver.jwt";

/// Settings that are right, beside these.
fn with(more: &[(&str, &str)]) -> Case {
    let right = [("jwk-set-uri", "https://idp.example/keys"), ("audiences", "shop")];
    let case = Case::new();
    let case =
        right.iter().fold(case, |case, (name, value)| case.option(&format!("{JWT}.{name}"), value));
    more.iter().fold(case, |case, (name, value)| match name.strip_prefix("jwt.") {
        Some(name) => case.option(&format!("{JWT}.{name}"), value),
        None => case.option(&format!("order.security.{name}"), value),
    })
}

fn tokens(more: &[(&str, &str)]) -> JwtSettings {
    with(more).loaded().settings.security.tokens.unwrap().jwt
}

#[test]
fn requests_need_no_token_unless_settings_say_whose() {
    let security = Case::new().loaded().settings.security;
    assert!(security.tokens.is_none() && security.open_documents && !security.open_metrics);
}

#[test]
fn two_settings_switch_it_on_with_the_defaults_of_spring() {
    let case = Case::new()
        .option(&format!("{JWT}.issuer-uri"), "https://idp.example/realms/shop")
        .option(&format!("{JWT}.audiences"), "shop, orders");
    let jwt = case.loaded().settings.security.tokens.unwrap().jwt;
    assert!(
        matches!(&jwt.keys, KeySource::Issuer(at) if at.as_str() == "https://idp.example/realms/shop")
    );
    assert_eq!(jwt.issuer.as_deref(), Some("https://idp.example/realms/shop"));
    assert_eq!(jwt.audiences, Some(vec!["shop".to_owned(), "orders".to_owned()]));
    assert_eq!(jwt.algorithms, [Algorithm::RS256]);
    assert_eq!((jwt.claims.authorities, jwt.delimiter), (None, Delimiter::Text(" ".to_owned())));
    assert_eq!((&*jwt.claims.principal, &*jwt.claims.customer), ("sub", "customer_id"));
    assert_eq!((&*jwt.prefix, &*jwt.authorities.read), ("SCOPE_", "SCOPE_orders:read"));
    assert!(!jwt.plain_http);
}

#[test]
fn where_keys_are_fetched_and_who_issues_are_two_things() {
    let jwt = tokens(&[("jwt.issuer-uri", "https://idp.example/")]);
    assert!(matches!(&jwt.keys, KeySource::Set(at) if at.path() == "/keys"));
    assert_eq!(jwt.issuer.as_deref(), Some("https://idp.example/"), "as it was written");
    assert_eq!(tokens(&[]).issuer, None);
    assert_eq!(tokens(&[("jwt.issuer-uri", "shop")]).issuer.as_deref(), Some("shop"));
}

#[test]
fn authorities_have_the_names_that_spring_gives_them() {
    let jwt = tokens(&[("jwt.authority-prefix", "ROLE_"), ("authority.read", "ROLE_CLERK")]);
    assert_eq!(
        (&*jwt.authorities.read, &*jwt.authorities.write),
        ("ROLE_CLERK", "ROLE_orders:write")
    );
    let jwt = tokens(&[("jwt.authority-prefix", ""), ("authority.any", "shop.all")]);
    assert_eq!((&*jwt.prefix, &*jwt.authorities.any), ("", "shop.all"));
    assert_eq!(jwt.authorities.metrics, "orders:metrics");
}

#[test]
fn a_delimiter_is_a_text_or_white_space() {
    let text = |text: &str| Ok(Delimiter::Text(text.to_owned()));
    assert_eq!(
        (delimiter(","), delimiter(r"\|"), delimiter(";")),
        (text(","), text("|"), text(";"))
    );
    assert_eq!((delimiter(r"\s"), delimiter(r"\s+")), (Ok(Delimiter::Blank), Ok(Delimiter::Blank)));
    for wrong in ["|", r"[ ,]", ".", r"\d", r",*", r"\"] {
        assert!(delimiter(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_would_have_no_effect_or_two_meanings_stops_the_start_by_name() {
    for (more, expected) in [
        (&[("jwt.public-key-location", "key.pem")][..], "public-key-location"),
        (&[("jwt.jws-algorithms", "HS256")], "jws-algorithms"),
        (&[("jwt.jws-algorithms", "none")], "jws-algorithms"),
        (&[("jwt.jws-algorithms", "RS256,ES512")], "jws-algorithms"),
        (&[("jwt.jws-algorithm", "RS256")], "jws-algorithms"),
        (&[("any-audience", "true")], "order.security.any-audience"),
        (&[("jwt.audiences", "")], "order.security.any-audience=true"),
        (&[("authority.read", "orders:read")], "order.security.authority.read"),
        (&[("authority.read", "SCOPE_")], "order.security.authority.read"),
        (&[("jwt.authorities-claim-delimiter", "[ ,]")], "authorities-claim-delimiter"),
        (&[("jwt.jwk-set-uri", "http://idp.example/keys")], "issuer-over-http"),
        (&[("jwt.jwk-set-uri", "idp.example/keys")], "jwk-set-uri"),
        (&[("authority.wrong", "x")], "order.security.authority.wrong"),
    ] {
        let said = with(more).refused();
        assert!(said.contains(expected), "{expected}: {said}");
    }
    for (name, value) in [
        ("issuer-uri", "https://user:pl4nted@idp.example"),
        ("issuer-uri", "https://idp.example?x=1"),
        ("issuer-uri", "http://idp.example"),
        ("issuer-uri", "idp"),
        ("public-key-location", "classpath:key.pem"),
        ("audiences", "shop"),
        ("authority-prefix", "ROLE_"),
        ("principal-claim-name", "upn"),
        ("authorities-claim-name", "roles"),
    ] {
        let case = Case::new().option(&format!("{JWT}.{name}"), value);
        let case = if name == "audiences" {
            case
        } else {
            case.option("order.security.any-audience", "true")
        };
        let said = case.refused();
        assert!(said.contains(name) && !said.contains("pl4nted"), "{name}: {said}");
    }
    let opaque = "spring.security.oauth2.resourceserver.opaquetoken.introspection-uri";
    assert!(Case::new().option(opaque, "https://idp.example/x").refused().contains("opaquetoken"));
}

#[test]
fn keys_over_plain_http_come_from_this_machine_or_are_asked_for() {
    let key = "jwt.jwk-set-uri";
    assert!(!tokens(&[(key, "http://127.0.0.1:9/keys")]).plain_http);
    assert!(tokens(&[(key, "http://idp.example/keys"), ("issuer-over-http", "true")]).plain_http);
}

#[test]
fn a_key_in_a_file_is_enough() {
    let case = Case::new()
        .option(&format!("{JWT}.public-key-location"), "file:/etc/shop/key.pem")
        .option("order.security.any-audience", "true");
    let tokens = case.loaded().settings.security.tokens.unwrap();
    assert_eq!(tokens.file, Some(PathBuf::from("/etc/shop/key.pem")));
    assert_eq!(tokens.jwt.audiences, None);
}
