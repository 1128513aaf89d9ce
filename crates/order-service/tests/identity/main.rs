//! Spring's two ends of a token beside ours: what a resource server of Spring Security answers to tokens, good and broken,
//! and what a Spring Authorization Server gives to those who ask.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod cases;
mod compared;
mod differences;
mod issued;
mod keys;
mod mint;
#[path = "../support/mod.rs"]
mod support;

fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests take their servers from there")]
    let value = std::env::var(name);
    let help =
        "start them with `deploy/stack up issuer resource`, then `eval \"$(deploy/stack env)\"`";
    value.unwrap_or_else(|_| panic!("no servers for tokens: {name} is not set; {help}"))
}
