//! Texts whose strings and comments are easily misread: the scan sees what the library's parser sees.

use async_graphql::Positioned;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, Selection, SelectionSet, Type,
};
use async_graphql_value::{Name, Value};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::super::scan::Lexer;
use super::super::{Limits, scan};

const MOST: usize = usize::MAX;

fn limits(nesting: usize) -> Limits {
    Limits { words: MOST, nesting, ..Limits::default() }
}

/// The tokens of a text, and how deep its brackets are, character by character.
fn count(text: &str) -> (usize, usize) {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut tokens, mut depth, mut deepest) = (0, 0, 0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest[0] == '#' {
            at += rest.iter().take_while(|char| !['\n', '\r'].contains(*char)).count();
            continue;
        }
        if [' ', ',', '\t', '\n', '\r', '\u{feff}'].contains(&rest[0]) {
            at += 1;
            continue;
        }
        match rest[0] {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        tokens += 1;
        at += block(rest).or_else(|| line(rest)).unwrap_or_else(|| plain(rest));
    }
    (tokens, deepest)
}

fn starts(text: &[char], with: &str) -> bool {
    text.iter().copied().take(with.chars().count()).eq(with.chars())
}

fn block(text: &[char]) -> Option<usize> {
    if !starts(text, "\"\"\"") {
        return None;
    }
    let mut at = 3;
    while at < text.len() {
        if starts(&text[at..], "\"\"\"") {
            return Some(at + 3);
        }
        at += if starts(&text[at..], "\\\"\"\"") { 4 } else { 1 };
    }
    None
}

fn line(text: &[char]) -> Option<usize> {
    if text[0] != '"' {
        return None;
    }
    let mut at = 1;
    while at < text.len() && !['\n', '\r'].contains(&text[at]) {
        if text[at] == '"' {
            return Some(at + 1);
        }
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    None
}

fn plain(text: &[char]) -> usize {
    for word in ["true", "false", "null", "query", "mutation", "subscription", "fragment", "..."] {
        if starts(text, word) {
            return word.len();
        }
    }
    let run = |from: usize, is: fn(&char) -> bool| {
        text[from..].iter().take_while(|char| is(char)).count()
    };
    if text[0].is_ascii_alphabetic() || text[0] == '_' {
        return run(0, |char| char.is_ascii_alphanumeric() || *char == '_');
    }
    let digits = |from: usize| run(from.min(text.len()), char::is_ascii_digit);
    let at = |at: usize| text.get(at).copied().unwrap_or(' ');
    let mut end = usize::from(text[0] == '-');
    end += if at(end) == '0' { 1 } else { digits(end) };
    if end == 0 || digits(end - 1) == 0 {
        return 1;
    }
    if at(end) == '.' && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if ['e', 'E'].contains(&at(end)) {
        let sign = usize::from(['+', '-'].contains(&at(end + 1)));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    end
}

/// The least tokens that a parsed document can have been made of, and how deep its brackets are.
#[derive(Default)]
struct Least {
    tokens: usize,
    depth: usize,
    deepest: usize,
}

impl Least {
    fn of(document: &ExecutableDocument) -> Self {
        let mut least = Self::default();
        for (name, operation) in document.operations.iter() {
            let operation = &operation.node;
            least.tokens += name.map_or(0, |_| 2);
            if !operation.variable_definitions.is_empty() {
                least.within(|least| {
                    for variable in &operation.variable_definitions {
                        least.tokens += 3;
                        least.kind(&variable.node.var_type.node);
                        if let Some(default) = &variable.node.default_value {
                            least.tokens += 1;
                            least.value(&default.node.clone().into_value());
                        }
                        least.directives(&variable.node.directives);
                    }
                });
            }
            least.directives(&operation.directives);
            least.set(&operation.selection_set.node);
        }
        for fragment in document.fragments.values() {
            least.tokens += 4;
            least.directives(&fragment.node.directives);
            least.set(&fragment.node.selection_set.node);
        }
        least
    }

    fn within(&mut self, inner: impl FnOnce(&mut Self)) {
        self.tokens += 2;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        inner(self);
        self.depth -= 1;
    }

    fn kind(&mut self, kind: &Type) {
        self.tokens += usize::from(!kind.nullable);
        match &kind.base {
            BaseType::Named(_) => self.tokens += 1,
            BaseType::List(inner) => self.within(|least| least.kind(inner)),
        }
    }

    fn set(&mut self, set: &SelectionSet) {
        self.within(|least| set.items.iter().for_each(|item| least.selection(&item.node)));
    }

    fn selection(&mut self, selection: &Selection) {
        match selection {
            Selection::Field(field) => {
                self.tokens += 1 + 2 * usize::from(field.node.alias.is_some());
                self.arguments(&field.node.arguments);
                self.directives(&field.node.directives);
                if !field.node.selection_set.node.items.is_empty() {
                    self.set(&field.node.selection_set.node);
                }
            }
            Selection::FragmentSpread(spread) => {
                self.tokens += 2;
                self.directives(&spread.node.directives);
            }
            Selection::InlineFragment(inline) => {
                self.tokens += 1 + 2 * usize::from(inline.node.type_condition.is_some());
                self.directives(&inline.node.directives);
                self.set(&inline.node.selection_set.node);
            }
        }
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) {
        for directive in directives {
            self.tokens += 2;
            self.arguments(&directive.node.arguments);
        }
    }

    fn arguments(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)]) {
        if !arguments.is_empty() {
            self.within(|least| {
                for (_, value) in arguments {
                    least.tokens += 2;
                    least.value(&value.node);
                }
            });
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Variable(_) => self.tokens += 2,
            Value::List(entries) => {
                self.within(|least| entries.iter().for_each(|entry| least.value(entry)));
            }
            Value::Object(fields) => self.within(|least| {
                for field in fields.values() {
                    least.tokens += 2;
                    least.value(field);
                }
            }),
            _ => self.tokens += 1,
        }
    }
}

/// Scans a text, and compares what the scan finds with both counters. Tells whether the parser takes the text.
fn compare(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    while lexer.next().is_some() {}
    assert!(lexer.steps <= 3 * text.len(), "{} steps for {}: {text:?}", lexer.steps, text.len());
    let Ok(document) = parse_query(text) else { return false };
    let (tokens, deepest) = count(text);
    assert_eq!(scan(text, &limits(deepest)), Ok(tokens), "{text:?}");
    let refused = scan(text, &limits(deepest - 1)).expect_err(text);
    assert_eq!(refused.limit, "max-nesting");
    let least = Least::of(&document);
    assert!(tokens >= least.tokens && deepest >= least.deepest, "{text:?}");
    true
}

#[test]
fn brackets_in_strings_and_comments_do_not_count() {
    let brackets = ["[", "{", "("].map(|bracket| bracket.repeat(60 << 10));
    for brackets in &brackets {
        for (text, tokens) in [
            (format!("{{a(b:\"{brackets}\")}}"), 8),
            (format!("{{a(b:\"\\\"{brackets}\\\\\")}}"), 8),
            (format!("{{a(b:\"\"\"{brackets}\"\"\")}}"), 8),
            (format!("{{a(b:\"\"\"\\\"\"\"{brackets}\"\\\"\"\"\"\"\")}}"), 8),
            (format!("{{a #\"{brackets}\n}}"), 3),
            (format!("#\"\"\"{brackets}\r{{a}}"), 3),
        ] {
            assert_eq!(scan(&text, &Limits::default()), Ok(tokens));
            parse_query(&text).unwrap();
        }
    }
}

#[test]
fn brackets_after_tricky_strings_count() {
    for before in [
        r#""\\""#,
        r#""\"""#,
        r#""" "#,
        r#""""""""#,
        r#""""\"""""""#,
        r#""""a"b""c\"""d""""#,
        r#""""a""#,
        "#\"\"\"\n",
        "#\"\r",
        "\"\" \"#\"",
        "\"\u{2028}\"",
    ] {
        let text = format!("{{a(b:[{before} {}1{}])}}", "[".repeat(50), "]".repeat(50));
        assert!(compare(&text), "{text}");
        let deep = format!("{{a(b:[{before} {}", "[".repeat(60 << 10));
        assert_eq!(scan(&deep, &Limits::default()).unwrap_err().limit, "max-nesting", "{deep:.40}");
    }
    // No parser goes beyond these, and the scan counts on.
    for before in ["\"", "\"\n", "\"\\", "\"\\\n\"", "\"\\q\"", "\"\"\"", "\"\"\"\\\"\"\""] {
        let deep = format!("{{a(b:[{before} {}", "[".repeat(60 << 10));
        assert_eq!(scan(&deep, &Limits::default()).unwrap_err().limit, "max-nesting", "{before}");
    }
}

#[test]
fn pieces_that_the_parser_reads_without_a_space_count_one_by_one() {
    for (values, tokens) in [
        ("truefalsenull", 3),
        ("0000", 4),
        ("-0-1-2", 3),
        ("null1.5e3-1", 3),
        ("null00true", 4),
        ("\"\"\"\"\"\"\"\"", 2),
        ("\"\"\"a\" \"b\"", 3),
        ("$a$b$c", 6),
        ("a\u{feff}b,c", 3),
    ] {
        let text = format!("{{a(b:[{values}])}}");
        assert_eq!(scan(&text, &Limits::default()), Ok(9 + tokens), "{text}");
        assert_eq!(count(&text).0, 9 + tokens, "{text}");
    }
    assert!(compare("queryA{a}fragmentF on Q{a}"));
}

/// Pieces of texts, most of which can stand in a list of values.
const PIECES: [&str; 56] = [
    "\"\"",
    "\"\"\"\"\"\"",
    "\"\"\"",
    "\"",
    "\"\"",
    "\"a\"",
    "\"\\\\\"",
    "\"\\\"\"",
    "\"#\"",
    "\"[\"",
    "\"\\u0041\"",
    "\"\"\"\"a\"\"\"",
    "\"\"\"\\\"\"\"\"\"\"",
    "\"\"\"[\"\"\"",
    "\"\"\" \" \"\" \"\"\"",
    "\\",
    "\\\"",
    "\\\"\"\"",
    "#",
    "#\"\n",
    "#[\r",
    "#\"\"\"\r\n",
    "\n",
    "\r",
    " ",
    ",",
    "\u{feff}",
    "é",
    "[]",
    "[1[2]]",
    "[[",
    "]]",
    "{}",
    "{a:1}",
    "{a:[\"\"\"}\"\"\"]}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "true",
    "null",
    "falsefalse",
    "a",
    "_a1",
    "queryA",
    "0",
    "00",
    "-1",
    "1.5",
    "1e3",
    "2.5E-7",
    "...",
    "$v",
    "@d",
];

#[test]
fn the_scan_of_a_random_text_is_that_of_both_counters() {
    let piece = proptest::sample::select(&PIECES[..]);
    let few = proptest::collection::vec(piece, 0..7);
    let (mut taken, mut runner) = (0, TestRunner::deterministic());
    for _ in 0..8000 {
        let pieces = few.new_tree(&mut runner).unwrap().current().concat();
        taken += usize::from(compare(&format!("query Q{{a(b:[{pieces}])}}")));
        compare(&format!("{{a {pieces}}}"));
        compare(&pieces);
    }
    // It is no test where the parser takes nothing.
    assert!(taken > 1000, "{taken}");
}

#[test]
fn the_scan_of_a_long_random_text_is_linear() {
    let mut runner = TestRunner::deterministic();
    let some = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 1..6);
    for _ in 0..30 {
        let pieces = some.new_tree(&mut runner).unwrap().current().concat();
        let text = pieces.repeat((64 << 10) / pieces.len());
        compare(&text);
        let all = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 20_000);
        compare(&all.new_tree(&mut runner).unwrap().current().concat());
    }
    for piece in
        ["\"\"\"\\", "\"\"\"\\\"\"\"", "\"\\\"", "#\"", "\"\"\"\"", "null", "true0", "-", "0."]
    {
        compare(&piece.repeat((64 << 10) / piece.len()));
    }
}
