//! Trusted documents: those that the operator has listed. A client names one by the hash of its text, and does not send it; and
//! where nothing else is let in, no one can ask for what no client of ours asks for.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Documents by the hashes of their texts: SHA-256 in hexadecimal digits, as small letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedDocuments(HashMap<String, Arc<str>>);

/// Which documents are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Documents {
    /// Every one that is sent.
    #[default]
    Any,
    /// Every one that is sent, and those on the list by their hashes.
    Listed(Arc<TrustedDocuments>),
    /// Those on the list alone, sent or by their hashes.
    ListedAlone(Arc<TrustedDocuments>),
}

/// Why a list of documents is none.
#[derive(Debug, thiserror::Error)]
pub enum NotDocuments {
    /// It is no JSON object of hashes and texts.
    #[error("it is no JSON object of hashes and documents")]
    NoObject(#[from] serde_json::Error),
    /// A hash is that of another text.
    #[error("{0} is not the SHA-256 of its document, which is {1}")]
    AnotherHash(String, String),
}

impl TrustedDocuments {
    /// Reads a list: a JSON object with each document under its hash, as clients' build tools write it; `sha256:` may stand in
    /// front of a hash.
    ///
    /// # Errors
    /// [`NotDocuments`], each case by its name.
    pub fn read(json: &str) -> Result<Self, NotDocuments> {
        let listed: HashMap<String, String> = serde_json::from_str(json)?;
        let checked = listed.into_iter().map(|(name, text)| {
            let hash = hash(&text);
            if bare(&name) == hash {
                Ok((hash, text.into()))
            } else {
                Err(NotDocuments::AnotherHash(name, hash))
            }
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// The document that a client names.
    pub(super) fn named(&self, name: &str) -> Option<&str> {
        self.0.get(&bare(name)).map(AsRef::as_ref)
    }

    /// Whether a text is one of them.
    pub(super) fn has(&self, text: &str) -> bool {
        self.0.contains_key(&hash(text))
    }
}

/// A hash without the name of its algorithm, in small letters.
fn bare(name: &str) -> String {
    name.strip_prefix("sha256:").unwrap_or(name).to_ascii_lowercase()
}

fn hash(text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ __typename }";
    const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";

    #[test]
    fn a_document_is_found_by_its_hash_however_that_is_written() {
        for name in [HASH.to_owned(), format!("sha256:{HASH}"), HASH.to_uppercase()] {
            let json = serde_json::json!({ name.clone(): TEXT }).to_string();
            let documents = TrustedDocuments::read(&json).unwrap();
            assert_eq!((documents.named(&name), documents.has(TEXT)), (Some(TEXT), true), "{name}");
            assert_eq!((documents.named("00"), documents.has("{ a }")), (None, false));
        }
    }

    #[test]
    fn a_list_whose_hashes_are_wrong_is_none() {
        let json = serde_json::json!({ "00": TEXT }).to_string();
        let refused = TrustedDocuments::read(&json).unwrap_err().to_string();
        assert!(refused.contains("00") && refused.contains(HASH), "{refused}");
        assert!(TrustedDocuments::read("[]").is_err());
    }
}
