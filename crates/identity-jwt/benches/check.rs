//! What checking a token costs, from its text to its caller.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a bench")]

#[path = "../tests/support/mod.rs"]
mod support;

use divan::Bencher;
use identity_jwt::KeySource;
use order_testkit::tokens::{Answer, Issuer, Signer};
use tokio::runtime::{Builder, Runtime};

use support::{Desk, settings};

fn main() {
    divan::main();
}

/// A desk with the key of a signer, and a token of it.
fn desk(signer: &Signer) -> (Runtime, Desk, String) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let issuer = Issuer::start(Answer::keys(&[signer]));
    let mut settings = settings(KeySource::Set(issuer.keys().parse().unwrap()));
    settings.algorithms = ["RS256", "ES256", "EdDSA"].map(|name| name.parse().unwrap()).into();
    let desk = Desk::new(settings);
    let jwt = std::sync::Arc::clone(&desk.jwt);
    runtime.spawn(async move { jwt.run().await });
    while desk.jwt.report().keys == 0 {
        std::thread::yield_now();
    }
    let token = signer.token(&desk.claims());
    (runtime, desk, token)
}

fn check(bencher: Bencher<'_, '_>, signer: &Signer) {
    let (runtime, desk, token) = desk(signer);
    bencher.bench(|| runtime.block_on(desk.caller(&token)).unwrap());
}

#[divan::bench]
fn rs256(bencher: Bencher<'_, '_>) {
    check(bencher, &Signer::rsa("one"));
}

#[divan::bench]
fn es256(bencher: Bencher<'_, '_>) {
    check(bencher, &Signer::p256("one"));
}

#[divan::bench]
fn eddsa(bencher: Bencher<'_, '_>) {
    check(bencher, &Signer::ed25519("one"));
}
