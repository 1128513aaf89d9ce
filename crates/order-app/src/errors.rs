//! The one way to write an error with its causes.

use std::error::Error;

/// The longest text that is stored of an error, in characters.
const LONGEST: usize = 500;

/// An error and its sources in one line. A source that its error has already quoted is not repeated.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

/// [`chain`], cut to a length that fits into a column.
pub(crate) fn short_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = chain(error);
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
    text
}
