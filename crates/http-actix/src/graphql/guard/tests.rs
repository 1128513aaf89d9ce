//! What the guard takes and what it refuses.

#![expect(clippy::arithmetic_side_effects, reason = "tests count small numbers")]

mod bombs;
mod costs;
mod library;
mod random;
mod slow;
mod tricky;

use async_graphql::Variables;
use async_graphql::parser::parse_query;
use serde_json::{Value, json};

use super::{Limits, Measure, TooExpensive, measure, scan};

/// Judges a document as the service does. A step of the guard has a byte of its own in the document or its variables.
fn judge_with(text: &str, variables: Value) -> Result<Measure, TooExpensive> {
    let limits = Limits::default();
    scan(text, &limits)?;
    let document = parse_query(text).expect("a document");
    let bytes = text.len() + variables.to_string().len();
    let measure = measure(&document, &Variables::from_json(variables), &limits)?;
    assert!(measure.steps <= bytes, "{} steps for {bytes} bytes", measure.steps);
    Ok(measure)
}

fn judge(text: &str) -> Result<Measure, TooExpensive> {
    judge_with(text, json!({}))
}

#[track_caller]
fn is_refused(text: &str, limit: &str) {
    is_refused_with(text, json!({}), limit);
}

#[track_caller]
fn is_refused_with(text: &str, variables: Value, limit: &str) {
    let refused = judge_with(text, variables).expect_err("a refusal");
    assert_eq!(refused.limit, limit, "{refused}");
    assert!(refused.found > refused.most, "{refused}");
}

/// The pieces that a function makes of the numbers below this one.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().join(" ")
}

/// Fragments of which each spreads the next one twice, up to a last one with a field.
fn doubling(count: usize) -> Vec<String> {
    let twice = |at: usize| format!("fragment F{at} on Query{{...F{0} ...F{0}}}", at + 1);
    (0..count).map(twice).chain([format!("fragment F{count} on Query{{id}}")]).collect()
}

#[test]
fn a_document_is_measured_with_its_fragments_put_in() {
    let text = "query A($a: Int @d) @d { ...F x: order(id: 1) { id ...F } }
        query B { ...F ... @d { a b c { d } } }
        fragment F on Query @d { y: history(first: 5) { id } ...G @d }
        fragment G on Query { __typename }";
    let found = judge(text).unwrap();
    let steps = found.steps;
    let measure = Measure {
        // F is three fields, and is there three times.
        fields: 9 + 2 + 4,
        depth: 3,
        aliases: 3 + 1,
        root_fields: 5,
        fragments: 2,
        directives: 3 * 2 + 2 + 1,
        cost: 3 * 25 + 1,
        reads_pages: true,
        steps,
    };
    assert_eq!(found, measure);
    // Definitions, selections, arguments, directives, values.
    assert_eq!(steps, 5 + 14 + 2 + 5 + 2);
}

#[test]
fn a_refusal_tells_what_is_found_and_what_is_taken() {
    let refused = scan(&"a ".repeat(4001), &Limits::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the document has 4001 words and signs; at most 4000 are taken"
    );
    assert_eq!((refused.limit, refused.found, refused.most), ("max-words", 4001, 4000));
}

#[test]
fn every_limit_is_taken_up_to_its_last_one() {
    let fields = |count| format!("{{a{{{}}}}}", many(count, |_| "a".into()));
    assert_eq!(judge(&fields(999)).unwrap().fields, 1000);
    is_refused(&fields(1000), "max-fields");
    let aliases = |count| format!("{{a{{{}}}}}", many(count, |at| format!("a{at}:a")));
    assert_eq!(judge(&aliases(50)).unwrap().aliases, 50);
    is_refused(&aliases(51), "max-aliases");
    let roots = |count| format!("{{{}}}", many(count, |_| "a".into()));
    assert_eq!(judge(&roots(10)).unwrap().root_fields, 10);
    is_refused(&roots(11), "max-root-fields");
    let depth = |count: usize| format!("{}a{}", "{a".repeat(count - 1) + "{", "}".repeat(count));
    assert_eq!(judge(&depth(12)).unwrap().depth, 12);
    is_refused(&depth(13), "max-depth");
    let fragments = |count| many(count, |at| format!("fragment F{at} on Query{{a}}")) + "{a}";
    assert_eq!(judge(&fragments(50)).unwrap().fragments, 50);
    is_refused(&fragments(51), "max-fragments");
    let name = |count| format!("{{{}}}", "a".repeat(count));
    judge(&name(256)).unwrap();
    is_refused(&name(257), "name");
    is_refused(&format!("{{{}}}", "true00subscription".repeat(20)), "name");
}

#[test]
fn the_usual_query_for_the_schema_passes() {
    let found = judge(SCHEMA_QUERY).unwrap();
    assert_eq!((found.depth, found.cost, found.reads_pages), (15, 0, false));
}

#[test]
fn only_the_schema_may_be_asked_for_deeper() {
    let types =
        |depth: usize| format!("kind {} kind {}", "ofType{".repeat(depth), "}".repeat(depth));
    judge(&format!("{{__type(name:\"A\"){{{}}}}}", types(14))).unwrap();
    is_refused(&format!("{{__type(name:\"A\"){{{}}}}}", types(15)), "max-depth");
    is_refused(&format!("{{type(name:\"A\"){{{}}}}}", types(11)), "max-depth");
    judge(&format!("{{__typename}} fragment F on __Type{{{}}}", types(15))).unwrap();
    is_refused(&format!("{{__typename}} fragment F on Type{{{}}}", types(12)), "max-depth");
}

#[test]
fn a_deep_document_is_measured_on_a_small_stack() {
    const STACK: usize = 512 << 10;
    let levels = |count: usize, leaf: &str| {
        format!("{}{leaf}{}", "{...".repeat(count - 1) + "{", "}".repeat(count))
    };
    let fragment =
        |at: usize| format!("fragment F{at} on Query{}", levels(4, &format!("...F{}", at + 1)));
    let document = |count: usize| {
        let fragments = many(count, fragment);
        format!("{fragments} fragment F{count} on Query{{id}} {}", levels(2, "...F0"))
    };
    // Two levels of the operation, four of each fragment, two of the last.
    let fields = format!("{}a{}", "{a".repeat(63) + "{", "}".repeat(64));
    for (text, limit) in [(document(15), None), (fields, Some("max-depth"))] {
        let parsed = parse_query(text).unwrap();
        let run = move || measure(&parsed, &Variables::default(), &Limits::default());
        let small = std::thread::Builder::new().stack_size(STACK);
        let found = small.spawn(run).unwrap().join().unwrap();
        assert_eq!(found.err().map(|refused| refused.limit), limit);
    }
    is_refused(&document(16), "max-nesting");
    // The same where nothing spreads the first one.
    is_refused(&format!("{{id}} {}", document(16).replace("{...{...F0}}", "")), "max-nesting");
}

/// As graphql-js makes it, with all options.
const SCHEMA_QUERY: &str = r"
    query IntrospectionQuery {
      __schema {
        description
        queryType { name kind }
        mutationType { name kind }
        subscriptionType { name kind }
        types { ...FullType }
        directives {
          name
          description
          isRepeatable
          locations
          args(includeDeprecated: true) { ...InputValue }
        }
      }
    }
    fragment FullType on __Type {
      kind
      name
      description
      specifiedByURL
      isOneOf
      fields(includeDeprecated: true) {
        name
        description
        args(includeDeprecated: true) { ...InputValue }
        type { ...TypeRef }
        isDeprecated
        deprecationReason
      }
      inputFields(includeDeprecated: true) { ...InputValue }
      interfaces { ...TypeRef }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { ...TypeRef }
    }
    fragment InputValue on __InputValue {
      name
      description
      type { ...TypeRef }
      defaultValue
      isDeprecated
      deprecationReason
    }
    fragment TypeRef on __Type {
      kind
      name
      ofType {
        kind
        name
        ofType {
          kind
          name
          ofType {
            kind
            name
            ofType {
              kind
              name
              ofType {
                kind
                name
                ofType {
                  kind
                  name
                  ofType {
                    kind
                    name
                    ofType {
                      kind
                      name
                      ofType {
                        kind
                        name
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }";
