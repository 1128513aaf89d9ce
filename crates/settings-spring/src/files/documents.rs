//! A document: a part of a settings file that may apply under certain profiles only
//! (`spring.config.activate.on-profile`).

use crate::layers::{Entry, Layer, Origin};
use crate::names::folded;

const ON_PROFILE: &str = "spring.config.activate.onprofile";

/// The entries of one document, and the condition under which they apply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) entries: Layer,
    alternatives: Vec<Alternative>,
}

/// A profile that must be active, or must not be active.
#[derive(Debug, PartialEq, Eq)]
struct Alternative {
    profile: String,
    active: bool,
}

/// Why a file cannot be parsed. Lines count from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl Document {
    /// Takes the condition out of the entries.
    pub(crate) fn new(entries: Layer) -> Result<Self, Malformed> {
        let (conditions, entries): (Layer, Layer) = entries
            .into_iter()
            .partition(|entry| folded(&entry.name).starts_with("spring.config.activate."));
        let mut alternatives = Vec::new();
        for condition in conditions {
            alternatives.extend(read(&condition)?);
        }
        Ok(Self { entries, alternatives })
    }

    /// Whether it applies under these profiles.
    pub(crate) fn applies(&self, active: &[String]) -> bool {
        self.alternatives.is_empty()
            || self.alternatives.iter().any(|a| active.contains(&a.profile) == a.active)
    }
}

fn read(condition: &Entry) -> Result<Vec<Alternative>, Malformed> {
    let malformed = |reason: String| Malformed {
        line: match &condition.origin {
            Origin::File { line, .. } => *line,
            _ => 0,
        },
        reason,
    };
    let name = folded(&condition.name);
    if name != ON_PROFILE && !name.starts_with(&format!("{ON_PROFILE}[")) {
        let reason = format!("{} is not supported; use on-profile", condition.name);
        return Err(malformed(reason));
    }
    if condition.value.contains(['&', '|', '(', '$']) {
        let reason = "on-profile must be profiles with commas between them, each with or without \
                      a ! before it";
        return Err(malformed(reason.into()));
    }
    let alternatives = condition.value.split(',').map(|alternative| {
        let alternative = alternative.trim();
        let profile = alternative.trim_start_matches('!');
        Alternative {
            profile: profile.trim().to_owned(),
            active: profile.len() == alternative.len(),
        }
    });
    Ok(alternatives.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(condition: &str) -> Result<Document, Malformed> {
        let origin = Origin::File { path: "f".into(), line: 7 };
        Document::new(vec![Entry::new("spring.config.activate.on-profile", condition, origin)])
    }

    #[test]
    fn a_document_applies_under_its_profiles() {
        let active = ["prod".to_owned(), "eu".to_owned()];
        for (condition, expected) in
            [("prod", true), ("test", false), ("test, eu", true), ("!prod", false), ("!test", true)]
        {
            assert_eq!(document(condition).unwrap().applies(&active), expected, "{condition}");
        }
        assert!(Document::new(Vec::new()).unwrap().applies(&[]));
    }

    #[test]
    fn expressions_are_refused_rather_than_misread() {
        assert_eq!(document("prod & eu").unwrap_err().line, 7);
    }
}
