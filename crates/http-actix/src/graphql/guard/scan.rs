//! Reads a document as the library's parser does (`async-graphql-parser`, `graphql.pest`), but only its tokens. It counts
//! every piece that the parser can read, so it never counts less than there is:
//!
//! - `truefalse` are two tokens, because the parser ends `true` before the name does. So do all its words, and `00`.
//! - `"""` without an end are an empty string and the start of another one.
//! - A string that does not end stops the parser. From there on, quotes are tokens like others.
//!
//! No byte is read twice, but for the two searches that find no end of a string.

use super::{Limit, Limits, NAME, TooExpensive};

/// Words that the parser takes without a look at what follows.
const WORDS: [&[u8]; 7] =
    [b"true", b"false", b"null", b"query", b"mutation", b"subscription", b"fragment"];
const BLOCK: &[u8; 3] = b"\"\"\"";

/// Counts the tokens of a text. It stops at the limit.
pub(crate) fn scan(text: &str, limits: &Limits) -> Result<usize, TooExpensive> {
    let mut lexer = Lexer::new(text);
    let mut tokens: usize = 0;
    let mut nesting: usize = 0;
    while let Some(token) = lexer.next() {
        tokens = tokens.saturating_add(1);
        Limit::WORDS.check(tokens, limits.words)?;
        Limit::NAME.check(lexer.name, NAME)?;
        match token {
            Token::Opening => nesting = nesting.saturating_add(1),
            Token::Closing => nesting = nesting.saturating_sub(1),
            Token::Other => {}
        }
        Limit::NESTING.check(nesting, limits.nesting)?;
    }
    Ok(tokens)
}

pub(super) enum Token {
    Opening,
    Closing,
    Other,
}

pub(super) struct Lexer<'a> {
    rest: &'a [u8],
    /// The bytes of the name that is read, where its words are tokens by themselves.
    name: usize,
    /// Whether a block string may still end. When one has no end, no later one has.
    blocks_end: bool,
    /// Whether the parser gets here: a string without an end stops it.
    strings_end: bool,
    /// How many bytes were read.
    pub(super) steps: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        let rest = text.as_bytes();
        Self { rest, name: 0, blocks_end: true, strings_end: true, steps: 0 }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<Token> {
        loop {
            let text = self.rest;
            let is_name = matches!(text, [b'A'..=b'Z' | b'a'..=b'z' | b'_', ..]);
            let is_number = matches!(text, [b'-' | b'0'..=b'9', ..]);
            let (token, rest) = match text {
                [] => return None,
                [b' ' | b',' | b'\t' | b'\n' | b'\r', rest @ ..]
                | [0xEF, 0xBB, 0xBF, rest @ ..] => (None, rest),
                [b'#', rest @ ..] => (None, after(rest, |byte| !matches!(byte, b'\n' | b'\r'))),
                [b'(' | b'[' | b'{', rest @ ..] => (Some(Token::Opening), rest),
                [b')' | b']' | b'}', rest @ ..] => (Some(Token::Closing), rest),
                [b'"', rest @ ..] => (Some(Token::Other), self.after_string(text).unwrap_or(rest)),
                _ if is_name => (Some(Token::Other), after_name(text)),
                _ if is_number => (Some(Token::Other), after_number(text)),
                [b'.', b'.', b'.', rest @ ..] | [_, rest @ ..] => (Some(Token::Other), rest),
            };
            let read = length(text, rest);
            let goes_on = is_name || is_number && self.name > 0;
            self.name = if goes_on { self.name.saturating_add(read) } else { 0 };
            self.steps = self.steps.saturating_add(read);
            self.rest = rest;
            if token.is_some() {
                return token;
            }
        }
    }

    /// What follows the string at the start, if it ends.
    fn after_string(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        if !self.strings_end {
            return None;
        }
        if self.blocks_end && text.starts_with(BLOCK) {
            if let Some(rest) = after_block(text) {
                return Some(rest);
            }
            self.blocks_end = false;
            self.steps = self.steps.saturating_add(text.len());
        }
        let rest = after_line(text);
        if rest.is_none() {
            self.strings_end = false;
            self.steps = self.steps.saturating_add(text.len());
        }
        rest
    }
}

fn after_block(text: &[u8]) -> Option<&[u8]> {
    let mut text = text.strip_prefix(BLOCK)?;
    loop {
        text = match text {
            [] => return None,
            [b'"', b'"', b'"', rest @ ..] => return Some(rest),
            [b'\\', b'"', b'"', b'"', rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}

fn after_line(text: &[u8]) -> Option<&[u8]> {
    let mut text = text.strip_prefix(b"\"")?;
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u', rest @ ..] => {
                rest
            }
            [] | [b'\n' | b'\r' | b'\\', ..] => return None,
            [_, rest @ ..] => rest,
        };
    }
}

fn after_name(text: &[u8]) -> &[u8] {
    let word = WORDS.iter().find_map(|word| text.strip_prefix(*word));
    word.unwrap_or_else(|| after(text, |byte| byte == b'_' || byte.is_ascii_alphanumeric()))
}

/// What follows a number: an integer without zeros in front, a fraction, an exponent.
fn after_number(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let text = text.strip_prefix(b"0").unwrap_or_else(|| after_digits(text));
    let text = match text {
        [b'.', b'0'..=b'9', rest @ ..] => after_digits(rest),
        _ => text,
    };
    match text {
        [b'e' | b'E', b'0'..=b'9', rest @ ..]
        | [b'e' | b'E', b'+' | b'-', b'0'..=b'9', rest @ ..] => after_digits(rest),
        _ => text,
    }
}

fn after_digits(text: &[u8]) -> &[u8] {
    after(text, |byte| byte.is_ascii_digit())
}

fn after(text: &[u8], belongs: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|byte| !belongs(*byte));
    end.and_then(|end| text.get(end..)).unwrap_or_default()
}

const fn length(text: &[u8], rest: &[u8]) -> usize {
    text.len().saturating_sub(rest.len())
}
