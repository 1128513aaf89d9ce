//! Which advice is given for which words of librdkafka.

use super::*;

#[test]
fn a_refusal_of_our_certificate_differs_from_our_refusal_of_the_brokers() {
    let alert = |what| format!("a:1: Receive failed: error:0A: SSL routines::{what}: SSL alert");
    for (what, is_ours) in [
        ("sslv3 alert bad certificate", true),
        ("sslv3 alert certificate unknown", true),
        ("tlsv1 alert unknown ca", true),
        ("tlsv13 alert certificate required", true),
        ("sslv3 alert unsupported certificate", true),
        ("tlsv1 alert protocol version", false),
    ] {
        assert_eq!(is_about_our_certificate(&format!("{} number 1", alert(what))), is_ours);
    }
    // Our refusal of the broker's.
    let verify = "a:1: SSL handshake failed: certificate verify failed, alert unknown ca";
    assert!(!is_about_our_certificate(verify));
}

#[test]
fn a_connection_that_lasted_had_the_right_protocol() {
    for reason in [
        "a:1: Disconnected: closed by peer (after 51234ms in state UP)",
        "a:1: Connect to 127.0.0.1:1 failed: Connection refused (after 1ms in state CONNECT)",
        "a:1: ApiVersionRequest failed: Timed out (after 5000ms in state APIVERSION_QUERY)",
        "1/1 brokers are down",
    ] {
        assert!(!hangs_up_at_once(reason), "{reason}");
    }
}

#[test]
fn advice_is_given_where_it_fits() {
    let hung_up = "a:1/bootstrap: Disconnected: closed by peer: requesting ApiVersion: might be \
        caused by incorrect security.protocol configuration (connecting to a SSL listener?) or \
        broker version is < 0.10 (see api.version.request) (after 2ms in state APIVERSION_QUERY)";
    let given = "far:9/1: Connect to ipv4#10.0.0.9:9 failed: Connection refused (after 1ms in state \
        CONNECT)";
    let known = |answered, delivered| Known { bootstrap: servers("a:1"), answered, delivered };
    let failure = |reason, known| Failure::of(Code::BrokerTransportFailure, reason, &known);
    let protocol = failure(hung_up, known(false, false));
    assert!(protocol.advice.unwrap().contains("security.protocol"), "{protocol}");
    // A broker that has answered, and hangs up, is stopping.
    let stopping = failure(hung_up, known(true, false));
    let plain = "a:1/bootstrap: Disconnected: closed by peer (after 2ms in state APIVERSION_QUERY)";
    assert_eq!((stopping.advice, stopping.to_string().as_str()), (None, plain));
    assert!(failure(given, known(true, false)).is_of_given_address());
    let unresolved = "far:9/1: Failed to resolve 'far:9': Name or service not known (after 3ms in \
        state CONNECT)";
    assert!(failure(unresolved, known(true, false)).is_of_given_address());
    let tls = format!("ssl://{given}");
    assert!(failure(&tls, known(true, false)).is_of_given_address());
    // The address was right when an event was confirmed.
    assert!(!failure(given, known(true, true)).is_of_given_address());
    for own in ["a:1/1: Connect to ipv4#1.1.1.1:1 failed", "b:1/bootstrap: Connect to x failed"] {
        assert_eq!(failure(own, known(true, false)).advice, None, "{own}");
    }
}

#[test]
fn servers_have_a_port_and_no_scheme() {
    assert_eq!(servers("PLAINTEXT://a:1, b,[::1]:3"), ["a:1", "b:9092", "[::1]:3"]);
}
