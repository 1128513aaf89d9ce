//! Tokens of a real Spring Authorization Server, and what becomes of them when it changes its keys.

use std::process::Command;

use reqwest::StatusCode;
use reqwest::blocking::Response;
use serde_json::Value;

use crate::support::{Service, an_order, client, eventually, free_port};
use crate::variable;

/// The authorization server of the stack.
struct Issuer {
    url: String,
    client: String,
}

impl Issuer {
    fn of_stack() -> Self {
        Self { url: variable("STACK_ISSUER_URL"), client: variable("STACK_ISSUER_CLIENT") }
    }

    /// A token with these scopes, for the credentials of a client.
    fn token(&self, scopes: &str) -> String {
        let (name, password) = self.client.split_once(':').unwrap();
        let form = format!("grant_type=client_credentials&scope={}", scopes.replace(' ', "+"));
        let answer = client()
            .post(format!("{}/oauth2/token", self.url))
            .basic_auth(name, Some(password))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{scopes}");
        answer.json::<Value>().unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    fn stop(&self) {
        self.stack("down");
    }

    /// It makes its keys when it starts.
    fn start_with_other_keys(&self) {
        self.stack("up");
    }

    fn stack(&self, verb: &str) {
        let port = self.url.rsplit(':').next().unwrap();
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/stack");
        let run = Command::new(program)
            .args([verb, "issuer"])
            .env("STACK_ISSUER_PORT", port)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}

/// A service that takes the tokens of an issuer.
struct Shop {
    service: Service,
    operators: String,
}

impl Shop {
    fn of(issuer: &Issuer) -> Self {
        let port = free_port();
        let audience = issuer.client.split(':').next().unwrap();
        let service = Service::start(&[
            &format!("--spring.security.oauth2.resourceserver.jwt.issuer-uri={}", issuer.url),
            &format!("--spring.security.oauth2.resourceserver.jwt.audiences={audience}"),
            &format!("--management.server.port={port}"),
        ]);
        service.wait_until_ready();
        Self { service, operators: format!("http://127.0.0.1:{port}") }
    }

    fn get(&self, path: &str, token: &str) -> Response {
        client().get(self.service.url(path)).bearer_auth(token).send().unwrap()
    }

    fn list(&self, token: &str) -> StatusCode {
        self.get("/orders/customer/42", token).status()
    }

    fn place(&self, token: &str) -> StatusCode {
        let url = self.service.url("/orders");
        client().post(url).bearer_auth(token).json(&an_order(42)).send().unwrap().status()
    }

    /// Asks the management port.
    fn operate(&self, path: &str, token: &str) -> StatusCode {
        let url = format!("{}/actuator/{path}", self.operators);
        client().get(url).bearer_auth(token).send().unwrap().status()
    }
}

#[test]
fn a_real_issuer_s_tokens_allow_what_their_scopes_say_and_its_change_of_keys_is_followed() {
    let issuer = Issuer::of_stack();
    let shop = Shop::of(&issuer);
    let reader = issuer.token("orders:read orders:any");
    // The keys are fetched beside the start.
    assert!(eventually(|| shop.list(&reader) != StatusCode::SERVICE_UNAVAILABLE));
    each_scope_allows_its_part(&issuer, &shop);

    issuer.stop();
    assert_eq!(shop.list(&reader), StatusCode::OK, "known keys outlive their issuer");
    issuer.start_with_other_keys();
    let newer = issuer.token("orders:read orders:any");
    assert_eq!(shop.list(&newer), StatusCode::OK, "the first token of a new key is taken");
    let old = shop.get("/orders/customer/42", &reader);
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED, "the key of the old one is gone");
    let challenge = old.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
    assert_eq!(shop.list(&newer), StatusCode::OK);
}

fn each_scope_allows_its_part(issuer: &Issuer, shop: &Shop) {
    const OK: StatusCode = StatusCode::OK;
    const NO: StatusCode = StatusCode::FORBIDDEN;
    for (scopes, list, place, loggers, prometheus) in [
        ("orders:read orders:any", OK, NO, NO, NO),
        ("orders:write orders:any", NO, StatusCode::CREATED, NO, NO),
        ("orders:read orders:write orders:any", OK, StatusCode::CREATED, NO, NO),
        // It does not say whose orders.
        ("orders:read orders:write", NO, NO, NO, NO),
        ("orders:admin", NO, NO, OK, NO),
        ("orders:metrics", NO, NO, NO, OK),
    ] {
        let token = issuer.token(scopes);
        let answers = (
            shop.list(&token),
            shop.place(&token),
            shop.operate("loggers", &token),
            shop.operate("prometheus", &token),
        );
        assert_eq!(answers, (list, place, loggers, prometheus), "{scopes}");
    }
}
