//! The registry shows the secure port, and the peers that speak HTTP are asked over TLS, with the authorities of the
//! machine (`SSL_CERT_FILE`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use order_app::ports::Entropy as _;
use order_testkit::{RandomEntropy, SelfSigned};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener as Listener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::collector::Collector;
use crate::support::{Service, eureka, eventually, fresh_folder, registered};
use crate::{Secure, hold, trusting};

/// A proxy that ends TLS; it lives as long as the runtime.
fn proxy(runtime: &Runtime, own: &SelfSigned, behind: &str) -> String {
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.private_key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), behind.to_owned());
    let listener = runtime.block_on(Listener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(behind).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    format!("https://localhost:{port}")
}

/// The host and port of a URL, and the path behind them.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").unwrap().1;
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// A config server that gives every application this name.
fn config_server(name: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let document = json!({
        "name": "order-service", "profiles": ["default"], "label": null, "version": null, "state": null,
        "propertySources": [{"name": "one", "source": {"eureka.instance.metadata-map.told": name}}],
    });
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut head = BufReader::new(client.try_clone().unwrap());
            while head.read_line(&mut line).is_ok_and(|read| read > 2) {}
            let body = document.to_string();
            let _ = write!(
                client,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn registry_config_server_and_collector_are_asked_over_https() {
    let runtime = Runtime::new().unwrap();
    let of_peers = SelfSigned::valid_for(30, "peers");
    let app = format!("orders-{:08x}", RandomEntropy.bits() >> 96);
    let collector = Collector::that_answers(Some(200));
    let (plain_eureka, endpoint) = (eureka(), collector.endpoint());
    let over_tls = |url: &str| {
        let (server, path) = parts(url);
        format!("{}{path}", proxy(&runtime, &of_peers, server))
    };
    let config = proxy(&runtime, &of_peers, &config_server("by the config server"));
    let options = [
        format!("--spring.application.name={app}"),
        format!("--eureka.client.service-url.defaultZone={}", over_tls(&plain_eureka)),
        format!("--management.otlp.tracing.endpoint={}", over_tls(&endpoint)),
        "--management.tracing.sampling.probability=1.0".to_owned(),
        "--eureka.instance.hostname=localhost".to_owned(),
        "--server.address=127.0.0.1".to_owned(),
    ];
    let import = format!("--spring.config.import=configserver:{config}");
    let own = SelfSigned::valid_for(30, "orders");
    let folder = fresh_folder();
    hold(&folder, &own);
    std::fs::write(folder.join("peers.pem"), &of_peers.certificate).unwrap();
    let authorities = folder.join("peers.pem").display().to_string();
    let mut all: Vec<_> = options.iter().map(String::as_str).collect();
    all.push(&import);
    all.extend([
        "--server.ssl.certificate=tls.crt",
        "--server.ssl.certificate-private-key=tls.key",
    ]);
    let service = Service::start_in(&folder, &all, &[("SSL_CERT_FILE", &authorities)]);
    assert!(eventually(|| !registered(&app).is_empty()), "{}", service.log());

    let instance = registered(&app).remove(0);
    let port: u16 = service.base.rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(instance["securePort"], json!({"$": port, "@enabled": "true"}));
    assert_eq!(instance["port"]["@enabled"], "false");
    assert_eq!(instance["metadata"]["told"], "by the config server");
    let client = trusting(&[&own]).build().unwrap();
    for page in ["homePageUrl", "statusPageUrl", "healthCheckUrl", "secureHealthCheckUrl"] {
        let url = instance[page].as_str().unwrap();
        assert!(url.starts_with(&format!("https://localhost:{port}/")), "{page} {url}");
        assert_eq!(client.get(url).send().unwrap().status(), 200, "{url}");
    }
    let traced = || collector.heard(|heard| !heard.spans.is_empty());
    assert!(eventually(traced), "{}", service.log());

    // A machine that knows no such authority asks none of them.
    let other = format!("{app}-b");
    let named = format!("--spring.application.name={other}");
    all[0] = &named;
    all.retain(|option| !option.starts_with("--spring.config.import"));
    let folder = fresh_folder();
    hold(&folder, &own);
    let strange = folder.join("tls.crt").display().to_string();
    let stranger = Service::start_in(&folder, &all, &[("SSL_CERT_FILE", &strange)]);
    let said =
        || stranger.log().contains("not registered") && stranger.log().contains("certificate");
    assert!(eventually(said), "{}", stranger.log());
    assert!(registered(&other).is_empty());
    let mut import_alone = all.clone();
    import_alone.push(&import);
    let folder = fresh_folder();
    hold(&folder, &own);
    let refused = Service::start_in(&folder, &import_alone, &[("SSL_CERT_FILE", &strange)]);
    assert_ne!(refused.wait().code(), Some(0));
    assert!(refused.log().contains("certificate"), "{}", refused.log());
}

#[test]
fn a_management_port_shows_its_own_scheme_in_the_registry() {
    let app = format!("orders-{:08x}", RandomEntropy.bits() >> 96);
    let secure = Secure::start(&[
        &format!("--spring.application.name={app}"),
        &format!("--eureka.client.service-url.defaultZone={}", eureka()),
        "--eureka.instance.hostname=localhost",
    ]);
    assert!(eventually(|| !registered(&app).is_empty()), "{}", secure.service.log());
    let instance = registered(&app).remove(0);
    let (health, home) = (&instance["healthCheckUrl"], &instance["homePageUrl"]);
    assert!(health.as_str().unwrap().starts_with("http://localhost:"), "{health}");
    assert!(home.as_str().unwrap().starts_with("https://localhost:"), "{home}");
}
