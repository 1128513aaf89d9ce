//! A page of another site in an operator's browser: it cannot have the management port do or tell anything, not even when
//! its own name is made to lead to that port.

use libtest_mimic::Trial;

use crate::raw::send;
use crate::support::{Service, eventually, fresh_folder};
use crate::trial;

/// What changes something there, with the status for the operator: of a parked order that there is not, of a replay that
/// cannot start without brokers, of a saga without its revision, of a level.
const WRITES: [(&str, &str, &str, u16); 9] = [
    ("POST", "/actuator/refresh", "", 200),
    ("POST", "/actuator/events/parked/redrive", "", 202),
    ("POST", "/actuator/events/parked/7/redrive", "", 404),
    ("POST", "/actuator/events/parked/7/skip", r#"{"reason": "x"}"#, 404),
    ("POST", "/actuator/events/replays", "{}", 409),
    ("DELETE", "/actuator/events/replays/7", "", 404),
    ("POST", "/actuator/sagas/7/confirm", r#"{"reason": "x", "actor": "a"}"#, 400),
    ("POST", "/actuator/loggers/ROOT", r#"{"configuredLevel": "INFO"}"#, 204),
    ("POST", "/actuator/loggers/a", r#"{"configuredLevel": null}"#, 204),
];
const READS: [&str; 7] = [
    "/actuator/loggers",
    "/actuator/events",
    "/actuator/events/parked",
    "/actuator/sagas",
    "/actuator/prometheus",
    "/actuator/health",
    "/openapi.json",
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sqlite::a_page_of_another_site_has_the_operators_port_do_nothing", || {
            let (service, port) = service(&[]);
            let mut refused = 0;
            for (method, path, body, expected) in WRITES {
                for headers in [
                    "Content-Type: application/x-www-form-urlencoded",
                    "Content-Type: multipart/form-data; boundary=x",
                    "Content-Type: TEXT/plain;charset=utf-8",
                    "Origin: http://evil.example",
                    "Origin: null",
                    "Origin: http://localhost:1",
                    "Sec-Fetch-Site: cross-site",
                    "Sec-Fetch-Site: same-site",
                ] {
                    let (status, code) = ask(&port, method, path, "localhost", headers, body);
                    assert_eq!(
                        (status, &*code),
                        (403, "cross_site_request"),
                        "{method} {path} {headers}"
                    );
                    refused += 1;
                }
                // Without them it works, as `curl -X POST` sends it.
                let kind =
                    if body.is_empty() { "Accept: */*" } else { "Content-Type: application/json" };
                let (status, _) = ask(&port, method, path, "localhost", kind, body);
                assert_eq!(status, expected, "{method} {path}");
            }
            println!("{refused} requests of pages refused, {} of operators done", WRITES.len());
            drop(service);
        }),
        trial("sqlite::a_rebound_name_reaches_nothing_on_a_loopback_port", || {
            let (_service, port) = service(&[]);
            let authority = port.trim_start_matches("http://").to_owned();
            for host in ["evil.example", "evil.example:80", "localhost.evil.example", "10.0.0.1"] {
                for (method, path, body, _) in WRITES {
                    let own = format!("Origin: http://{host}\r\nSec-Fetch-Site: same-origin");
                    let json = format!("{own}\r\nContent-Type: application/json");
                    let (status, code) = ask(&port, method, path, host, &json, body);
                    assert_eq!(
                        (status, &*code),
                        (403, "cross_site_request"),
                        "{method} {path} {host}"
                    );
                }
                for (method, path) in READS.iter().flat_map(|path| [("GET", path), ("HEAD", path)])
                {
                    let (status, _) = ask(&port, method, path, host, "Accept: */*", "");
                    assert_eq!(status, 403, "{method} {path} {host}");
                }
            }
            for host in [&*authority, "localhost:1", "LOCALHOST", "127.0.0.9", "[::1]:8080"] {
                for path in READS {
                    assert_eq!(
                        ask(&port, "GET", path, host, "Accept: */*", "").0,
                        200,
                        "{path} {host}"
                    );
                }
            }
            println!("a foreign host got nothing of {} paths", WRITES.len() + READS.len());
        }),
        trial("sqlite::more_hosts_are_let_in_by_a_setting", || {
            let (_service, port) =
                service(&["--order.management.allowed-hosts=ops.example, [::2]"]);
            for (host, expected) in [
                ("ops.example:8443", 200),
                ("OPS.example", 200),
                ("[::2]", 200),
                ("localhost", 200),
                ("evil.example", 403),
            ] {
                assert_eq!(
                    ask(&port, "GET", "/actuator/loggers", host, "Accept: */*", "").0,
                    expected,
                    "{host}"
                );
            }
            let own = "Origin: https://ops.example";
            assert_eq!(ask(&port, "POST", "/actuator/refresh", "ops.example", own, "").0, 200);
        }),
        trial("sqlite::without_a_port_of_their_own_operators_change_nothing", || {
            let service =
                Service::on(&format!("sqlite:{}", fresh_folder().join("orders.db").display()));
            for (method, path, body, _) in WRITES {
                let (status, _) = ask(
                    &service.base,
                    method,
                    path,
                    "localhost",
                    "Content-Type: application/json",
                    body,
                );
                assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
            }
        }),
    ]
}

fn service(options: &[&str]) -> (Service, String) {
    let url =
        format!("--spring.datasource.url=sqlite:{}", fresh_folder().join("orders.db").display());
    let service = Service::start(&[&[&*url, "--management.server.port=0"], options].concat());
    assert!(eventually(|| service.operators().is_some()), "{}", service.log());
    service.wait_until_ready();
    let port = service.operators().expect("a port");
    (service, port)
}

/// The status and the code of the answer to a request with these header lines.
fn ask(
    port: &str,
    method: &str,
    path: &str,
    host: &str,
    headers: &str,
    body: &str,
) -> (u16, String) {
    let length = body.len();
    let reply = send(
        port,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\nContent-Length: \
             {length}\r\n\r\n{body}"
        ),
    );
    let problem: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
    (reply.status, problem["code"].as_str().unwrap_or_default().to_owned())
}
