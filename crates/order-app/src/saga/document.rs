//! The stored form of a saga: one JSON document, which names its form. A change that an older release would read wrongly, or
//! lose when it writes the document again, is a new form.

use serde::{Deserialize, Serialize};

use super::steps::Saga;
use crate::ports::{BoxError, SagaWrite, StateName};

/// The form that this release writes, and the only one that it reads.
const FORM: u64 = 1;

/// The largest document that is read, in bytes. A saga with the longest texts needs less.
pub const MAX_DOCUMENT_BYTES: usize = 128 * 1024;

/// Why a document is not a saga of this release.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Larger than any that is written.
    #[error("the document has {0} bytes, more than {MAX_DOCUMENT_BYTES}")]
    TooLarge(usize),
    /// Written by another release.
    #[error("the document has form {0}; this release knows form {FORM}")]
    UnknownForm(u64),
    /// Not the JSON of a saga.
    #[error("the document cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    form: u64,
    #[serde(flatten)]
    saga: &'a Saga,
}

#[derive(Deserialize)]
struct Head {
    form: u64,
}

impl Saga {
    /// The saga as it is stored.
    ///
    /// # Errors
    /// As of [`Saga::to_document`].
    pub fn to_write(&self) -> Result<SagaWrite, BoxError> {
        Ok(SagaWrite {
            state: StateName::new(self.state.as_str())?,
            due_at: self.due_at,
            attention: self.attention.is_some(),
            document: self.to_document()?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    /// Writes the document.
    ///
    /// # Errors
    /// Only when JSON cannot be written, which plain texts, numbers and times do not cause.
    pub fn to_document(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Written { form: FORM, saga: self })
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`DocumentError`], each case by its name.
    pub fn from_document(text: &str) -> Result<Self, DocumentError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge(text.len()));
        }
        match serde_json::from_str(text)? {
            Head { form: FORM } => Ok(serde_json::from_str(text)?),
            Head { form } => Err(DocumentError::UnknownForm(form)),
        }
    }
}
