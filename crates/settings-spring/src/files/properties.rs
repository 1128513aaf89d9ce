//! Java's `.properties`, with Spring's `#---` between documents. Parsed by hand: `java-properties`
//! refuses the escapes of characters above U+FFFF, and it reads escapes in comments, so that
//! `# C:\users` is an error.

use super::{Document, Malformed};
use crate::layers::{Entry, Layer, Origin};

/// Reads a file's text.
pub(super) fn parse(text: &str, path: &str) -> Result<Vec<Document>, Malformed> {
    let mut documents = Vec::new();
    let mut entries = Layer::new();
    let mut lines = (1_usize..).zip(text.lines());
    while let Some((line, natural)) = lines.next() {
        let start = natural.trim_start_matches(BLANK);
        if start.starts_with(['#', '!']) {
            if matches!(start.trim_end(), "#---" | "!---") {
                documents.push(Document::new(std::mem::take(&mut entries))?);
            }
            continue;
        }
        let (mut logical, mut last) = (start.to_owned(), start);
        // The last line alone is looked at: what was joined before ends in no backslash, or in pairs of them.
        while continues(last) {
            logical.pop();
            last = lines.next().map_or("", |(_, next)| next.trim_start_matches(BLANK));
            logical.push_str(last);
        }
        if logical.is_empty() {
            continue;
        }
        let (name, value) = split(&logical);
        let unescaped = |raw| unescape(raw).ok_or_else(|| malformed(line));
        let origin = Origin::File { path: path.to_owned(), line };
        entries.push(Entry::new(unescaped(name)?, unescaped(value)?, origin));
    }
    documents.push(Document::new(entries)?);
    Ok(documents)
}

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

fn malformed(line: usize) -> Malformed {
    Malformed { line, reason: "\\u must be followed by four hexadecimal digits".into() }
}

/// Whether a line ends with a backslash that is not escaped itself.
fn continues(line: &str) -> bool {
    let backslashes = line.len().abs_diff(line.trim_end_matches('\\').len());
    backslashes % 2 == 1
}

/// Splits key and value. The key ends at the first `=`, `:` or blank that is not escaped.
fn split(logical: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = logical.find(|c| {
        let ends = !escaped && (c == '=' || c == ':' || BLANK.contains(&c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (name, rest) = logical.split_at(end.unwrap_or(logical.len()));
    let rest = rest.trim_start_matches(BLANK);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (name, value.trim_start_matches(BLANK))
}

fn unescape(raw: &str) -> Option<String> {
    // An escape `\u` stands for a unit of UTF-16, of which a character may need two.
    let mut units = Vec::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(c) = characters.next() {
        let escaped = if c == '\\' { characters.next() } else { None };
        let plain = match escaped {
            Some('u') => {
                let digits: String = characters.by_ref().take(4).collect();
                let unit = u16::from_str_radix(&digits, 16).ok();
                units.push(unit.filter(|_| digits.len() == 4)?);
                continue;
            }
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('f') => '\u{c}',
            Some(other) => other,
            // A backslash at the end of the file stands for nothing.
            None if c == '\\' => break,
            None => c,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, String, usize)> {
        let documents = parse(text, "f").unwrap();
        documents
            .into_iter()
            .flat_map(|document| document.entries)
            .map(|entry| match entry.origin {
                Origin::File { line, .. } => (entry.name, entry.value, line),
                _ => unreachable!(),
            })
            .collect()
    }

    #[test]
    fn lines_are_read_as_java_reads_them() {
        for (text, name, value) in [
            ("a=b", "a", "b"),
            ("  a : b ", "a", "b "),
            ("a b c", "a", "b c"),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("a==b", "a", "=b"),
            (r"a\:b=c", "a:b", "c"),
            (r"a\ b=c", "a b", "c"),
            (r"a=\u00e9\ud83d\ude00\t.", "a", "é😀\t."),
            (r"a=c:\\dir", "a", r"c:\dir"),
            (r"a=\${b}", "a", "${b}"),
            ("a=b\\\n   c", "a", "bc"),
            ("a=b\\\r\n   c\r\n", "a", "bc"),
            ("a=b\\", "a", "b"),
            ("a=b\\\\\\\n\\\nc", "a", r"b\c"),
        ] {
            assert_eq!(entries(text), [(name.into(), value.into(), 1)], "{text}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_ignored() {
        let text = "# a=b C:\\users\n\n ! c\n   \nx=1\n";
        assert_eq!(entries(text), [("x".into(), "1".into(), 5)]);
    }

    #[test]
    fn a_broken_escape_is_an_error_with_its_line() {
        assert_eq!(parse("x=1\ny=\\u12", "f").unwrap_err().line, 2);
    }

    #[test]
    fn documents_are_separated() {
        let text = "a=1\n#---\nspring.config.activate.on-profile=prod\na=2\n";
        let documents = parse(text, "f").unwrap();
        assert_eq!(documents.len(), 2);
        assert!(!documents[1].applies(crate::files::Circumstances::default()));
        assert_eq!(documents[1].entries[0].value, "2");
    }
}
