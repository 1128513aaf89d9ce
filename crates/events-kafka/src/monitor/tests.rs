//! What operators are told of brokers, one after the other.

use super::failure::CONNECTION;
use super::*;

#[test]
fn brokers_are_unreachable_from_the_loss_of_the_last_one_until_one_answers() {
    let monitor = Monitor::new("a:1,b:1", Traffic::Events);
    assert_eq!(monitor.health().broker, BrokerState::Unknown);
    monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
    assert_eq!(monitor.health().broker, BrokerState::Unknown);
    monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
    let refused = BrokerState::Unreachable("a:1: Connection refused".to_owned());
    assert_eq!(monitor.health().broker, refused);
    monitor.delivered();
    assert_eq!(monitor.health().broker, BrokerState::Reachable);
    monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
    monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
    assert_eq!(monitor.health().broker, refused);
}

#[test]
fn a_new_cause_is_logged_while_brokers_are_unreachable_and_names_the_settings() {
    let monitor = Monitor::new("a:1,b:1", Traffic::Events);
    let warned_of = || monitor.lock().warned_of;
    let why = || match monitor.health().broker {
        BrokerState::Unreachable(why) => why,
        state => panic!("{state:?}"),
    };
    monitor.failed(Code::BrokerTransportFailure, "a:1: Connection refused");
    monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
    assert_eq!((why().as_str(), warned_of()), ("a:1: Connection refused", CONNECTION));
    monitor.failed(Code::Authentication, "a:1: invalid credentials");
    assert!(why().contains("sasl.jaas.config") && why().ends_with("invalid credentials"));
    assert!(warned_of().contains("sasl.jaas.config"));
    // Not again each time that brokers report different causes in turn.
    monitor.failed(Code::BrokerTransportFailure, "b:1: Connection refused");
    monitor.failed(Code::SSL, "a:1: certificate verify failed");
    assert!(why().contains("ssl.truststore.location") && warned_of().contains("ssl.truststore"));
    monitor.failed(Code::Authentication, "a:1: invalid credentials");
    assert!(warned_of().contains("ssl.truststore"));
    let hung_up = "a:1: Disconnected: closed by peer (after 2ms in state APIVERSION_QUERY)";
    monitor.failed(Code::BrokerTransportFailure, hung_up);
    assert!(why().starts_with("look at security.protocol"), "{}", why());
    monitor.delivered();
    monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
    assert_eq!(why(), "1/1 brokers are down", "the earlier cause is forgotten");
}

#[test]
fn the_last_concrete_reason_stays_when_the_servers_of_the_settings_answer() {
    let monitor = Monitor::new("a:1", Traffic::Events);
    let why = || match monitor.health().broker {
        BrokerState::Unreachable(why) => why,
        state => panic!("{state:?}"),
    };
    monitor.answered();
    assert_eq!(monitor.health().broker, BrokerState::Reachable);
    monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
    assert_eq!(why(), "1/1 brokers are down");
    let refused = "far:9/1: Connect to ipv4#10.0.0.9:9 failed: Connection refused";
    for _ in 0..2 {
        monitor.failed(Code::BrokerTransportFailure, refused);
        monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
        monitor.answered();
        assert!(why().starts_with("look at advertised.listeners"), "{}", why());
        assert!(why().ends_with(refused), "{}", why());
    }
    assert!(monitor.lock().warned_of.contains("advertised.listeners"), "it is logged");
}

#[test]
fn a_broker_that_hangs_up_shows_in_the_log_of_librdkafka_alone() {
    let monitor = Monitor::new("a:1,b:1", Traffic::Events);
    let line = "[thrd:a:1/bootstrap]: a:1/bootstrap: Disconnected: by peer (after 3ms in state UP)";
    monitor.log(Level::Info, "FAIL", line);
    assert_eq!(monitor.health().broker, BrokerState::Unknown);
    monitor.failed(Code::AllBrokersDown, "1/1 brokers are down");
    let BrokerState::Unreachable(why) = monitor.health().broker else { panic!("unreachable") };
    assert!(why.starts_with("look at security.protocol"), "{why}");
    assert!(
        why.ends_with(": a:1/bootstrap: Disconnected: by peer (after 3ms in state UP)"),
        "{why}"
    );
}

#[test]
fn a_line_of_one_kind_is_logged_once_a_minute() {
    let monitor = Monitor::new("a:1,b:1", Traffic::Events);
    assert!(monitor.is_due("FATAL"));
    assert!(!monitor.is_due("FATAL"));
    assert!(monitor.is_due("CONFWARN"));
}

#[test]
fn an_outage_is_a_loss_of_all_brokers_or_of_a_message() {
    let monitor = Monitor::new("a:1,b:1", Traffic::Commands);
    monitor.failed(Code::BrokerTransportFailure, "a:1/bootstrap: refused");
    assert_eq!(monitor.outages(), 0);
    monitor.failed(Code::AllBrokersDown, "2/2 brokers are down");
    assert_eq!(monitor.outages(), 1);
    // One stays away while the other is back.
    monitor.answered();
    monitor.failed(Code::BrokerTransportFailure, "a:1/bootstrap: refused");
    monitor.unsent(1, "not there");
    assert_eq!(monitor.outages(), 1);
    let tried = Duration::from_secs(15);
    monitor.undelivered(1, tried, "timed out");
    assert_eq!(monitor.outages(), 2);
    // A partition is out, and others are not.
    monitor.delivered();
    monitor.undelivered(1, tried, "timed out");
    assert_eq!(monitor.outages(), 2);
}
