//! Typed identifiers and the version of an order. The application gives ids out: it reserves them in
//! blocks.

use std::fmt;
use std::str::FromStr;

/// The largest identifier: 2^53 - 1, the largest integer that every JSON client reads exactly
/// (RFC 8259, section 6).
pub const MAX_ID: i64 = 9_007_199_254_740_991;

/// An identifier outside 1 ..= [`MAX_ID`], or text that is no integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an integer from 1 to {MAX_ID}")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// An integer from 1 to [`MAX_ID`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Checks the range.
            ///
            /// # Errors
            /// [`InvalidId`] outside 1 ..= [`MAX_ID`].
            pub const fn new(value: i64) -> Result<Self, InvalidId> {
                if value >= 1 && value <= MAX_ID { Ok(Self(value)) } else { Err(InvalidId) }
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads plain decimal digits: no sign, no space, no leading zero.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
                if !plain {
                    return Err(InvalidId);
                }
                text.parse().map_err(|_| InvalidId).and_then(Self::new)
            }
        }
    };
}

id! {
    /// Identifies an order; given by the service at creation, never reused.
    OrderId
}
id! {
    /// Identifies the customer who placed an order.
    CustomerId
}
id! {
    /// Identifies a product of the catalogue.
    ProductId
}

/// The version of an order: 1 at creation, one more with every change. It equals the number of
/// the order's events, and is the `sequence` of the event that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The version of an order that was just placed.
    pub const FIRST: Self = Self(1);

    /// Checks the range.
    ///
    /// # Errors
    /// [`InvalidId`] below 1 or above [`MAX_ID`].
    pub const fn new(value: i64) -> Result<Self, InvalidId> {
        if value >= 1 && value <= MAX_ID { Ok(Self(value)) } else { Err(InvalidId) }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The version after this one. It stays at [`MAX_ID`], which no order reaches.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < MAX_ID { Self(self.0.saturating_add(1)) } else { self }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_ends_where_json_integers_stop_being_exact() {
        assert_eq!(OrderId::new(1).unwrap().get(), 1);
        assert_eq!(OrderId::new(MAX_ID).unwrap().get(), (1 << 53) - 1);
        for wrong in [i64::MIN, -1, 0, MAX_ID + 1, i64::MAX] {
            assert_eq!(OrderId::new(wrong), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_read_from_plain_digits_only() {
        assert_eq!("42".parse(), OrderId::new(42));
        for wrong in ["", "0", "-1", "+1", "01", " 1", "1.0", "1e3", "9007199254740992", "١"] {
            assert_eq!(wrong.parse::<OrderId>(), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn versions_count_up_from_one() {
        assert_eq!(Version::FIRST.get(), 1);
        assert_eq!(Version::FIRST.next().get(), 2);
        let last = Version::new(MAX_ID).unwrap();
        assert_eq!(last.next(), last);
    }
}
