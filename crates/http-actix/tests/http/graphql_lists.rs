//! The lists of the GraphQL schema: each counts what it writes against `order.graphql.max-values`, or has a bound of its own.
//! The lists are found in the schema, so that a new one fails here until it does either.

use std::collections::{BTreeMap, VecDeque};

use http_actix::{GraphqlSettings, HttpSettings};
use serde_json::{Value, json};

use crate::support::Service;

/// Lists of objects that are not counted, because of what bounds them.
const BOUNDED: &[(&str, &str, &str)] = &[
    ("OrderSaga", "steps", "a saga has four steps"),
    (
        "OrderPayload",
        "userErrors",
        "the reader of inputs tells a thousand, and a document changes ten orders",
    ),
];

/// Arguments of the fields that cannot be asked for without. Order 1 of customer 42 is there.
const ARGUMENTS: &[(&str, &str)] =
    &[("order", "(id: 1)"), ("ordersOfCustomer", "(customerId: 42)")];

/// The schema, as the service tells it.
pub(crate) struct Schema {
    /// The types by their names, each with its fields.
    types: BTreeMap<String, Vec<Field>>,
    /// The types at which operations begin: query, mutation, subscription.
    pub(crate) roots: Vec<(String, String)>,
}

/// A field of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Of one value.
    pub(crate) of: String,
    is_list: bool,
}

impl Schema {
    pub(crate) async fn of(service: &Service, headers: &[(&str, &str)]) -> Self {
        let kinds = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
        let document = format!(
            "{{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
                types {{ name kind fields {{ name type {{ {kinds} }} }} possibleTypes {{ name }} }} }} }}"
        );
        let body = json!({"query": document}).to_string();
        let answer = service.write("POST", "/graphql", headers, &body).await.json();
        let schema = &answer["data"]["__schema"];
        let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
        let roots = ["query", "mutation", "subscription"];
        let roots = roots.map(|root| (root.to_owned(), name(&schema[format!("{root}Type")])));
        let mut types = BTreeMap::new();
        for of in schema["types"].as_array().expect("types") {
            // One that may be several others would have to be followed to each.
            assert!(of["possibleTypes"].is_null(), "{of}");
            let fields = of["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
            let fields = fields.iter().map(|field| {
                let (mut of, mut is_list) = (&field["type"], false);
                while !of["ofType"].is_null() {
                    is_list |= of["kind"] == "LIST";
                    of = &of["ofType"];
                }
                Field { name: name(field), of: name(of), is_list }
            });
            types.insert(name(of), fields.collect());
        }
        Self { types, roots: roots.into() }
    }

    /// The fields of a type; none of a scalar.
    pub(crate) fn fields(&self, of: &str) -> &[Field] {
        self.types.get(of).map(Vec::as_slice).unwrap_or_default()
    }

    /// The types of the service that have fields.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&str, &[Field])> {
        let all = self.types.iter().map(|(name, fields)| (name.as_str(), fields.as_slice()));
        all.filter(|(name, fields)| !fields.is_empty() && !name.starts_with("__"))
    }

    /// The shortest way from the root of queries to a field of a type.
    fn way(&self, of: &str, field: &Field) -> Option<Vec<Field>> {
        let root = self.roots.first().map(|(_, name)| (name.as_str(), Vec::new()));
        let (mut waiting, mut seen) = (VecDeque::from_iter(root), Vec::new());
        while let Some((at, way)) = waiting.pop_front() {
            if at == of {
                return Some([way, vec![field.clone()]].concat());
            }
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            for next in self.fields(at) {
                waiting.push_back((&next.of, [way.clone(), vec![next.clone()]].concat()));
            }
        }
        None
    }
}

/// Starts a service whose answers hold at most `most` values, and places order 1, which has one line.
async fn with_values(most: usize) -> Service {
    let graphql = Some(GraphqlSettings { max_values: most, ..GraphqlSettings::default() });
    let service = Service::with_settings(HttpSettings { graphql, ..HttpSettings::default() });
    assert_eq!(service.placed().await, 1);
    service
}

/// The document that asks for nothing but what a way leads to.
fn document(way: &[Field]) -> String {
    let arguments = |field: &Field| ARGUMENTS.iter().find(|(name, _)| *name == field.name);
    let begin = way.iter().map(|field| {
        format!("{{ {}{} ", field.name, arguments(field).map_or("", |(_, arguments)| arguments))
    });
    format!("{}{{ __typename }}{}", begin.collect::<String>(), " }".repeat(way.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_of_objects_counts_what_it_writes_or_has_a_bound() {
    let schema = Schema::of(&Service::start(), &[]).await;
    let (mut counted, mut bounded) = (Vec::new(), Vec::new());
    for (of, fields) in schema.objects() {
        let is_object = |field: &&Field| !schema.fields(&field.of).is_empty();
        for field in fields.iter().filter(|field| field.is_list).filter(is_object) {
            let name = format!("{of}.{}", field.name);
            if BOUNDED.iter().any(|(bound, list, _)| *bound == of && *list == field.name) {
                bounded.push(name);
                continue;
            }
            let way = schema.way(of, field);
            let way = way.unwrap_or_else(|| panic!("no query leads to {name}, so it has no test"));
            // Each list on the way has one entry, with one field at each step that follows.
            let lists = way.iter().enumerate().filter(|(_, field)| field.is_list);
            let values: usize = lists.map(|(step, _)| way.len() - step).sum();
            for (most, code) in [(values - 1, "query_too_expensive"), (values, "")] {
                let body = json!({"query": document(&way)}).to_string();
                let service = with_values(most).await;
                let answer = service.write("POST", "/graphql", &[], &body).await.json();
                let error = &answer["errors"][0];
                assert_eq!(
                    error["extensions"]["code"].as_str().unwrap_or_default(),
                    code,
                    "{name} is not counted, nor in the list of those with a bound; {body} {answer}"
                );
                let at = error["path"].as_array().and_then(|path| path.last());
                // An error below an entry of a list is told of the entry by the library.
                let is_here = at.is_some_and(|at| *at == field.name || at.is_number());
                assert!(code.is_empty() || is_here, "{name}: {answer}");
            }
            counted.push(name);
        }
    }
    assert_eq!(bounded.len(), BOUNDED.len(), "those that are no more in the schema: {bounded:?}");
    assert!(counted.len() >= 4, "{counted:?}");
}
