//! What documents cost.

use serde_json::{Value, json};

use super::{is_refused, judge, judge_with};

fn cost(text: &str) -> usize {
    judge(text).unwrap().cost
}

fn cost_with(text: &str, variables: Value) -> usize {
    judge_with(text, variables).unwrap().cost
}

#[test]
fn a_page_of_twenty_orders_with_history_passes_and_one_of_a_hundred_does_not() {
    let page = |first| format!("{{orders(first:{first}){{nodes{{history{{id}}saga{{state}}}}}}}}");
    assert_eq!(cost(&page(20)), 1 + 20 * (1 + 40 + 20));
    is_refused(&page(100), "max-cost");
    is_refused("{ordersOfCustomer(first:100){nodes{history{id}}}}", "max-cost");
    is_refused("{orders(first:100){nodes{saga{state}}}}", "max-cost");
    assert_eq!(cost("{orders(first:100){nodes{id}}}"), 101);
}

#[test]
fn fields_cost_what_the_table_says() {
    for (text, expected) in [
        ("{id __typename}", 0),
        ("{order(id:1){id}}", 1),
        ("{x:order(id:1){id} y:order(id:2){id saga{state}}}", 22),
        ("{orders{nodes{id}}}", 21),
        ("{ordersOfCustomer(first:3){nodes{history{id}}}}", 1 + 3 * 41),
        ("{order(id:1){history(first:3){id}}}", 24),
        ("mutation{placeOrder(input:{}){order{id}}}", 21),
        ("mutation{replaceOrderLines(id:1){id} changeOrderStatus(id:1){id}}", 40),
        ("subscription{orderEvents{order{saga{state}}}}", 22),
        ("{_entities(representations:[{a:1}{a:2}]){...on Order{history{id}}}}", 2 * 41),
        ("{_entities(representations:{}){id}}", 100),
        ("{_entities{id}}", 100),
        ("query A{order(id:1){id}} query B{order(id:1){id}}", 2),
        ("{order(id:1)@skip(if:true){id}}", 1),
    ] {
        assert_eq!(cost(text), expected, "{text}");
    }
}

#[test]
fn pages_are_told_from_other_fields() {
    for text in [
        "{orders}",
        "{ordersOfCustomer}",
        "{order{history}}",
        "{...F} fragment F on Query{_entities}",
    ] {
        assert!(judge(text).unwrap().reads_pages, "{text}");
    }
    for text in
        ["{order{saga}}", "{orders:id}", "mutation{placeOrder}", "{id} fragment F on Query{orders}"]
    {
        assert!(!judge(text).unwrap().reads_pages, "{text}");
    }
}

#[test]
fn what_is_no_number_up_to_a_hundred_counts_as_a_hundred() {
    for first in
        ["100", "101", "-1", "1.0", "1e1", "\"1\"", "[1]", "{}", "A", "99999999999999999999"]
    {
        assert_eq!(cost(&format!("{{orders(first:{first})}}")), 101, "{first}");
        assert_eq!(cost(&format!("query($n:Int={first}){{orders(first:$n)}}")), 101, "{first}");
    }
    for first in [json!("1"), json!(1.5), json!(-1), json!(1000), json!([1]), json!({})] {
        let variables = json!({"n": first});
        assert_eq!(cost_with("query($n:Int=1){orders(first:$n)}", variables.clone()), 101);
        assert_eq!(cost_with("{_entities(representations:$n)}", variables) % 99, 1);
    }
    // Null is the same as absent.
    assert_eq!((cost("{orders}"), cost("{orders(first:null)}")), (21, 21));
    assert_eq!(cost("query($n:Int=null){orders(first:$n)}"), 21);
    assert_eq!(cost_with("query($n:Int=1){orders(first:$n)}", json!({"n": null})), 21);
    assert_eq!(cost("{orders(first:0)}"), 1);
    assert_eq!(cost("{orders(first:1 first:9 first:5)}"), 10);
}

#[test]
fn variables_have_their_values_or_the_largest_of_their_defaults() {
    let text = "query A($n:Int=5){...F} query B($n:Int=7){id} query C($m:Int){...F}
        fragment F on Query{orders(first:$n)}";
    assert_eq!(cost(text), 2 * 8);
    assert_eq!(cost_with(text, json!({"n": 2})), 2 * 3);
    assert_eq!(cost("query($n:Int){orders(first:$n)}"), 21);
    assert_eq!(cost("{orders(first:$n)}"), 21);
    let entities = "query($e:[Any]=[1 2]){_entities(representations:$e)}";
    assert_eq!(cost(entities), 2);
    assert_eq!(cost_with(entities, json!({"e": [1, 2, 3]})), 3);
    assert_eq!(cost("query($e:[Any]){_entities(representations:$e)}"), 100);
}
