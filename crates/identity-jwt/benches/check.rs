//! What checking a token costs, from its text to its caller: one that comes for the first time, and one that comes again.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a broken expectation ends a bench"
)]

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the suites use the rest of it")]
mod support;

use std::cell::Cell;
use std::sync::Arc;

use divan::Bencher;
use identity_jwt::KeySource;
use order_testkit::tokens::{Answer, Issuer, Signer};
use tokio::runtime::{Builder, Runtime};

use support::{Desk, settings};

fn main() {
    divan::main();
}

/// A desk with the key of a signer.
fn desk(signer: &Signer) -> (Runtime, Desk) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let issuer = Issuer::start(Answer::keys(&[signer]));
    let mut settings = settings(KeySource::Set(issuer.keys().parse().unwrap()));
    settings.algorithms = ["RS256", "ES256", "EdDSA"].map(|name| name.parse().unwrap()).into();
    let desk = Desk::new(settings);
    let jwt = Arc::clone(&desk.jwt);
    runtime.spawn(async move { jwt.run().await });
    while desk.jwt.report().keys == 0 {
        std::thread::yield_now();
    }
    (runtime, desk)
}

fn first(bencher: Bencher<'_, '_>, signer: &Signer) {
    let (runtime, desk) = desk(signer);
    let count = Cell::new(0);
    let token = || {
        count.set(count.get() + 1);
        let mut claims = desk.claims();
        claims["jti"] = count.get().to_string().into();
        signer.token(&claims)
    };
    bencher
        .with_inputs(token)
        .bench_local_refs(|token| runtime.block_on(desk.caller(token)).unwrap());
}

#[divan::bench]
fn rs256(bencher: Bencher<'_, '_>) {
    first(bencher, &Signer::rsa("one"));
}

#[divan::bench]
fn es256(bencher: Bencher<'_, '_>) {
    first(bencher, &Signer::p256("one"));
}

#[divan::bench]
fn eddsa(bencher: Bencher<'_, '_>) {
    first(bencher, &Signer::ed25519("one"));
}

#[divan::bench]
fn again(bencher: Bencher<'_, '_>) {
    let signer = Signer::rsa("one");
    let (runtime, desk) = desk(&signer);
    let token = signer.token(&desk.claims());
    bencher.bench(|| runtime.block_on(desk.caller(&token)).unwrap());
}
