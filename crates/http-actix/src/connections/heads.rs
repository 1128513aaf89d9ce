//! Counts the heads of requests in a stream of bytes.

use memchr::memchr_iter;

/// Finds where heads end. It takes each empty line for an end: there is no head without one, so at least as many ends
/// are counted as requests come; an empty line in a body is counted, too.
#[derive(Debug, Default)]
pub(super) struct Heads {
    line: Line,
    /// Whether bytes have come since the last end.
    is_within: bool,
}

/// The line that is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Something is on it.
    #[default]
    Used,
    /// Nothing is on it.
    Empty,
    /// A carriage return alone is on it.
    Returned,
}

impl Line {
    /// The line with more on it.
    fn with(self, bytes: &[u8]) -> Self {
        match (self, bytes) {
            (line, b"") => line,
            (Self::Empty, b"\r") => Self::Returned,
            _ => Self::Used,
        }
    }
}

impl Heads {
    /// Passes bytes up to the end of the `most`th head: how many bytes, and how many heads end in them.
    pub(super) fn pass(&mut self, bytes: &[u8], most: usize) -> (usize, usize) {
        let (mut passed, mut heads) = (0_usize, 0_usize);
        for at in memchr_iter(b'\n', bytes) {
            let line = self.line.with(bytes.get(passed..at).unwrap_or_default());
            self.line = Line::Empty;
            passed = at.saturating_add(1);
            self.is_within = line == Line::Used;
            if line != Line::Used {
                heads = heads.saturating_add(1);
                if heads >= most {
                    return (passed, heads);
                }
            }
        }
        let rest = bytes.get(passed..).unwrap_or_default();
        self.line = self.line.with(rest);
        self.is_within |= !rest.is_empty();
        (bytes.len(), heads)
    }

    /// Whether the bytes so far end within a head.
    pub(super) fn is_within(&self) -> bool {
        self.is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_up_to_the_end_of_a_head() {
        let mut heads = Heads::default();
        assert_eq!(heads.pass(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET", 1), (27, 1));
        assert!(!heads.is_within());
        assert_eq!(heads.pass(b"GET / HTTP/1.1\n\nGET", 4), (19, 1));
        assert!(heads.is_within());
    }

    #[test]
    fn an_end_may_come_in_pieces() {
        let mut heads = Heads::default();
        for piece in ["GET / HTTP/1.1\r", "\n", "\r"] {
            assert_eq!(heads.pass(piece.as_bytes(), 1), (piece.len(), 0), "{piece:?}");
        }
        assert_eq!(heads.pass(b"\nGET", 1), (1, 1));
    }

    #[test]
    fn a_body_without_empty_lines_has_no_ends() {
        let mut heads = Heads::default();
        assert_eq!(heads.pass(b"{\"a\": 1,\r\n \"b\": \"\\n\\n\"}\r\n", 1).1, 0);
    }
}
