//! Says where a body stops being JSON, and what was expected there. Nothing of the body is repeated.

use std::str::Utf8Error;

use crate::problem::{Code, Problem};

const CONTROL: &str = "control character";

/// What the parser says, and what the client is told. A test sends a body for each.
const EXPECTED: &[(&str, &str)] = &[
    ("EOF while parsing a list", "expected `,` or `]`, but the body ends here"),
    ("EOF while parsing an object", "expected `,` or `}`, but the body ends here"),
    ("EOF while parsing a string", "expected the end of a string, but the body ends here"),
    ("EOF while parsing a value", "expected a value, but the body ends here"),
    ("expected `:`", "expected `:` after a name"),
    ("expected `,` or `]`", "expected `,` or `]`"),
    ("expected `,` or `}`", "expected `,` or `}`"),
    ("expected ident", "expected true, false or null"),
    ("expected value", "expected a value"),
    ("invalid escape", "expected an escape of JSON, such as \\n or \\u00e4"),
    ("invalid number", "expected a number as JSON spells it"),
    (CONTROL, "expected no bare control character in a string; write \\n or \\u000a"),
    ("key must be a string", "expected a name in double quotes"),
    ("lone leading surrogate", "expected the second half of a surrogate pair"),
    ("unexpected end of hex escape", "expected the second half of a surrogate pair"),
    ("trailing comma", "expected no comma before the end"),
    ("trailing characters", "expected nothing after the object"),
];

/// The problem of a body that is not one JSON object in UTF-8.
pub(super) fn malformed(bytes: &[u8], error: Result<serde_json::Error, Utf8Error>) -> Problem {
    let white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let first = bytes.iter().position(|byte| !white(byte));
    let ((line, column), expected) = match (first, error) {
        (None, _) => {
            (position(bytes, bytes.len()), "expected a JSON object, but the body is empty")
        }
        (Some(0), _) if bytes.starts_with("\u{feff}".as_bytes()) => {
            ((1, 1), "expected a JSON object without a byte order mark before it")
        }
        (Some(at), _) if bytes.get(at) != Some(&b'{') => {
            (position(bytes, at), "expected `{`: the body must be one JSON object")
        }
        (_, Err(error)) => (position(bytes, error.valid_up_to()), "expected UTF-8"),
        (_, Ok(error)) => {
            let text = error.to_string();
            let known = EXPECTED.iter().find(|(said, _)| text.starts_with(said));
            let at = if error.is_eof() { bytes.len() } else { offset(bytes, &error) };
            (position(bytes, at), known.map_or("expected JSON", |(_, expected)| expected))
        }
    };
    let detail = format!("Line {line}, column {column}: {expected}.");
    Problem::new(Code::MalformedJson, detail).member("line", line).member("column", column)
}

/// The line and the column of a byte, both from 1; columns count characters.
fn position(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = bytes.get(..at).unwrap_or(bytes);
    let lines = before.split(|byte| *byte == b'\n');
    let (number, line) = lines.enumerate().last().unwrap_or_default();
    // All but the first byte of a character begin with the bits 10.
    let characters = line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    (number.saturating_add(1), characters.saturating_add(1))
}

/// The byte at which the parser stopped. It counts bytes in a line, and may stop before a bare control
/// character instead of at it.
fn offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let before = bytes.split(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let start = before.map(|line| line.len().saturating_add(1)).fold(0, usize::saturating_add);
    let at = start.saturating_add(error.column().saturating_sub(1)).min(bytes.len());
    let next = at.saturating_add(1);
    let is_control = |at: usize| bytes.get(at).is_some_and(|byte| *byte < b' ');
    let is_next = !is_control(at) && is_control(next);
    if is_next && error.to_string().starts_with(CONTROL) { next } else { at }
}
