//! Random documents: the guard finds what the slow counter finds.

use std::fmt::Write as _;

use async_graphql::Variables;
use async_graphql::parser::parse_query;
use proptest::prelude::*;
use serde_json::json;

use super::super::{Limits, OVERLAPS, measure};
use super::slow::{Counted, Slow};

/// Makes a document out of random numbers.
struct Writer {
    choices: std::vec::IntoIter<u8>,
    fragments: usize,
    text: String,
}

const NAMES: [&str; 20] = [
    "a",
    "b",
    "__typename",
    "order",
    "orders",
    "ordersOfCustomer",
    "history",
    "saga",
    "_entities",
    "placeOrder",
    "changeOrderStatus",
    "orderEvents",
    "__schema",
    "__type",
    "types",
    "fields",
    "inputFields",
    "interfaces",
    "possibleTypes",
    "ofType",
];

impl Writer {
    fn pick(&mut self, below: usize) -> usize {
        usize::from(self.choices.next().unwrap_or(0)) % below
    }

    fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    fn directives(&mut self) {
        for _ in 0..self.pick(8).saturating_sub(5) {
            let directives = ["@d", "@skip(if:$n)", "@d(a:{b:[1 $n]})", "@include(if:true)"];
            let at = self.pick(directives.len());
            self.push(directives[at]);
        }
    }

    fn field(&mut self) {
        if self.pick(4) == 0 {
            self.push("x:");
        }
        let name = NAMES[self.pick(NAMES.len())];
        self.push(name);
        let arguments = [
            "",
            "",
            "",
            "(first:3)",
            "(first:$n)",
            "(first:$m)",
            "(first:101)",
            "(first:null)",
            "(a:\"this is a text of more than thirty-two bytes\" b:[$l {c:$m d:1}])",
            "(representations:[1 2])",
            "(representations:$l)",
            "(representations:$n, first:0)",
        ];
        let at = self.pick(arguments.len());
        self.push(arguments[at]);
        self.directives();
    }

    /// A selection set that spreads fragments from this one on.
    fn set(&mut self, from: usize, depth: usize) {
        self.push("{");
        for _ in 0..=self.pick(3) {
            match self.pick(6) {
                0 | 1 if from < self.fragments => {
                    let at = from + self.pick(self.fragments - from);
                    write!(self.text, "...F{at} ").unwrap();
                    self.directives();
                }
                0 if self.pick(8) == 0 => self.push("...Unknown "),
                2 if depth > 0 => {
                    let starts = ["...", "...on T"];
                    let at = self.pick(starts.len());
                    self.push(starts[at]);
                    self.directives();
                    self.set(from, depth - 1);
                }
                _ => {
                    self.field();
                    if depth > 0 && self.pick(2) == 0 {
                        self.set(from, depth - 1);
                    }
                }
            }
            self.push(" ");
        }
        self.push("}");
    }

    fn document(mut self) -> String {
        self.fragments = self.pick(5);
        for at in 0..self.fragments {
            let types = ["T", "__Type"];
            let condition = types[self.pick(types.len())];
            write!(self.text, "fragment F{at} on {condition} ").unwrap();
            self.directives();
            self.set(at + 1, 3);
        }
        for at in 0..=self.pick(3) {
            write!(self.text, "query Q{at}(").unwrap();
            let variables =
                ["$n:Int", "$n:Int=7", "$n:Int@d=200", "$m:Int=2", "$l:[T]=[1 2 3]", "$l:[T]"];
            for _ in 0..=self.pick(3) {
                let at = self.pick(variables.len());
                self.push(variables[at]);
                self.push(" ");
            }
            self.push(")");
            self.directives();
            self.set(0, 4);
        }
        self.text
    }
}

/// The first limit that is broken.
fn broken(
    all: &Counted,
    fragments: &[Counted],
    used: usize,
    limits: &Limits,
) -> Option<&'static str> {
    let most = |count: fn(&Counted) -> usize| {
        fragments.iter().chain([all]).map(count).max().unwrap_or_default()
    };
    let overlaps = fragments.iter().chain([all]).map(|part| part.overlaps).sum::<usize>();
    let checks = [
        ("max-fragments", fragments.len(), limits.fragments),
        ("max-nesting", most(|part| part.levels), limits.nesting),
        ("introspection", most(|part| part.schema_lists), 1),
        ("max-depth", most(|part| part.depth), limits.depth),
        ("max-depth", most(|part| part.schema_depth), 16),
        ("max-fields", most(|part| part.fields), limits.fields),
        ("max-aliases", most(|part| part.aliases), limits.aliases),
        ("max-directives", most(|part| part.directives), limits.directives),
        ("max-cost", most(|part| part.cost), limits.cost),
        ("values", most(|part| part.values), limits.words.saturating_add(used)),
        ("overlaps", overlaps, OVERLAPS),
        ("max-root-fields", all.root_fields, limits.root_fields),
    ];
    checks.iter().find(|(_, found, most)| found > most).map(|(limit, ..)| *limit)
}

fn compare(text: &str, variables: serde_json::Value, limits: &Limits) -> Option<&'static str> {
    let bytes = text.len() + variables.to_string().len();
    let document = parse_query(text).expect(text);
    let variables = Variables::from_json(variables);
    let slow = Slow { document: &document, variables: &variables };
    let (all, fragments) = (slow.operations(), slow.fragments());
    let broken = broken(&all, &fragments, slow.used(), limits);
    match measure(&document, &variables, limits) {
        Err(refused) => assert_eq!(Some(refused.limit), broken, "{refused}\n{text}"),
        Ok(found) => {
            assert_eq!(broken, None, "{text}");
            let counted = (all.fields, all.aliases, all.directives, all.cost, all.reads_pages);
            let measured =
                (found.fields, found.aliases, found.directives, found.cost, found.reads_pages);
            assert_eq!(measured, counted, "{text}");
            let counted = (all.depth.max(all.schema_depth), all.root_fields, fragments.len());
            assert_eq!((found.depth, found.root_fields, found.fragments), counted, "{text}");
            assert!(found.steps <= bytes, "{} steps: {text}", found.steps);
        }
    }
    broken
}

fn limits(small: bool) -> Limits {
    const MOST: usize = usize::MAX;
    if small {
        return Limits {
            words: 10,
            nesting: 9,
            depth: 6,
            fields: 60,
            aliases: 12,
            root_fields: 6,
            fragments: 3,
            directives: 12,
            cost: 2000,
        };
    }
    Limits {
        words: MOST,
        nesting: 1000,
        depth: MOST,
        fields: MOST,
        aliases: MOST,
        root_fields: MOST,
        fragments: MOST,
        directives: MOST,
        cost: MOST,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_measure_of_a_random_document_is_that_of_the_slow_counter(
        choices in proptest::collection::vec(any::<u8>(), 10..250),
        given in 0..4_usize,
    ) {
        let writer = Writer { choices: choices.into_iter(), fragments: 0, text: String::new() };
        let text = writer.document();
        let variables = [
            json!({}),
            json!({"n": 4}),
            json!({"n": 1000, "l": [1, {"a-name-of-more-than-thirty-two-bytes": 1}], "m": null}),
            json!({"l": "a text of more than thirty-two bytes", "other": [1]}),
        ];
        for small in [false, true] {
            compare(&text, variables[given].clone(), &limits(small));
        }
    }
}
