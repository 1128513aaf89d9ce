//! Short documents that would keep the library busy, each with the limit that refuses it.

use serde_json::json;

use super::super::{Limits, scan};
use super::{doubling, is_refused, is_refused_with, judge, judge_with, many};

#[test]
fn fragments_that_double_are_refused_in_every_order() {
    let mut fragments = doubling(30);
    for at in 0..fragments.len() {
        fragments.rotate_left(7);
        fragments.swap(at, 0);
        is_refused(&format!("{{...F0}} {}", fragments.join(" ")), "max-fields");
        is_refused(&format!("{} {{...F0}}", fragments.join(" ")), "max-fields");
    }
    fragments.reverse();
    is_refused(&format!("{{...F0}} {}", fragments.join(" ")), "max-fields");
    let below = fragments.join(" ").replace("{...", "{a{...").replace('}', "}}");
    is_refused(&format!("{{...F0}} {}", below.replace("{id}}", "{id}")), "max-depth");
}

#[test]
fn fragments_that_double_are_refused_where_they_lead_to_no_field() {
    let fragments = doubling(30).join(" ").replace("{id}", "{...Unknown}");
    is_refused(&format!("{{...F0}} {fragments}"), "max-fields");
}

#[test]
fn fragments_that_nothing_spreads_are_refused_like_others() {
    is_refused(&format!("{{id}} {}", doubling(30).join(" ")), "max-fields");
    let aliases = many(51, |at| format!("a{at}:a"));
    is_refused(&format!("{{id}} fragment F on Query{{{aliases}}}"), "max-aliases");
    let page = "orders(first:100){history{id}}";
    is_refused(&format!("{{id}} fragment F on Query{{{page}}}"), "max-cost");
    let deep = format!("{}{}", "{a".repeat(13), "}".repeat(13));
    is_refused(&format!("{{id}} fragment F on Query{}", deep.replace("{a}", "{a b}")), "max-depth");
    is_refused(&format!("{{id}} fragment F on Query{{a {}}}", "@d".repeat(51)), "max-directives");
}

#[test]
fn aliases_that_double_with_the_depth_are_refused() {
    let fragments = |count: usize| {
        let twice =
            |at: usize| format!("fragment F{at} on Query{{a:a{{...F{0}}} b:a{{...F{0}}}}}", at + 1);
        format!("{{...F0}} {} fragment F{count} on Query{{id}}", many(count, twice))
    };
    judge(&fragments(4)).unwrap();
    is_refused(&fragments(5), "max-aliases");
    is_refused(&fragments(13), "max-depth");
}

#[test]
fn floods_of_directives_are_refused_wherever_they_stand() {
    for [before, after] in [
        ["{a ", "}"],
        ["{a{... ", "{b}}}"],
        ["query ", "{a}"],
        ["query($v:Int", "){a(v:$v)}"],
        ["{...F ", "} fragment F on Query{a}"],
        ["{...F} fragment F on Query ", "{a}"],
        ["{a} fragment F on Query ", "{a}"],
    ] {
        judge(&format!("{before}{}{after}", "@d".repeat(50))).unwrap();
        is_refused(&format!("{before}{}{after}", "@d".repeat(51)), "max-directives");
        is_refused(&format!("{before}{}{after}", "@d(a:[1])".repeat(51)), "max-directives");
    }
    is_refused(&format!("{{a {}}}", "@d".repeat(32 << 10)), "max-words");
}

#[test]
fn floods_of_brackets_never_reach_the_parser() {
    for bracket in ["[", "{", "(", "{a", "{a(b:[", "{a(b:{c:"] {
        for before in
            ["", "{a(b:", "query($a:", "\"\\\"\" ", "\"\"\"\\\"\"\"\"\"\" ", "#\"\n", "\u{feff}"]
        {
            let text = before.to_owned() + &bracket.repeat((64 << 10) / bracket.len());
            assert_eq!(
                scan(&text, &Limits::default()).unwrap_err().limit,
                "max-nesting",
                "{before}"
            );
        }
    }
    let list = |depth: usize| format!("{{a(b:{}{})}}", "[".repeat(depth), "]".repeat(depth));
    judge(&list(62)).unwrap();
    is_refused(&list(63), "max-nesting");
    is_refused(&format!("query($v:{}Int{}){{a}}", "[".repeat(64), "]".repeat(64)), "max-nesting");
}

#[test]
fn wide_variables_are_refused() {
    let variables = |count| format!("query({}){{a}}", many(count, |at| format!("$v{at}:Int")));
    judge(&variables(998)).unwrap();
    is_refused(&variables(999), "max-words");
    // The library would copy the value of the variable once for each use.
    let uses = |count: usize| {
        format!("query($v:[Any]){{_entities(representations:[{}])}}", "$v".repeat(count))
    };
    let wide = json!({"v": vec![0; 3000]});
    judge_with(&uses(2), wide.clone()).unwrap();
    is_refused_with(&uses(3), wide, "values");
    is_refused_with(&uses(500), json!({"v": "x".repeat(60 << 10)}), "values");
    is_refused_with(&uses(500), json!({"v": {"x".repeat(60 << 10): 0}}), "values");
    let default = "[0]".repeat(40);
    let text = format!("query($v:[[Int]]=[{default}]){{a(b:[{}])}}", "$v".repeat(60));
    is_refused(&text, "values");
    // A variable that nothing defines is an error for each operation that leads to it.
    let operations = many(300, |at| format!("query Q{at}{{...F}}"));
    let undefined = many(500, |at| format!("$v{at}"));
    let text = format!("{operations} fragment F on Query{{a(b:[{undefined}])}}");
    is_refused(&text, "values");
    // What is given and not used makes no room for others.
    is_refused_with(&text, json!({"v": vec![0; 200_000]}), "values");
}

#[test]
fn arguments_that_would_be_compared_too_often_are_refused() {
    let compared = |arguments: usize, fields: usize, before: &str, after: &str| {
        let arguments = many(arguments, |at| format!("a{at}:0"));
        format!("{{a{{{before}b({arguments}) {}{after}}}}}", many(fields - 1, |_| "b".into()))
    };
    judge(&compared(50, 100, "", "")).unwrap();
    is_refused(&compared(50, 101, "", ""), "overlaps");
    // Each level of fragments compares them again.
    is_refused(&compared(50, 51, "...{", "}"), "overlaps");
    let heavy = "fragment F on Query{b(a:0 b:0) ".to_owned() + &"b ".repeat(99) + "}";
    let unused = many(25, |at| format!("fragment F{at} on Query{{...F}}"));
    is_refused(&format!("{{a}} {heavy} {unused}"), "overlaps");
}

#[test]
fn many_operations_count_together() {
    let operations = |count, body: &str| many(count, |at| format!("query Q{at}{{{body}}}"));
    judge(&operations(100, "a a a a a a a a a a")).unwrap();
    is_refused(&operations(101, "a a a a a a a a a a"), "max-fields");
    is_refused(&operations(51, "a:a"), "max-aliases");
    is_refused(&operations(51, "a @d"), "max-directives");
    is_refused(&operations(101, "saga{a}"), "max-cost");
    is_refused(&operations(1001, "a"), "max-words");
}

#[test]
fn cycles_of_the_schema_are_refused() {
    for cycle in [
        "{__schema{types{fields{type{fields{name}}}}}}",
        "{__type(name:\"A\"){fields{type{fields{name}}}}}",
        "{__type(name:\"A\"){x:interfaces{possibleTypes{name}}}}",
        "{__type(name:\"A\"){inputFields{type{ofType{inputFields{name}}}}}}",
        "{__schema{types{...F}}} fragment F on __Type{fields{type{...G}}} fragment G on __Type{interfaces{name}}",
        "{__schema{...{queryType{...F}}}} fragment F on __Type{...{fields{type{...on __Type{possibleTypes{name}}}}}}",
        "{a} fragment F on __Type{fields{type{fields{name}}}}",
        "{a} fragment F on Query{__schema{types{fields{type{fields{name}}}}}}",
    ] {
        is_refused(cycle, "introspection");
    }
    judge("{__schema{types{fields{type{name}} interfaces{name}} queryType{fields{name}}}}")
        .unwrap();
    // Elsewhere the names mean nothing.
    judge("{fields{interfaces{fields{possibleTypes}}}}").unwrap();
}

#[test]
fn cyclic_fragments_are_refused() {
    for cycle in [
        "{...A} fragment A on Query{...A}",
        "{...A} fragment A on Query{a{...A ...A}}",
        "{...A} fragment A on Query{a ...B} fragment B on Query{...{...A}}",
        "{...A} fragment A on Query{...B ...B} fragment B on Query{...C ...C} fragment C on Query{...A ...B}",
        "{a} fragment A on Query{...A}",
        "{a} fragment A on Query{...B} fragment B on Query{...A}",
    ] {
        is_refused(cycle, "max-depth");
    }
}
