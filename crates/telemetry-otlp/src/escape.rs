//! Texts for a terminal. A terminal obeys control characters, and bidirectional ones show a text in another order than it
//! has: what comes from elsewhere is shown with their numbers instead.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text on one line, without characters that a terminal obeys. They are written as in JSON (`\n`, `\u001b`), so that JSON
/// stays JSON with the same meaning.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    // Most texts are plain, and are only looked at.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '\n' => shown.write_str("\\n"),
            '\r' => shown.write_str("\\r"),
            '\t' => shown.write_str("\\t"),
            c if is_obeyed(c) => write!(shown, "\\u{:04x}", u32::from(c)),
            c => shown.write_char(c),
        };
    }
    Cow::Owned(shown)
}

/// Whether a terminal may do something else with a character than show it: C0, DEL and C1; the separators of lines and
/// paragraphs; marks, embeddings, overrides and isolates of a direction.
fn is_obeyed(c: char) -> bool {
    let is_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_direction || matches!(c, '\u{2028}'..='\u{202e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_all_else_stays() {
        for (text, expected) in [
            ("plain ü € 😀 \\n", "plain ü € 😀 \\n"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b]0;x\x07\x1b[2J\x7f", "\\u001b]0;x\\u0007\\u001b[2J\\u007f"),
            ("\u{9b}31m\u{85}", "\\u009b31m\\u0085"),
            ("a\u{202e}b\u{2066}c\u{2029}d\u{200f}", "a\\u202eb\\u2066c\\u2029d\\u200f"),
        ] {
            assert_eq!(escaped(text), expected);
            assert_eq!(escaped(expected), expected, "once more changes nothing");
        }
        let all = (0..=0x2fff).filter_map(char::from_u32).collect::<String>();
        let json = serde_json::to_string(&all).unwrap();
        let read: String = serde_json::from_str(&escaped(&json)).unwrap();
        assert_eq!(read, all, "JSON keeps its meaning");
    }
}
