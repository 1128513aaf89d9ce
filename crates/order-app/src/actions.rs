//! What an operator says with an action: why, and who acts. Both are kept where the action has its effect.

use std::str::FromStr;

use crate::caller::CallerName;

/// Why an operator acts.
pub type Reason = Line<500>;

/// Who acts. The name of a caller is always one.
pub type Actor = Line<64>;

/// A text of 1 to `MAX` characters without the white space around it, and without characters that control a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    /// The most characters.
    pub const MAX: usize = MAX;

    /// Reads a line; `None` when the text is not a valid one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=MAX).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// What a line must be.
    #[must_use]
    pub fn rule() -> String {
        format!("must have 1 to {MAX} characters, and no control characters")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text).ok_or_else(Self::rule)
    }
}

impl From<&CallerName> for Actor {
    fn from(name: &CallerName) -> Self {
        Self(name.as_str().to_owned())
    }
}
