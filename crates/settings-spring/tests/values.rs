//! Reading values, and splitting settings off a command line.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

use std::net::Ipv4Addr;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use settings_spring::values::{
    Fault, address, duration, flag, header, host_and_port, http_url, list, number, one_of,
    optional, port, text,
};
use settings_spring::{Setting, split};

#[test]
fn every_form_of_springs_durations_is_read() {
    for (text, millis) in [
        ("0", 0),
        ("1500", 1_500),
        ("500ms", 500),
        (" 10s ", 10_000),
        ("10S", 10_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
        ("5000us", 5),
        ("PT10S", 10_000),
        ("pt0.5s", 500),
        ("PT1M30S", 90_000),
        ("P1DT1H", 90_000_000),
        ("P1D", 86_400_000),
    ] {
        let read = duration(text, Duration::ZERO..=Duration::MAX);
        assert_eq!(read, Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn any_other_text_is_not_a_duration() {
    let wrong = "|s|-1s|1.5s|1 s|10x|P|PT|PT5|P5|PT1S1M|P1H|PT1.5M|PT.S|99999999999999999999|\
                 999999999999999999d|P1DT";
    for text in wrong.split('|') {
        assert!(duration(text, Duration::ZERO..=Duration::MAX).is_err(), "{text}");
    }
    assert!(duration("2s", Duration::ZERO..=Duration::from_secs(1)).is_err());
}

#[test]
fn hosts_and_ports_are_checked() {
    for right in ["localhost:9092", "b-1.kafka_x:1", "10.0.0.1:9092", "[::1]:9092"] {
        assert!(host_and_port(right).is_ok(), "{right}");
    }
    for wrong in "|localhost|:9092|a b:1|a:0|a:65536|a:b|a: 1|[::x]:1|http://a:1".split('|') {
        assert_eq!(host_and_port(wrong), Err(Fault::SHAPE), "{wrong}");
    }
}

#[test]
fn http_urls_are_checked_and_kept_whole() {
    let right =
        "http://localhost:8761/eureka https://a:p@h/eureka/?x=1 http://[::1]:8761/ http://[::1]";
    for right in right.split(' ') {
        assert_eq!(http_url(right).unwrap().expose_secret(), right);
    }
    for wrong in "|localhost:8761|ftp://h|http://|http://h:x/|http://h:0|http://a b".split('|') {
        assert!(http_url(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn small_values_are_read_as_people_write_them() {
    assert_eq!(flag(" On "), Ok(true));
    assert_eq!(flag("maybe"), Err(Fault::SHAPE));
    assert_eq!(list(" a, ,b ", text), Ok(vec!["a".into(), "b".into()]));
    assert_eq!(optional("  ", port), Ok(None));
    assert_eq!(optional("80", port), Ok(Some(80)));
    assert_eq!(address("localhost"), Ok(Ipv4Addr::LOCALHOST.into()));
    assert!(address("[::]").unwrap().is_ipv6());
    assert_eq!(one_of("Sasl-SSL", &[("sasl_ssl", 1)]), Ok(1));
}

#[test]
fn numbers_and_headers_are_checked() {
    assert_eq!(number("11", 1..=10), Err(Fault::SHAPE));
    assert!(number("1.1", 1.0..=10.0).is_ok());
    for wrong in ["", "x", "0.9", "NaN", "inf", "11"] {
        assert!(number(wrong, 1.0..=10.0).is_err(), "{wrong}");
    }
    assert!(header("Bearer x").is_ok());
    assert!(header("a\r\nb: c").is_err());
}

fn parts(line: &str) -> (Vec<Setting>, Vec<String>) {
    split(line.split(' ').map(str::to_owned)).unwrap()
}

#[test]
fn an_option_with_a_dot_is_a_setting() {
    let (settings, others) =
        parts("x --server.port=1 config --shop.topic a=b --config ./a.yml --json");
    let expected = [("server.port", "1"), ("shop.topic", "a=b")];
    assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(others, ["x", "config", "--config", "./a.yml", "--json"]);
}

#[test]
fn a_file_name_with_a_dot_is_not_a_setting() {
    let (settings, others) = parts("x --config=./a.b/c.yml -- --server.port=1");
    assert!(settings.is_empty());
    assert_eq!(others, ["x", "--config=./a.b/c.yml", "--", "--server.port=1"]);
}

#[test]
fn an_empty_value_is_a_value_and_a_missing_one_is_not() {
    assert_eq!(parts("--a.b=").0, [("a.b".into(), String::new())]);
    for wrong in ["--a.b", "--a.b --json"] {
        let error = split(wrong.split(' ').map(str::to_owned)).unwrap_err();
        assert_eq!(error.to_string(), "--a.b needs a value: --a.b=VALUE");
    }
}
