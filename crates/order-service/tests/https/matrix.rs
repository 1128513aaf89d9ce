//! Which clients are let in, and how they are spoken with.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use order_testkit::SelfSigned;
use serde_json::Value;

use crate::support::{an_order, eventually};
use crate::{Secure, run, text};

/// What `openssl` says of a handshake.
fn shake(secure: &Secure, options: &[&str]) -> String {
    let (server, trusted) = (format!("localhost:{}", secure.port), secure.certificate());
    let mut all =
        vec!["s_client", "-connect", &server, "-CAfile", &trusted, "-verify_return_error"];
    all.extend_from_slice(options);
    text(&run("openssl", &all))
}

#[test]
fn openssl_and_curl_agree_on_version_name_and_protocol() {
    let secure = Secure::start(&[]);
    let right = "Verify return code: 0 (ok)";
    for (options, parts) in [
        (&["-tls1_2"][..], &["TLSv1.2", right][..]),
        (&["-tls1_3"], &["TLSv1.3", right]),
        (&["-noservername"], &["TLSv1.3", right]),
        (&["-servername", "elsewhere.example"], &["TLSv1.3", right]),
        (&["-alpn", "h2,http/1.1"], &["ALPN protocol: http/1.1", right]),
        (&["-alpn", "http/1.1"], &["ALPN protocol: http/1.1", right]),
        (&["-alpn", "h2"], &["no application protocol"]),
        (&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], &["alert handshake failure"]),
    ] {
        let said = shake(&secure, options);
        for part in parts {
            assert!(said.contains(part), "{options:?}: {part} is not in {said}");
        }
    }
    // A session may be gone on with.
    let again = shake(&secure, &["-tls1_2", "-reconnect"]);
    assert!(again.contains("Reused, TLSv1.2"), "{again}");
    let trusted = secure.certificate();
    let url = secure.url("/orders/9");
    for version in ["--http1.1", "--http2"] {
        let form = "%{http_version} %{response_code}";
        let asked = run(
            "curl",
            &["-s", "-o", "/dev/null", "-w", form, version, "--cacert", &trusted, &url],
        );
        assert_eq!(text(&asked), "1.1 404", "{version}");
    }
    let headers = run("curl", &["-s", "-i", "--cacert", &trusted, &url]);
    assert!(text(&headers).contains("strict-transport-security: max-age=31536000\r\n"));
    // Plain HTTP is told where it is.
    let plain = run("curl", &["-s", &secure.service.url("/orders/9")]);
    assert!(text(&plain).contains("This port is for HTTPS"), "{}", text(&plain));
    let log = secure.service.log();
    let line = log.lines().find(|line| line.contains("\"listening\"")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(line).unwrap()["scheme"], "https");
}

#[test]
fn one_version_alone_may_be_spoken() {
    let secure = Secure::start(&["--server.ssl.enabled-protocols=TLSv1.3"]);
    assert!(shake(&secure, &["-tls1_2"]).contains("alert protocol version"));
    assert!(shake(&secure, &["-tls1_3"]).contains("Verify return code: 0"));
}

#[test]
fn client_certificates_are_asked_for_as_set() {
    let (right, wrong) = (SelfSigned::valid_for(30, "client"), SelfSigned::valid_for(30, "other"));
    for (clients, [none, of_right, of_wrong]) in [
        ("none", [true, true, true]),
        ("want", [true, true, false]),
        ("need", [false, true, false]),
    ] {
        let trusted = format!("--server.ssl.trust-certificate={}", right.certificate);
        let secure = Secure::start(&[&trusted, &format!("--server.ssl.client-auth={clients}")]);
        let key = |name: &str, of: &SelfSigned| {
            let certificate = secure.file(&format!("{name}.crt"), &of.certificate);
            (certificate, secure.file(&format!("{name}.key"), &of.private_key))
        };
        let (of_right, of_wrong) =
            ((key("right", &right), of_right), (key("wrong", &wrong), of_wrong));
        let cases = [(None, none), (Some(of_right.0), of_right.1), (Some(of_wrong.0), of_wrong.1)];
        for (shown, is_let_in) in cases {
            let (trusted, url) = (secure.certificate(), secure.url("/orders/9"));
            let mut all =
                vec!["-s", "-w", "%{response_code}", "-o", "/dev/null", "--cacert", &trusted];
            if let Some((certificate, key)) = &shown {
                all.extend_from_slice(&["--cert", certificate, "--key", key]);
            }
            all.push(&url);
            let status = text(&run("curl", &all));
            assert_eq!(status == "404", is_let_in, "{clients} {shown:?} {status}");
        }
    }
}

#[test]
fn a_wrong_pair_stops_the_start_by_name() {
    let (own, other) = (SelfSigned::valid_for(30, "orders"), SelfSigned::valid_for(30, "other"));
    let mixed = SelfSigned { private_key: other.private_key, ..own };
    let folder = crate::fresh_folder();
    let service = crate::serve(&folder, &mixed, &[]);
    assert_eq!(service.wait().code(), Some(1));
    let log = service.log();
    for part in
        ["server.ssl.certificate", "the private key and the certificate: do not belong together"]
    {
        assert!(log.contains(part), "{log}");
    }
    assert!(!log.contains(mixed.private_key.lines().nth(1).unwrap()), "{log}");
}

#[test]
fn a_stop_lets_a_request_over_tls_finish() {
    let secure = Secure::start(&[]);
    let body = serde_json::to_vec(&an_order(42)).unwrap();
    // Behind openssl's end of the connection, which stays open until the service closes it.
    let mut shaken = std::process::Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &format!("localhost:{}", secure.port)])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut bytes = shaken.stdin.take().unwrap();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    bytes.write_all(head.as_bytes()).unwrap();
    bytes.flush().unwrap();
    let mut answers = shaken.stdout.take().unwrap();
    let mut go_on = [0; 25];
    answers.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    secure.service.signal("TERM");
    let is_stopping = || secure.service.log().contains("\"stopping\"");
    assert!(eventually(is_stopping), "{}", secure.service.log());
    bytes.write_all(&body).unwrap();
    bytes.flush().unwrap();
    let mut answer = String::new();
    answers.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    drop(bytes);
    shaken.wait().unwrap();
    assert_eq!(secure.service.wait().code(), Some(0), "{}", secure.service.log());
    assert!(TcpStream::connect(format!("127.0.0.1:{}", secure.port)).is_err());
}
