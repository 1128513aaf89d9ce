//! Tests of the comparison of GraphQL schemas: it finds each kind of breaking change, and lets compatible ones pass. The changes
//! are planted in a small schema that has every kind of type; in the schema of the service, each part is taken out in turn.

use crate::graphql::{Schema, breaks, breaks_of};
use crate::schemas;

/// A schema with every kind of type.
const SHOP: &str = r#"directive @tag(name: String! color: String) repeatable on OBJECT | FIELD_DEFINITION
directive @audit on OBJECT
scalar Amount @specifiedBy(url: "https://a.example/amount")
scalar Token
enum Status { PENDING SHIPPED }
interface Node { id: ID! }
interface Named { name: String }
union Found = Order | Customer
type Customer implements Node & Named { id: ID! name: String }
type Order implements Node {
  id: ID!
  status: Status!
  total: Amount!
  note: String
  lines(first: Int! = 20, after: String, reverse: Boolean!): [Line!]!
  tags: [String]
  nested: [[String!]!]
}
type Line { product: ID! quantity: Int }
input LineInput { product: ID! quantity: Int = 1 note: String }
input PlaceInput { customer: ID! lines: [LineInput!]! key: String labels: [String] }
type Query { order(id: ID!): Order find(text: String, limit: Int = 10, status: Status = PENDING, kinds: [Status!]): [Found!]! old: Int @deprecated(reason: "gone soon") }
type Mutation { place(input: PlaceInput!): Order! }
type Subscription { events(after: ID): Order! }
schema { query: Query mutation: Mutation subscription: Subscription }
"#;

/// A text of the schema, and what stands there instead.
type Change = (&'static str, &'static str);

/// What breaks clients, each change with the words of its error.
const BREAKING: &[(Change, &str)] = &[
    // Parts that are gone.
    (("scalar Token\n", ""), "Token: was removed"),
    (("  note: String\n", ""), "Order.note: was removed"),
    ((" old: Int @deprecated(reason: \"gone soon\")", ""), "Query.old: was removed"),
    ((", reverse: Boolean!", ""), "Order.lines(reverse): was removed"),
    ((", after: String", ""), "Order.lines(after): was removed"),
    ((" SHIPPED", ""), "Status.SHIPPED: was removed"),
    ((" note: String }", " }"), "LineInput.note: was removed"),
    ((" = Order | Customer", " = Order"), "Found: Customer was removed"),
    (("Customer implements Node & Named", "Customer implements Node"), "Customer: Named was"),
    ((" subscription: Subscription", ""), "subscription: was removed"),
    (("query: Query", "query: Customer"), "query: its type was Query and is Customer"),
    (("directive @audit on OBJECT\n", ""), "@audit: was removed"),
    ((" color: String", ""), "@tag(color): was removed"),
    (("OBJECT | FIELD_DEFINITION", "OBJECT"), "@tag: FieldDefinition was removed"),
    // New names are old ones removed.
    (("  note: String\n", "  remark: String\n"), "Order.note: was removed"),
    (("PENDING SHIPPED", "PENDING SENT"), "Status.SHIPPED: was removed"),
    // What has to be sent now.
    (("(id: ID!)", "(id: ID!, tenant: ID!)"), "Query.order(tenant): is new, and required"),
    (("  note: String\n", "  note(in: String!): String\n"), "Order.note(in): is new, and required"),
    (("key: String ", "key: String region: ID! "), "PlaceInput.region: is new, and required"),
    (("color: String", "color: String, level: Int!"), "@tag(level): is new, and required"),
    // What clients get promises less.
    (("total: Amount!", "total: Amount"), "Order.total: its type was Amount! and is Amount"),
    (("[Line!]!", "[Line!]"), "Order.lines: its type was [Line!]! and is [Line!]"),
    (("[Line!]!", "[Line]!"), "Order.lines: its type was [Line!]! and is [Line]!"),
    (("[[String!]!]", "[[String]!]"), "Order.nested: its type"),
    (("quantity: Int }", "quantity: Float }"), "Line.quantity: its type was Int and is Float"),
    (("quantity: Int }", "quantity: [Int] }"), "Line.quantity: its type was Int and is [Int]"),
    (("tags: [String]", "tags: String"), "Order.tags: its type was [String] and is String"),
    (("interface Node { id: ID! }", "interface Node { id: ID }"), "Node.id: its type"),
    (("events(after: ID): Order!", "events(after: ID): Order"), "Subscription.events: its type"),
    // What clients send is asked more of.
    (("key: String ", "key: String! "), "PlaceInput.key: its type was String and is String!"),
    (("labels: [String]", "labels: [String!]"), "PlaceInput.labels: its type"),
    (("labels: [String]", "labels: [String]!"), "PlaceInput.labels: its type"),
    (("labels: [String]", "labels: String"), "PlaceInput.labels: its type"),
    (("customer: ID!", "customer: Int!"), "PlaceInput.customer: its type was ID! and is Int!"),
    (("text: String", "text: String!"), "Query.find(text): its type"),
    (("limit: Int = 10", "limit: Int! = 10"), "Query.find(limit): its type was Int and is Int!"),
    (("kinds: [Status!]", "kinds: [String!]"), "Query.find(kinds): its type"),
    (("events(after: ID)", "events(after: ID!)"), "Subscription.events(after): its type"),
    (("name: String! color", "name: Int! color"), "@tag(name): its type was String! and is Int!"),
    // What a request without the value means.
    (("limit: Int = 10", "limit: Int = 20"), "Query.find(limit): its default changed"),
    (("limit: Int = 10", "limit: Int"), "Query.find(limit): its default changed"),
    (("text: String", "text: String = \"all\""), "Query.find(text): its default changed"),
    (("status: Status = PENDING", "status: Status = SHIPPED"), "its default changed"),
    (("quantity: Int = 1", "quantity: Int = 2"), "LineInput.quantity: its default changed"),
    (("first: Int! = 20", "first: Int!"), "Order.lines(first): its default changed"),
    // Another kind of type.
    (("scalar Token", "enum Token { A }"), "Token: was of the kind scalar and is enum"),
    (("type Line {", "input Line {"), "Line: was of the kind object and is input"),
    (("interface Named {", "type Named {"), "Named: was of the kind interface and is object"),
    // Directives that say something of values.
    (("a.example/amount", "b.example/amount"), "Amount: @specifiedBy"),
    (("scalar Token", "scalar Token @specifiedBy(url: \"https://a.example\")"), "Token: @spec"),
    (("input LineInput {", "input LineInput @oneOf {"), "LineInput: @oneOf"),
];

/// What no client notices, or has to expect.
const HARMLESS: &[Change] = &[
    ("scalar Token", "scalar Token\nscalar New"),
    ("type Line {", "\"A line.\" type Line {"),
    ("type Line { product: ID! quantity: Int }", "type Line { quantity: Int product: ID! }"),
    ("PENDING SHIPPED", "PENDING LOST SHIPPED"),
    ("  note: String\n", "  note: String\n  gift: Boolean\n"),
    ("  note: String\n", "  note: String!\n"),
    ("  note: String\n", "  note(in: String): String\n"),
    ("  note: String\n", "  note: String @deprecated\n"),
    ("Int @deprecated(reason: \"gone soon\")", "Int"),
    ("tags: [String]", "tags: [String!]!"),
    ("[[String!]!]", "[[String!]!]!"),
    ("(id: ID!)", "(id: ID)"),
    ("(id: ID!)", "(id: ID!, tenant: ID)"),
    ("(id: ID!)", "(id: ID!, tenant: ID! = 1)"),
    ("(id: ID!)", "(id: ID! = 1)"),
    ("limit: Int = 10, status: Status = PENDING", "status: Status = PENDING, limit: Int = 10"),
    ("first: Int! = 20", "first: Int = 20"),
    ("lines: [LineInput!]!", "lines: [LineInput]"),
    ("key: String ", "key: String region: ID "),
    ("key: String ", "key: String region: ID! = 1 "),
    ("union Found = Order | Customer", "union Found = Order | Customer | Line"),
    ("type Line {", "type Line implements Named { name: String"),
    ("interface Named { name: String }", "interface Named { name: String alias: String }"),
    ("directive @audit on OBJECT", "directive @audit(why: String) repeatable on OBJECT | SCALAR"),
    ("directive @audit on OBJECT", "directive @audit on OBJECT\ndirective @new on OBJECT"),
    // Not harmless for documents that repeat it, but the parser does not tell.
    (" repeatable", ""),
    ("place(input: PlaceInput!): Order!", "place(input: PlaceInput!): Order! drop: Boolean"),
];

fn changed((from, to): Change) -> String {
    assert_eq!(SHOP.matches(from).count(), 1, "{from} stands once in the schema");
    SHOP.replace(from, to)
}

#[test]
fn each_planted_change_is_found() {
    for (change, told) in BREAKING {
        let found = breaks(SHOP, &changed(*change));
        assert!(found.iter().any(|line| line.contains(told)), "{change:?}: {found:?}");
    }
}

#[test]
fn additions_to_a_graphql_schema_are_let_pass() {
    for change in HARMLESS {
        assert_eq!(breaks(SHOP, &changed(*change)), [""; 0], "{change:?}");
    }
}

#[test]
fn the_same_graphql_schema_breaks_nothing() {
    for (name, now) in schemas() {
        assert_eq!(breaks(&now, &now), [""; 0], "{name}");
    }
}

/// The schema without one of its parts, for each part, with the part's name.
fn without_one(schema: &Schema) -> Vec<(String, Schema)> {
    let mut all = Vec::new();
    let mut without = |part: String, remove: &dyn Fn(&mut Schema) -> bool| {
        let mut less = schema.clone();
        assert!(remove(&mut less), "{part} was there");
        all.push((part, less));
    };
    for root in schema.roots.keys() {
        without(root.clone(), &|less| less.roots.remove(root).is_some());
    }
    for directive in schema.directives.keys() {
        without(directive.clone(), &|less| less.directives.remove(directive).is_some());
    }
    for (name, of) in &schema.types {
        without(name.clone(), &|less| less.types.remove(name).is_some());
        for (field, parts) in &of.fields {
            let at = format!("{name}.{field}");
            without(at.clone(), &|less| {
                less.types.get_mut(name).unwrap().fields.remove(field).is_some()
            });
            for argument in parts.arguments.keys() {
                without(format!("{at}({argument})"), &|less| {
                    let fields = &mut less.types.get_mut(name).unwrap().fields;
                    fields.get_mut(field).unwrap().arguments.remove(argument).is_some()
                });
            }
        }
        for input in of.inputs.keys() {
            without(format!("{name}.{input}"), &|less| {
                less.types.get_mut(name).unwrap().inputs.remove(input).is_some()
            });
        }
        for value in of.values.keys() {
            without(format!("{name}.{value}"), &|less| {
                less.types.get_mut(name).unwrap().values.remove(value).is_some()
            });
        }
        for other in &of.names {
            without(name.clone(), &|less| less.types.get_mut(name).unwrap().names.remove(other));
        }
    }
    all
}

#[test]
fn each_part_of_the_service_s_schemas_is_missed_when_it_is_gone() {
    for (file, now) in schemas() {
        let schema = Schema::of(&now);
        let all = without_one(&schema);
        assert!(all.len() > 100, "{file} has {} parts", all.len());
        for (part, less) in all {
            let found = breaks_of(&schema, &less);
            assert!(
                found.iter().any(|line| line.starts_with(&format!("{part}: "))),
                "{part}: {found:?}"
            );
            assert_eq!(
                breaks_of(&less, &schema)
                    .iter()
                    .filter(|line| !line.contains("is new, and required"))
                    .count(),
                0,
                "{part}"
            );
        }
    }
}
