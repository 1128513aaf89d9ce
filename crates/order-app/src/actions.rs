//! What an operator says with an action: why, and who acts. Both are kept where the action has its effect.

use std::str::FromStr;

use crate::caller::CallerName;

/// Why: 1 to 500 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// Who acts: 1 to 64 characters, no control characters. The name of a caller is always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Reason {
    /// The most characters of a reason.
    pub const MAX: usize = 500;
    /// What a reason must be.
    pub const RULE: &'static str = "must have 1 to 500 characters, and no control characters";

    /// Reads a reason; `None` when the text is not a valid one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        line(text, Self::MAX).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Actor {
    /// The most characters of a name.
    pub const MAX: usize = 64;
    /// What a name must be.
    pub const RULE: &'static str = "must have 1 to 64 characters, and no control characters";

    /// Reads a name; `None` when the text is not a valid one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        line(text, Self::MAX).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text).ok_or(Self::RULE)
    }
}

impl FromStr for Actor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text).ok_or(Self::RULE)
    }
}

impl From<&CallerName> for Actor {
    fn from(name: &CallerName) -> Self {
        Self(name.as_str().to_owned())
    }
}

/// A text without the white space around it, when it has 1 to `most` characters and none that controls a terminal.
fn line(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count());
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
