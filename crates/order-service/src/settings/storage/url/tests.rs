//! Tests of `url.rs`: the forms in use, and what is refused.

use secrecy::ExposeSecret as _;

use super::*;

fn url(text: &str) -> String {
    let location = parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    location.database.url().expose_secret().to_owned()
}

#[test]
fn every_form_of_url_is_understood() {
    for (text, expected) in [
        ("sqlite:orders.db", "sqlite:orders.db"),
        ("jdbc:sqlite:orders.db", "sqlite:orders.db"),
        ("sqlite://orders.db", "sqlite:orders.db"),
        ("sqlite:///var/lib/orders.db", "sqlite:/var/lib/orders.db"),
        ("jdbc:sqlite:/var/lib/orders.db?x=1", "sqlite:/var/lib/orders.db"),
        ("jdbc:mysql://localhost:3306/ordersdb", "mysql://localhost:3306/ordersdb"),
        ("JDBC:MySQL://localhost/ordersdb", "mysql://localhost:3306/ordersdb"),
        ("mariadb://db/o", "mysql://db:3306/o"),
        ("postgres://ann@db/o", "postgres://ann@db:5432/o"),
        ("postgresql://ann:p%40%2Fss@db:1/o", "postgres://ann:p%40%2Fss@db:1/o"),
        ("postgresql://a:b:c@db/o", "postgres://a:b%3Ac@db:5432/o"),
        ("jdbc:postgresql:o", "postgres://localhost:5432/o"),
        ("jdbc:postgresql:///o", "postgres://localhost:5432/o"),
        ("postgres://[::1]/o", "postgres://[::1]:5432/o"),
        ("mysql://a:b@[2001:db8::1]:3307/o", "mysql://a:b@[2001:db8::1]:3307/o"),
        (
            "jdbc:postgresql://db/o?user=ann&password=a%2Bb+c%26&sslmode=prefer",
            "postgres://ann:a%2Bb%20c%26@db:5432/o",
        ),
        ("mysql://db/my%20orders", "mysql://db:3306/my%20orders"),
        ("mysql://j%C3%BCrgen@db/o", "mysql://j%C3%BCrgen@db:3306/o"),
    ] {
        assert_eq!(url(text), expected, "{text}");
    }
}

#[test]
fn parameters_that_are_not_honoured_are_named() {
    let text = "jdbc:mysql://db/o?useSSL=false&serverTimezone=UTC&allowPublicKeyRetrieval=true\
                &characterEncoding=latin1&connectTimeout=1&useUnicode=true";
    assert_eq!(parse(text).unwrap().without_effect, ["characterEncoding", "connectTimeout"]);
}

#[test]
fn parameters_that_switch_tls_off_are_accepted() {
    for parameters in [
        "ssl-mode=DISABLED",
        "sslMode=preferred",
        "require_ssl=false",
        "tls=off",
        "channel_binding=prefer",
        "gssencmode=disable",
    ] {
        assert!(parse(&format!("mysql://db/o?{parameters}")).is_ok(), "{parameters}");
    }
}

#[test]
fn an_unreachable_database_is_refused_with_a_reason() {
    for (text, part) in [
        ("jdbc:h2:mem:test", "h2 is not a database we know"),
        ("jdbc:oracle:thin:scott/planted@db", "oracle is not a database we know"),
        ("sqlite::memory:", "name a file"),
        ("jdbc:sqlite:", "names no file"),
        ("mysql://db", "names no database"),
        ("mysql://db/", "names no database"),
        ("mysql://one,two/o", "one host"),
        ("mysql://db:0/o", "port"),
        ("mysql://db:planted/o", "port"),
        ("mysql://a b/o", "host"),
        ("mysql://ann:plan/ted@db/o", "%2F"),
        ("mysql://%ff@db/o", "UTF-8"),
        ("postgres://db/o?sslmode=require", "sslMode demands"),
        ("mysql://db/o?sslMode=VERIFY_CA", "sslMode demands"),
        ("mysql://db/o?ssl-mode=REQUIRED", "sslMode demands"),
        ("mysql://db/o?require_ssl=true", "requireSSL demands"),
        ("postgres://db/o?sslrootcert=/ca.pem", "about TLS demands"),
        ("mysql://db/o?enabledTLSProtocols=TLSv1.3", "about TLS demands"),
        ("postgres://db/o?channel_binding=require", "demands an encrypted"),
    ] {
        let Fault(reason) = parse(text).unwrap_err();
        let reason = reason.unwrap();
        assert!(reason.contains(part), "{text}: {reason}");
        assert!(!reason.contains("planted") && !reason.contains("ted@"), "{reason}");
    }
    for text in ["", "orders.db", "planted@x:y"] {
        assert_eq!(parse(text).unwrap_err(), Fault::SHAPE, "{text}");
    }
}

#[test]
fn the_log_and_debugging_show_no_credentials() {
    let database = parse("mysql://ann:planted@db/o?password=planted2").unwrap().database;
    assert_eq!(database.to_string(), "mysql://db:3306/o");
    assert!(!format!("{database:?}").contains("planted"));
}
