//! Short texts with a bound: product names, notes, the client's own reference.

use std::fmt;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More characters (Unicode scalar values) than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The bound, in characters.
        max: usize,
    },
    /// A control character (Unicode category Cc), which would break labels and log lines.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// Not 1 to 64 of `A-Z a-z 0-9 . _ -`.
    #[error("must be 1 to {} characters of A-Z a-z 0-9 . _ -", ClientReference::MAX)]
    NotAReference,
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The largest number of characters.
            pub const MAX: usize = $max;

            /// Checks the text.
            ///
            /// # Errors
            /// [`TextError`], each case by its name.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, TextError> {
                let text = text.into();
                let check: fn(&str, usize) -> Result<(), TextError> = $check;
                check(&text, Self::MAX).map(|()| Self(text))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// The name of the product when it was ordered: up to 200 characters, no control
    /// characters.
    ProductName, 200, plain
}
text! {
    /// A remark on a change of status: up to 500 characters, no control characters.
    Note, 500, plain
}
text! {
    /// The client's own reference of an order: 1 to 64 of `A-Z a-z 0-9 . _ -`, unique per customer.
    ClientReference, 64, reference
}

fn plain(text: &str, max: usize) -> Result<(), TextError> {
    if text.chars().any(char::is_control) {
        Err(TextError::ControlCharacter)
    } else if text.len() > max && text.chars().count() > max {
        Err(TextError::TooLong { max })
    } else {
        Ok(())
    }
}

fn reference(text: &str, max: usize) -> Result<(), TextError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=max).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(TextError::NotAReference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert!(ProductName::new("ä".repeat(200)).is_ok());
        assert_eq!(ProductName::new("ä".repeat(201)), Err(TextError::TooLong { max: 200 }));
        assert!(Note::new("n".repeat(500)).is_ok());
        assert_eq!(Note::new("n".repeat(501)), Err(TextError::TooLong { max: 500 }));
    }

    #[test]
    fn control_characters_are_refused() {
        for wrong in ["a\0", "a\n", "\u{7f}", "\u{85}"] {
            assert_eq!(Note::new(wrong), Err(TextError::ControlCharacter), "{wrong:?}");
        }
    }

    #[test]
    fn a_client_reference_keeps_to_its_alphabet() {
        assert!(ClientReference::new("PO-2026.11_7").is_ok());
        assert!(ClientReference::new("x".repeat(64)).is_ok());
        for wrong in ["", " ", "a b", "ü", "a/b", &"x".repeat(65)] {
            assert_eq!(ClientReference::new(wrong), Err(TextError::NotAReference), "{wrong:?}");
        }
    }
}
