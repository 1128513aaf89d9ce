//! A document: a part of a settings file that may apply under conditions alone
//! (`spring.config.activate.*`).

use super::conditions::{self, Expression};
use crate::layers::{Entry, Layer, Origin};
use crate::names::{folded, index};
use crate::platform::{self, Platform};

const ON_PROFILE: &str = "spring.config.activate.onprofile";
const ON_PLATFORM: &str = "spring.config.activate.oncloudplatform";

/// The entries of one document, and the conditions under which they apply.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) entries: Layer,
    on_profile: Vec<Expression>,
    on_platform: Option<Platform>,
}

/// What conditions are compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Circumstances<'a> {
    /// The active profiles; `None` while they are not known.
    pub(crate) profiles: Option<&'a [String]>,
    pub(crate) platform: Option<Platform>,
}

/// Why a file cannot be parsed. Lines count from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl Document {
    /// Takes the conditions out of the entries.
    pub(crate) fn new(entries: Layer) -> Result<Self, Malformed> {
        let mut document = Self::default();
        for entry in entries {
            let name = folded(&entry.name);
            let name = index(&name).map_or(name.as_str(), |(list, _)| list);
            match name {
                // Boot 2 applied the document under these profiles; Boot 3 refuses it, too.
                "spring.profiles" => {
                    let reason = "spring.profiles is no longer known; use \
                                  spring.config.activate.on-profile";
                    return Err(malformed(&entry, reason.to_owned()));
                }
                ON_PROFILE if entry.value.trim().is_empty() => {}
                ON_PROFILE => {
                    let expression = Expression::any(&entry.value).ok_or_else(|| {
                        malformed(&entry, format!("on-profile {}", conditions::ALLOWED))
                    })?;
                    document.on_profile.push(expression);
                }
                ON_PLATFORM => {
                    document.on_platform = Some(platform::named(&entry.value).map_err(|_| {
                        let reason = "on-cloud-platform must be kubernetes, cloud-foundry, heroku, sap, \
                                      nomad, azure-app-service or none";
                        malformed(&entry, reason.to_owned())
                    })?);
                }
                _ if name.starts_with("spring.config.activate.") => {
                    let reason =
                        format!("{} is not known; use on-profile or on-cloud-platform", entry.name);
                    return Err(malformed(&entry, reason));
                }
                _ => document.entries.push(entry),
            }
        }
        Ok(document)
    }

    /// Whether it applies.
    pub(crate) fn applies(&self, now: Circumstances<'_>) -> bool {
        let any = |active| self.on_profile.iter().any(|expression| expression.matches(active));
        (self.on_profile.is_empty() || now.profiles.is_some_and(any))
            && (self.on_platform.is_none() || self.on_platform == now.platform)
    }

    /// Whether it depends on profiles.
    pub(crate) fn is_profile_specific(&self) -> bool {
        !self.on_profile.is_empty()
    }
}

fn malformed(entry: &Entry, reason: String) -> Malformed {
    let line = match &entry.origin {
        Origin::File { line, .. } => *line,
        _ => 0,
    };
    Malformed { line, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, value: &str) -> Result<Document, Malformed> {
        let origin = Origin::File { path: "f".into(), line: 7 };
        Document::new(vec![Entry::new(name, value, origin)])
    }

    #[test]
    fn a_document_applies_under_its_profiles_and_on_its_platform() {
        let profiles = ["prod".to_owned()];
        let now = Circumstances { profiles: Some(&profiles), platform: Some(Platform::Kubernetes) };
        for (name, value, expected) in [
            ("spring.config.activate.on-profile", "prod", true),
            ("spring.config.activate.on-profile[0]", "test", false),
            ("spring.config.activate.on-profile", "", true),
            ("spring.config.activate.onCloudPlatform", "kubernetes", true),
            ("spring.config.activate.on-cloud-platform", "cloud-foundry", false),
        ] {
            assert_eq!(document(name, value).unwrap().applies(now), expected, "{name} {value}");
        }
        let unknown = Circumstances { profiles: None, ..now };
        assert!(!document(ON_PROFILE, "!test").unwrap().applies(unknown));
        assert!(Document::new(Vec::new()).unwrap().applies(unknown));
    }

    #[test]
    fn conditions_are_refused_rather_than_misread() {
        for (name, value) in [
            ("spring.config.activate.on-profile", "a & b | c"),
            ("spring.config.activate.on-cloud-platform", "moon"),
            ("spring.config.activate.on-host", "h"),
            ("spring.profiles", "prod"),
            ("spring.profiles[0]", "prod"),
        ] {
            assert_eq!(document(name, value).unwrap_err().line, 7, "{name}");
        }
    }
}
