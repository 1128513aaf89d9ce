//! The keys of an issuer: how they come, change and stay, whatever the issuer does. The clock stands still unless a test
//! moves it.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

mod support;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity_jwt::{KeySource, Report};
use order_app::ports::NotAuthenticated;
use order_testkit::tokens::{Answer, Issuer, Signer};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::advance;

use support::{Desk, settings};

/// While it is there, time passes only when a test moves it, also while everything waits.
struct Still(#[expect(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

impl Still {
    fn new() -> Self {
        let (keep, wait) = mpsc::channel();
        tokio::task::spawn_blocking(move || wait.recv().is_ok());
        Self(keep)
    }
}

/// Checks tokens by the keys of an issuer.
struct Bench {
    desk: Desk,
    issuer: Issuer,
    fetching: JoinHandle<()>,
    _still: Still,
}

impl Bench {
    async fn start(answer: Answer) -> Self {
        let issuer = Issuer::start(answer);
        let mut settings = settings(KeySource::Set(issuer.keys().parse().unwrap()));
        settings.algorithms =
            ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(|name| name.parse().unwrap()).into();
        let desk = Desk::new(settings);
        let fetching = fetching(&desk);
        let bench = Self { desk, issuer, fetching, _still: Still::new() };
        bench.until(|report| ended(report) > 0).await;
        bench
    }

    async fn until(&self, holds: impl Fn(&Report) -> bool) -> Report {
        let start = Instant::now();
        loop {
            let report = self.desk.jwt.report();
            if holds(&report) {
                return report;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{report:?}");
            yield_now().await;
        }
    }

    /// Lets the next fetch begin, and waits for its end.
    async fn next_fetch(&self) -> Report {
        let (before, asked) = (ended(&self.desk.jwt.report()), self.issuer.asked());
        let has_ended = |report: &Report| ended(report) > before;
        advance(Duration::from_mins(5)).await;
        let start = Instant::now();
        while self.issuer.asked() == asked && !has_ended(&self.desk.jwt.report()) {
            assert!(start.elapsed() < Duration::from_secs(20), "no fetch begins");
            yield_now().await;
        }
        self.until(has_ended).await
    }

    /// What became of a token of this signer.
    async fn refusal(&self, signer: &Signer) -> String {
        self.desk.refusal(&signer.token(&self.desk.claims())).await
    }
}

fn fetching(desk: &Desk) -> JoinHandle<()> {
    let jwt = std::sync::Arc::clone(&desk.jwt);
    tokio::spawn(async move { jwt.run().await })
}

/// How many fetches have ended.
fn ended(report: &Report) -> u64 {
    report.fetched.saturating_add(report.failed)
}

fn set(keys: &[Value]) -> Answer {
    Answer::Full(200, json!({ "keys": keys }).to_string().into_bytes())
}

/// A token that names this key, and was signed by none.
fn naming(id: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"RS256","kid":"{id}"}}"#));
    format!("{header}.e30.AAAA")
}

#[tokio::test(start_paused = true)]
async fn every_allowed_algorithm_is_checked_by_a_key_that_fits() {
    let rsa = Signer::rsa("rsa");
    let others = [Signer::p256("p256"), Signer::p384("p384"), Signer::ed25519("ed")];
    let all: Vec<&Signer> = std::iter::once(&rsa).chain(&others).collect();
    let bench = Bench::start(Answer::keys(&all)).await;
    for signer in &all {
        assert_eq!(bench.refusal(signer).await, "");
    }
    let claims = bench.desk.claims().to_string();
    let signed =
        |signer: &Signer, by: &str, header: Value| signer.signed(by, &header.to_string(), &claims);
    let good = signed(&rsa, "PS256", json!({"alg": "PS256", "kid": "rsa"}));
    assert_eq!(bench.desk.refusal(&good).await, "");
    // Without an id, each key that fits is tried.
    let nameless = signed(&rsa, "RS256", json!({"alg": "RS256"}));
    assert_eq!(bench.desk.refusal(&nameless).await, "");
    for (header, expected) in [
        (json!({"alg": "ES256", "kid": "rsa"}), "no known key"),
        (json!({"alg": "ES256", "kid": "p384"}), "no known key"),
        (json!({"alg": "RS256", "kid": "p256"}), "no known key"),
        (json!({"alg": "EdDSA", "kid": "p256"}), "no known key"),
        (json!({"alg": "PS256", "kid": "rsa"}), "signature is wrong"),
        (json!({"alg": "ES256"}), "signature is wrong"),
        (json!({"alg": "HS256", "kid": "rsa"}), "not allowed"),
    ] {
        let said = bench.desk.refusal(&signed(&rsa, "RS256", header.clone())).await;
        assert!(said.contains(expected), "{header}: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_used_for_what_its_owner_says_and_for_nothing_else() {
    let signer = Signer::rsa("one");
    let key = |more: Value| {
        let mut key = signer.jwk();
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    };
    let bench = Bench::start(set(&[key(json!({}))])).await;
    for (more, is_good) in [
        (json!({"alg": "RS256"}), true),
        (json!({"alg": null, "use": null, "key_ops": null}), true),
        (json!({"key_ops": ["sign", "verify"]}), true),
        (json!({"alg": "PS256"}), false),
        (json!({"alg": "RSA-OAEP"}), false),
        (json!({"alg": 7}), false),
        (json!({"use": "enc"}), false),
        (json!({"use": ["sig"]}), false),
        (json!({"key_ops": ["encrypt"]}), false),
        (json!({"key_ops": "verify"}), false),
        (json!({"kid": 7}), false),
        (json!({"kty": "oct", "k": "AAAA"}), false),
        (json!({"kty": "EC"}), false),
        (json!({"n": "AQAB"}), false),
        (json!({"n": ""}), false),
        (json!({"e": null}), false),
    ] {
        // Beside it is a key that is of use, so that the set is.
        bench.issuer.answer(set(&[key(more.clone()), Signer::p256("other").jwk()]));
        let report = bench.next_fetch().await;
        assert_eq!(report.last_failure, None, "{more}");
        assert_eq!(bench.refusal(&signer).await.is_empty(), is_good, "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_change_under_load_without_a_good_token_refused() {
    let (old, new) = (Signer::rsa("old"), Signer::p256("new"));
    let bench = Bench::start(Answer::keys(&[&old])).await;
    let (of_old, of_new) = (old.token(&bench.desk.claims()), new.token(&bench.desk.claims()));
    assert_eq!(bench.desk.refusal(&of_old).await, "");
    bench.issuer.answer(Answer::keys(&[&old, &new]));
    // The new ones are seen at once, by all who come meanwhile.
    let mut load = JoinSet::new();
    for at in 0..200 {
        let token = if at % 2 == 0 { of_old.clone() } else { of_new.clone() };
        let desk = Desk { jwt: bench.desk.jwt.clone(), clock: bench.desk.clock.clone() };
        load.spawn(async move { desk.refusal(&token).await });
    }
    assert_eq!(load.join_all().await.concat(), "");
    assert_eq!(bench.issuer.asked(), 2);
    bench.issuer.answer(Answer::keys(&[&new]));
    bench.next_fetch().await;
    assert!(bench.desk.refusal(&of_old).await.contains("no known key"));
    assert_eq!(bench.desk.refusal(&of_new).await, "");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_ids_cause_one_fetch_in_half_a_minute() {
    let signer = Signer::rsa("one");
    let bench = Bench::start(Answer::keys(&[&signer])).await;
    let good = signer.token(&bench.desk.claims());
    for at in 0..10_000 {
        let said = bench.desk.refusal(&naming(&format!("bogus-{at}"))).await;
        assert!(said.contains("no known key"), "{said}");
        if at % 100 == 0 {
            assert_eq!(bench.desk.refusal(&good).await, "");
        }
    }
    assert_eq!(bench.issuer.asked(), 2, "the first one, and one for all of them");
    advance(Duration::from_secs(29)).await;
    bench.desk.refusal(&naming("again")).await;
    assert_eq!(bench.issuer.asked(), 2);
    advance(Duration::from_secs(1)).await;
    bench.desk.refusal(&naming("again")).await;
    assert_eq!(bench.issuer.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_signature_never_causes_a_fetch() {
    let (signer, forger) = (Signer::rsa("one"), Signer::rsa("one"));
    let bench = Bench::start(Answer::keys(&[&signer])).await;
    for _ in 0..50 {
        assert!(bench.refusal(&forger).await.contains("signature is wrong"));
        let nameless =
            forger.signed("RS256", r#"{"alg":"RS256"}"#, &bench.desk.claims().to_string());
        assert!(bench.desk.refusal(&nameless).await.contains("signature is wrong"));
    }
    advance(Duration::from_mins(4)).await;
    assert_eq!(bench.issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_outlive_an_outage_of_ten_minutes_and_end_after_a_day() {
    let signer = Signer::rsa("one");
    let bench = Bench::start(Answer::keys(&[&signer])).await;
    bench.issuer.answer(Answer::Full(500, Vec::new()));
    advance(Duration::from_mins(5)).await;
    bench.until(|report| report.failed == 1).await;
    for second in (1..=3).chain([30; 20].map(|_| 4)) {
        let failed = bench.desk.jwt.report().failed;
        // Pauses grow to half a minute.
        advance(Duration::from_secs(if second < 4 { 8 } else { 30 })).await;
        bench.until(|report| report.failed > failed).await;
        assert_eq!(bench.refusal(&signer).await, "");
    }
    let said = bench.desk.jwt.report();
    assert_eq!(said.last_failure.as_deref(), Some("the issuer answers with status 500, not 200"));
    assert!(said.age.unwrap() > Duration::from_mins(10), "{said:?}");
    advance(Duration::from_hours(24)).await;
    assert_eq!(bench.refusal(&signer).await, "unavailable");
    bench.issuer.answer(Answer::keys(&[&signer]));
    advance(Duration::from_secs(30)).await;
    bench.until(|report| report.last_failure.is_none()).await;
    assert_eq!(bench.refusal(&signer).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_start_before_the_issuer_waits_for_nothing() {
    let signer = Signer::rsa("one");
    let bench = Bench::start(Answer::Full(503, Vec::new())).await;
    let outcome = bench.desk.caller(&signer.token(&bench.desk.claims())).await;
    assert!(matches!(outcome, Err(NotAuthenticated::Unavailable)));
    // What is no token at all is refused without keys.
    assert!(bench.desk.refusal("x").await.contains("three parts"));
    bench.issuer.answer(Answer::keys(&[&signer]));
    advance(Duration::from_secs(1)).await;
    bench.until(|report| report.keys == 1).await;
    assert_eq!(bench.refusal(&signer).await, "");
    let refused = bench.desk.jwt.report().refused;
    assert!(refused.contains(&("unavailable", 1)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bad_set_never_takes_the_place_of_a_good_one() {
    let (signer, forger) = (Signer::rsa("one"), Signer::rsa("two"));
    let bench = Bench::start(Answer::keys(&[&signer])).await;
    let elsewhere = Issuer::start(Answer::keys(&[&forger]));
    let text = |text: &str| Answer::Full(200, text.as_bytes().to_vec());
    let many: Vec<_> = (0..101).map(|_| forger.jwk()).collect();
    let key = forger.jwk();
    for (bad, expected) in [
        (Answer::Redirect(elsewhere.keys()), "status 302"),
        (Answer::Endless, "more than 262144 bytes"),
        (Answer::Half, "not reached"),
        (Answer::Full(404, b"{}".to_vec()), "status 404"),
        (Answer::Full(204, Vec::new()), "status 204"),
        (text(""), "no JWK set"),
        (text("<html>"), "no JWK set"),
        (text("{}"), "no JWK set"),
        (text("[]"), "no JWK set"),
        (text(r#"{"keys":{}}"#), "no JWK set"),
        (text(&format!(r#"{{"keys":[{key}],"keys":[{key}]}}"#)), "no JWK set"),
        (text(r#"{"keys":[]}"#), "of use"),
        (text(r#"{"keys":[7,null,{}]}"#), "of use"),
        (text(&format!(r#"{{"keys":[{key}]}}{}"#, " ".repeat(256 << 10))), "more than 262144"),
        (set(&many), "more than 100 keys"),
    ] {
        bench.issuer.answer(bad.clone());
        let report = bench.next_fetch().await;
        let said = report.last_failure.unwrap_or_default();
        assert!(said.contains(expected), "{bad:?}: {said}");
        assert_eq!((report.keys, bench.refusal(&signer).await), (1, String::new()), "{bad:?}");
        assert!(bench.refusal(&forger).await.contains("no known key"), "{bad:?}");
    }
    assert_eq!(elsewhere.asked(), 0);
    // One that never answers is given up.
    bench.issuer.answer(Answer::Silence);
    let (asked, failed) = (bench.issuer.asked(), bench.desk.jwt.report().failed);
    advance(Duration::from_secs(30)).await;
    while bench.issuer.asked() == asked {
        yield_now().await;
    }
    advance(Duration::from_secs(2)).await;
    let report = bench.until(|report| report.failed > failed).await;
    assert_eq!(report.last_failure.as_deref(), Some("the issuer has not answered within 2s"));
    assert_eq!(bench.refusal(&signer).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_cut_off_leaves_nothing_behind() {
    let (old, new) = (Signer::rsa("old"), Signer::p256("new"));
    let mut bench = Bench::start(Answer::keys(&[&old])).await;
    bench.issuer.answer(Answer::Silence);
    // A client goes away while it waits for the fetch that its token has caused.
    let token = new.token(&bench.desk.claims());
    let desk = Desk { jwt: bench.desk.jwt.clone(), clock: bench.desk.clock.clone() };
    let waiting = tokio::spawn({
        let token = token.clone();
        async move { desk.refusal(&token).await }
    });
    while bench.issuer.asked() == 1 {
        yield_now().await;
    }
    waiting.abort();
    assert_eq!(bench.refusal(&old).await, "", "others are served meanwhile");
    // The task itself ends in the fetch, and another one takes over.
    bench.fetching.abort();
    assert!((&mut bench.fetching).await.unwrap_err().is_cancelled());
    bench.issuer.answer(Answer::keys(&[&old, &new]));
    bench.fetching = fetching(&bench.desk);
    bench.until(|report| report.keys == 2).await;
    assert_eq!(bench.desk.refusal(&token).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_token_with_an_unknown_id_waits_two_seconds_at_most() {
    let (old, new) = (Signer::rsa("old"), Signer::p256("new"));
    let bench = Bench::start(Answer::keys(&[&old])).await;
    bench.issuer.answer(Answer::Silence);
    let token = new.token(&bench.desk.claims());
    let desk = Desk { jwt: bench.desk.jwt.clone(), clock: bench.desk.clock.clone() };
    let waiting = tokio::spawn(async move { desk.refusal(&token).await });
    while bench.issuer.asked() == 1 {
        yield_now().await;
    }
    advance(Duration::from_secs(2)).await;
    assert!(waiting.await.unwrap().contains("no known key"));
}

#[tokio::test(start_paused = true)]
async fn metadata_lead_to_the_keys_and_nowhere_else() {
    let signer = Signer::rsa("one");
    let issuer = Issuer::start(Answer::keys(&[&signer]));
    let _still = Still::new();
    let name = issuer.address().to_owned();
    let told = |issuer: &str, keys: &str| {
        let metadata = json!({"issuer": issuer, "jwks_uri": keys}).to_string();
        Answer::Full(200, metadata.into_bytes())
    };
    for (metadata, expected) in [
        (told(&name, &issuer.keys()), None),
        (told(&format!("{name}/"), &issuer.keys()), Some("of another issuer")),
        (told("https://evil.example", &issuer.keys()), Some("of another issuer")),
        (told(&name, "http://idp.example/keys"), Some("without https://")),
        (told(&name, "file:///etc/passwd"), Some("without https://")),
        (told(&name, "keys"), Some("no JSON object with texts")),
        (Answer::Full(200, b"{}".to_vec()), Some("no JSON object with texts")),
        (Answer::Full(404, Vec::new()), Some("status 404")),
        (Answer::Full(500, Vec::new()), Some("status 500")),
        (Answer::Redirect(issuer.keys()), Some("status 302")),
    ] {
        issuer.describe(metadata.clone());
        let mut settings = settings(KeySource::Issuer(name.parse().unwrap()));
        settings.issuer = Some(name.clone());
        let desk = Desk::new(settings);
        let fetching = fetching(&desk);
        while ended(&desk.jwt.report()) == 0 {
            yield_now().await;
        }
        fetching.abort();
        match (expected, desk.jwt.report().last_failure) {
            (None, None) => {
                let mut claims = desk.claims();
                claims["iss"] = name.clone().into();
                assert_eq!(desk.refusal(&signer.token(&claims)).await, "");
            }
            (Some(expected), Some(said)) => assert!(said.contains(expected), "{said}"),
            (expected, said) => panic!("{metadata:?}: {expected:?}, {said:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_not_there_is_a_failure_and_its_address_stays_unsaid() {
    let _still = Still::new();
    // Bound and closed again: there is no server.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("http://user:pl4nted@127.0.0.1:{port}/keys");
    let desk = Desk::new(settings(KeySource::Set(address.parse().unwrap())));
    let fetching = fetching(&desk);
    while desk.jwt.report().failed == 0 {
        yield_now().await;
    }
    fetching.abort();
    let said = desk.jwt.report().last_failure.unwrap();
    assert!(said.contains("not reached") && !said.contains("pl4nted"), "{said}");
}
