//! Fingerprints: digests of parsed requests. The same request has the same one, whatever its white
//! space, the order of its fields, or how it spells its numbers. Every part is written with its
//! length or at a fixed width, so that no two requests run together.
//!
//! They are recorded with the answers, so they may never change; `tests/http/fingerprints.rs` pins
//! them.

use order_app::idempotency::{Fingerprint, Operation};
use order_domain::OrderId;
use sha2::{Digest as _, Sha256};

pub(crate) struct Digest(Sha256);

/// A part of a request that counts for its fingerprint.
pub(crate) trait Digested {
    fn digest(&self, digest: &mut Digest);
}

/// The fingerprint of a request for an operation, on an existing order or for a new one. Conditions
/// are outside it: a client that repeats a change with a fresher version still means the same.
pub(crate) fn fingerprint(
    operation: Operation,
    order: Option<OrderId>,
    body: &impl Digested,
) -> Fingerprint {
    let mut digest = Digest::new(match operation {
        Operation::Place => "place/1",
        Operation::ReplaceLines => "replace-lines/1",
        Operation::ChangeStatus => "change-status/1",
    });
    if let Some(order) = order {
        digest.number(order.get());
    }
    body.digest(&mut digest);
    Fingerprint(digest.finish())
}

impl Digest {
    /// `kind` keeps digests of different things apart.
    pub(crate) fn new(kind: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.text(kind);
        digest
    }

    pub(crate) fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    pub(crate) fn required(&mut self, value: &impl Digested) {
        value.digest(self);
    }

    #[expect(clippy::ref_option, reason = "a body passes all its fields by reference")]
    pub(crate) fn optional<T: Digested>(&mut self, value: &Option<T>) {
        self.0.update([u8::from(value.is_some())]);
        if let Some(value) = value {
            value.digest(self);
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl<T: Digested> Digested for Vec<T> {
    fn digest(&self, digest: &mut Digest) {
        digest.count(self.len());
        for value in self {
            value.digest(digest);
        }
    }
}
