//! YAML: several documents, anchors and merge keys (`<<`). The keys of nested mappings are joined with
//! dots, and the elements of lists have an index. Read from the parser's events, which have lines.

use std::collections::BTreeMap;
use std::str::Chars;

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

use super::{Document, Malformed};
use crate::bounds::Room;
use crate::layers::{Entry, Layer, Origin};

/// The deepest nesting that is read: more than settings need, and little enough for the stack.
const MAX_DEPTH: u8 = 32;
/// The most nodes that a text may have, those that aliases repeat included: each alias may double all that stands before
/// it.
const MOST_NODES: usize = 50_000;

/// Reads a file's text.
pub(super) fn parse(text: &str, path: &str) -> Result<Vec<Document>, Malformed> {
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { parser, anchors: BTreeMap::new(), nodes: 0 };
    let mut room = Room::default();
    let mut documents = Vec::new();
    loop {
        let (event, marker) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(documents),
            Event::StreamStart | Event::DocumentStart | Event::DocumentEnd | Event::Nothing => {}
            content => {
                let whole = reader.node(content, marker, MAX_DEPTH)?;
                let mut entries = Layer::new();
                match whole {
                    Node::Mapping(_) => flatten("", &whole, path, &mut room, &mut entries)?,
                    // The document holds comments only.
                    Node::Scalar { ref text, .. } if text.is_empty() => {}
                    _ => return Err(malformed(marker, "must consist of keys and values")),
                }
                documents.push(Document::new(entries)?);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Node {
    Scalar { text: String, line: usize },
    Sequence(Vec<Node>, usize),
    Mapping(Vec<(String, Node)>),
}

struct Reader<'a> {
    parser: Parser<Chars<'a>>,
    /// Each with the number of its nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<(Event, Marker), Malformed> {
        self.parser.next_token().map_err(|error| scan_error(&error))
    }

    fn node(&mut self, event: Event, marker: Marker, depth: u8) -> Result<Node, Malformed> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(malformed(marker, "is nested too deeply"));
        };
        let before = self.nodes;
        self.count(1, marker)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(text, style, marker), anchor),
            Event::SequenceStart(anchor, _) => (self.sequence(marker, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).map(|(_, nodes)| *nodes);
                self.count(known.unwrap_or_default(), marker)?;
                let known = self.anchors.get(&anchor).map(|(node, _)| node.clone());
                return known.ok_or_else(|| malformed(marker, "refers to an unknown anchor"));
            }
            _ => return Err(malformed(marker, "ends too early")),
        };
        if anchor > 0 {
            let nodes = self.nodes.saturating_sub(before);
            self.count(nodes, marker)?;
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        Ok(node)
    }

    /// Counts nodes before they are made.
    fn count(&mut self, nodes: usize, marker: Marker) -> Result<(), Malformed> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return Err(malformed(marker, "has more than 50000 values, those of aliases included"));
        }
        Ok(())
    }

    fn sequence(&mut self, start: Marker, depth: u8) -> Result<Node, Malformed> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node::Sequence(elements, start.line())),
                (event, marker) => elements.push(self.node(event, marker, depth)?),
            }
        }
    }

    fn mapping(&mut self, depth: u8) -> Result<Node, Malformed> {
        let mut members = Vec::new();
        loop {
            let (event, marker) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Node::Mapping(members)),
                Event::Scalar(text, ..) => text,
                _ => return Err(malformed(marker, "has a key that is not plain text")),
            };
            let (event, marker) = self.next()?;
            members.push((key, self.node(event, marker, depth)?));
        }
    }
}

fn scalar(text: String, style: TScalarStyle, marker: Marker) -> Node {
    let is_null = style == TScalarStyle::Plain && matches!(text.as_str(), "~" | "null" | "Null");
    Node::Scalar { text: if is_null { String::new() } else { text }, line: marker.line() }
}

fn flatten(
    name: &str,
    node: &Node,
    path: &str,
    room: &mut Room,
    entries: &mut Layer,
) -> Result<(), Malformed> {
    let mut push = |value: &str, line: usize, room: &mut Room| {
        room.take(name, value).map_err(|reason| Malformed { line, reason: reason.to_owned() })?;
        entries.push(Entry::new(name, value, Origin::File { path: path.to_owned(), line }));
        Ok(())
    };
    match node {
        Node::Scalar { text, line } => push(text, *line, room),
        Node::Sequence(elements, line) if elements.is_empty() => push("", *line, room),
        Node::Sequence(elements, _) => {
            elements.iter().enumerate().try_for_each(|(index, element)| {
                flatten(&format!("{name}[{index}]"), element, path, room, entries)
            })
        }
        Node::Mapping(members) => {
            // In one layer the later entry wins: what is merged in comes first.
            let (merged, own): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| key == "<<");
            for (_, node) in merged {
                match node {
                    Node::Sequence(nodes, _) => {
                        for node in nodes.iter().rev() {
                            flatten(name, node, path, room, entries)?;
                        }
                    }
                    node => flatten(name, node, path, room, entries)?,
                }
            }
            own.into_iter().try_for_each(|(key, node)| {
                let member = match name {
                    "" => key.clone(),
                    prefix => format!("{prefix}.{key}"),
                };
                flatten(&member, node, path, room, entries)
            })
        }
    }
}

fn malformed(marker: Marker, reason: &str) -> Malformed {
    Malformed { line: marker.line(), reason: reason.to_owned() }
}

fn scan_error(error: &ScanError) -> Malformed {
    malformed(*error.marker(), error.info())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn entries(text: &str) -> Vec<String> {
        let documents = parse(text, "f").unwrap();
        documents
            .iter()
            .flat_map(|document| &document.entries)
            .map(|e| format!("{}={} {}", e.name, e.value, e.origin))
            .collect()
    }

    #[test]
    fn nested_keys_lists_and_empty_values_are_flattened_with_their_lines() {
        let text = "server:\n  port: 8082 # why\nspring.datasource:\n  url: \"x: y\"\nshop:\n  \
                    currencies:\n    - USD\n    - EUR\n  empty:\n  none: ~\n  list: []\nlogging:\n  \
                    level:\n    root: off\n    \"[com.example]\": debug\n";
        assert_eq!(
            entries(text),
            [
                "server.port=8082 f:2",
                "spring.datasource.url=x: y f:4",
                "shop.currencies[0]=USD f:7",
                "shop.currencies[1]=EUR f:8",
                "shop.empty= f:10",
                "shop.none= f:10",
                "shop.list= f:11",
                "logging.level.root=off f:14",
                "logging.level.[com.example]=debug f:15",
            ]
        );
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let text = "base: &b\n  x: 1\n  y: 2\nown:\n  y: 3\n  <<: *b\nother: *b\n";
        assert_eq!(
            entries(text)[2..],
            ["own.x=1 f:2", "own.y=2 f:3", "own.y=3 f:5", "other.x=1 f:2", "other.y=2 f:3"]
        );
    }

    #[test]
    fn documents_are_separated() {
        let text = "a: 1\n---\nspring:\n  config:\n    activate:\n      on-profile: prod\na: 2\n---\n# nothing\n";
        let documents = parse(text, "f").unwrap();
        assert!(documents[0].applies(crate::files::Circumstances::default()));
        assert!(!documents[1].applies(crate::files::Circumstances::default()));
        assert!(parse("", "f").unwrap().iter().all(|d| d.entries.is_empty()));
    }

    #[test]
    fn what_is_not_a_mapping_is_an_error_with_its_line() {
        for (text, line) in
            [("a: b: c\n", 1), ("- a\n", 1), ("a: [1\nb: 2\n", 2), ("? [x]\n: y\n", 1)]
        {
            assert_eq!(parse(text, "f").unwrap_err().line, line, "{text}");
        }
        for deep in
            ["[".repeat(100), "[".repeat(500_000), "{a: ".repeat(100_000), "- ".repeat(100_000)]
        {
            assert!(parse(&format!("a:\n  {deep}"), "f").is_err());
        }
    }

    #[test]
    fn aliases_that_double_at_each_level_are_refused_before_they_do() {
        let mut laughs = "a0: &a0 x\n".to_owned();
        for at in 1..64 {
            let before = format!("*a{}", at - 1);
            let _ = writeln!(laughs, "a{at}: &a{at} [{before},{before},{before}]");
        }
        let long = "k".repeat(800);
        let wide = vec!["*n"; 6_000].join(",");
        for (text, why) in [
            (laughs, "has more than 50000 values"),
            (format!("n: &n 1\n{long}: [{wide}]\n"), "more than 4 MiB"),
            (format!("? {0}\n: {0}: 1\n", "k".repeat(600)), "a name has more than 1000 bytes"),
        ] {
            let said = parse(&text, "f").unwrap_err().reason;
            assert!(said.contains(why), "{said}");
        }
    }
}
