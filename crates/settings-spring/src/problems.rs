//! What is wrong with the settings, as one message. A secret is never part of it.

use std::fmt;

use crate::bounds::{MOST_LISTED, shortened};
use crate::layers::Origin;

/// One wrong setting, or one file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, or the file.
    pub subject: String,
    /// The value, if it may be shown.
    pub value: Option<String>,
    /// Where the value was written.
    pub origin: Option<Origin>,
    /// What is wrong, and what is allowed.
    pub complaint: String,
}

/// Everything that is wrong with the settings. It is shown as one line for one problem, and as one
/// line each below a heading for several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// A problem whose value is not shown.
    pub fn new(
        subject: impl Into<String>,
        origin: Option<Origin>,
        complaint: impl Into<String>,
    ) -> Self {
        Self { subject: subject.into(), value: None, origin, complaint: complaint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(value) = &self.value {
            write!(f, " = {:?}", shortened(value))?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}", self.complaint)
    }
}

impl Problems {
    /// As many as a message lists, and whether there are more.
    pub(crate) fn listed(mut all: Vec<Problem>) -> Self {
        let is_whole = all.len() <= MOST_LISTED;
        all.truncate(MOST_LISTED);
        if !is_whole {
            all.push(Problem::new(
                "others",
                None,
                "there are more wrong settings, which are not listed",
            ));
        }
        Self(all)
    }

    /// The message, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self.0.as_slice() {
            [one] => vec![format!("the settings are wrong: {one}")],
            several => {
                let heading = format!("the settings are wrong in {} places:", several.len());
                let each = several.iter().map(|one| format!("  {one}"));
                std::iter::once(heading).chain(each).collect()
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}
