//! Errors with their causes.

use std::io;

use order_app::errors::chain;

#[test]
fn an_error_is_followed_by_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
    #[derive(Debug, thiserror::Error)]
    #[error("it failed: {0}")]
    struct Quoting(#[source] Outer);
    let outer = || Outer(io::Error::other("inner"));
    assert_eq!(chain(&outer()), "outer: inner");
    assert_eq!(chain(&Quoting(outer())), "it failed: outer: inner");
}
