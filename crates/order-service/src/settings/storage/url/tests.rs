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
        ("jdbc:p6spy:mysql://db/o", "mysql://db:3306/o"),
        ("jdbc:otel:postgresql://db/o", "postgres://db:5432/o"),
        (
            "postgresql://u:p@a,b:1,[::1]:2/o",
            "postgres://u:p@a:5432,b:1,[::1]:2/o?connect_timeout=2",
        ),
        (
            "jdbc:postgresql://a,b/o?targetServerType=primary",
            "postgres://a:5432,b:5432/o?connect_timeout=2&target_session_attrs=read-write",
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
    assert_eq!(parse(text).unwrap().asked.without_effect, ["characterEncoding", "connectTimeout"]);
}

#[test]
fn the_schema_and_the_time_zone_are_read_from_the_parameters() {
    let asked = |text: &str| parse(text).unwrap().asked;
    let postgres = "jdbc:postgresql://h/o?currentSchema=shop&options=-c%20search_path%3Dshop";
    assert_eq!(asked(postgres).schema.as_deref(), Some("shop"));
    assert_eq!(asked("postgresql://h/o?options=-csearch_path%3Dx").schema.as_deref(), Some("x"));
    let mysql = asked("jdbc:mysql://h/o?connectionTimeZone=Asia%2FTokyo&serverTimezone=Asia/Tokyo");
    assert_eq!(mysql.time_zone.as_deref(), Some("Asia/Tokyo"));
    assert_eq!(asked("mysql://h/o?serverTimezone=%2B05:30").time_zone.as_deref(), Some("+05:30"));
    assert_eq!(asked("mysql://h/o?serverTimezone=UTC").time_zone, None);
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
        ("mysql://address=(host=a)(port=1)/o", "HOST:PORT"),
        ("jdbc:mysql:loadbalance://a,b/o", "loadbalance"),
        ("jdbc:mysql:Replication://a,b/o", "replication"),
        ("jdbc:mariadb:sequential://a,b/o", "sequential"),
        ("jdbc:mariadb:failover://a,b/o", "failover"),
        ("jdbc:mysql:ann:planted@db/o", "// before the host"),
        ("jdbc:mysql:o", "// before the host"),
        ("jdbc:postgresql:planted:5432/o", "// before the host"),
        ("jdbc:mysql+srv://a/o", "mysql+srv is not"),
        ("jdbc:mysql+srv:loadbalance://a/o", "mysql+srv is not"),
        ("jdbc:tc:mysql:8.0:///o", "tc is not"),
        ("jdbc:aws-wrapper:mysql://a/o", "aws-wrapper is not"),
        ("jdbc-secretsmanager:mysql://a/o", "jdbc-secretsmanager is not"),
        ("postgresql://a,,b/o", "empty host"),
        ("postgresql://a,:5433/o", "empty host"),
        ("postgresql://a,b/o?targetServerType=secondary", "takes no writes"),
        ("jdbc:postgresql:///o?socketFactory=x&cloudSqlInstance=y", "names the server"),
        ("jdbc:postgresql://h/o?currentSchema=a&options=-csearch_path%3Db", "different schemas"),
        ("jdbc:postgresql://h/o?currentSchema=a,b", "one schema"),
        ("jdbc:mysql://h/o?serverTimezone=Asia/Tokyo&connectionTimeZone=Asia/Seoul", "time zones"),
        ("jdbc:sqlite::resource:o.db", "name a file"),
        ("mysql://db:0/o", "port"),
        ("mysql://db:planted/o", "port"),
        ("mysql://a b/o", "host"),
        ("mysql://ann:plan/ted@db/o", "%2F"),
        ("mysql://%ff@db/o", "UTF-8"),
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
