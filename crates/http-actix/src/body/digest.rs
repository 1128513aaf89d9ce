//! Digests of parsed requests: the same request gives the same digest, whatever its white space,
//! the order of its fields, or how it spells its numbers. Every part is written with its length or
//! at a fixed width, so that no two requests run together.

use order_app::idempotency::Fingerprint;
use order_domain::{Amount, OrderLine};
use sha2::{Digest as _, Sha256};

pub(crate) struct Digest(Sha256);

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

    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.0.update([0]),
            Some(value) => {
                self.0.update([1]);
                write(self, value);
            }
        }
    }

    /// The spelling without trailing zeros, so that 2.50 is 2.5.
    pub(crate) fn amount(&mut self, amount: Amount) {
        self.text(&amount.to_string());
    }

    pub(crate) fn lines(&mut self, lines: &[OrderLine]) {
        self.count(lines.len());
        for line in lines {
            self.number(line.product_id.get());
            self.optional(line.name.as_ref(), |digest, name| digest.text(name.as_str()));
            self.number(line.quantity.get().into());
            self.amount(line.unit_price.get());
        }
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}
