//! A slow and obvious counter: it puts all fragments in, and counts what it then sees.

use std::collections::HashSet;

use async_graphql::Variables;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};
use async_graphql_value::{ConstValue, Value};

/// A selection with its fragment put in.
struct Node<'a> {
    /// None for a fragment.
    field: Option<&'a Field>,
    is_unknown: bool,
    directives: Vec<&'a Directive>,
    inner: Vec<Self>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) fields: usize,
    pub(super) aliases: usize,
    pub(super) directives: usize,
    pub(super) cost: usize,
    pub(super) values: usize,
    pub(super) overlaps: usize,
    pub(super) root_fields: usize,
    pub(super) depth: usize,
    pub(super) schema_depth: usize,
    pub(super) schema_lists: usize,
    pub(super) levels: usize,
    pub(super) reads_pages: bool,
}

pub(super) struct Slow<'a> {
    pub(super) document: &'a ExecutableDocument,
    pub(super) variables: &'a Variables,
}

impl<'a> Slow<'a> {
    /// All operations together.
    pub(super) fn operations(&self) -> Counted {
        let mut all = Counted::default();
        for (_, operation) in self.document.operations.iter() {
            let one = self.operation(&operation.node);
            all = Counted {
                fields: all.fields + one.fields,
                aliases: all.aliases + one.aliases,
                directives: all.directives + one.directives,
                cost: all.cost + one.cost,
                values: all.values + one.values,
                overlaps: all.overlaps + one.overlaps,
                root_fields: all.root_fields.max(one.root_fields),
                depth: all.depth.max(one.depth),
                schema_depth: all.schema_depth.max(one.schema_depth),
                schema_lists: all.schema_lists.max(one.schema_lists),
                levels: all.levels.max(one.levels),
                reads_pages: all.reads_pages || one.reads_pages,
            };
        }
        all
    }

    /// Each fragment by itself.
    pub(super) fn fragments(&self) -> Vec<Counted> {
        let fragments = self.document.fragments.values();
        fragments
            .map(|fragment| {
                let directives = plain(&fragment.node.directives);
                let is_schema = fragment.node.type_condition.node.on.node.starts_with("__");
                self.count(&self.expand(&fragment.node.selection_set.node), directives, is_schema)
            })
            .collect()
    }

    fn operation(&self, operation: &'a OperationDefinition) -> Counted {
        let variables = operation.variable_definitions.iter();
        let of_variables = variables.flat_map(|variable| plain(&variable.node.directives));
        let directives = plain(&operation.directives).into_iter().chain(of_variables).collect();
        self.count(&self.expand(&operation.selection_set.node), directives, false)
    }

    fn expand(&self, set: &'a SelectionSet) -> Vec<Node<'a>> {
        set.items.iter().map(|item| self.node(&item.node)).collect()
    }

    fn node(&self, selection: &'a Selection) -> Node<'a> {
        let mut node = Node {
            field: None,
            is_unknown: false,
            directives: plain(selection.directives()),
            inner: vec![],
        };
        match selection {
            Selection::Field(field) => {
                node.field = Some(&field.node);
                node.inner = self.expand(&field.node.selection_set.node);
            }
            Selection::InlineFragment(inline) => {
                node.inner = self.expand(&inline.node.selection_set.node);
            }
            Selection::FragmentSpread(spread) => {
                match self.document.fragments.get(&spread.node.fragment_name.node) {
                    None => node.is_unknown = true,
                    Some(fragment) => {
                        node.directives.extend(plain(&fragment.node.directives));
                        node.inner = self.expand(&fragment.node.selection_set.node);
                    }
                }
            }
        }
        node
    }

    fn count(&self, set: &[Node<'a>], directives: Vec<&Directive>, is_schema: bool) -> Counted {
        let nodes = all(set);
        let fields: Vec<&Field> = nodes.iter().filter_map(|node| node.field).collect();
        let directives: Vec<&Directive> = nodes
            .iter()
            .flat_map(|node| node.directives.iter().copied())
            .chain(directives)
            .collect();
        let of_fields = fields.iter().flat_map(|field| &field.arguments);
        let arguments =
            of_fields.chain(directives.iter().flat_map(|directive| &directive.arguments));
        let sets = nodes.iter().map(|node| &node.inner[..]).filter(|inner| !inner.is_empty());
        let paths = paths(set);
        let depth = |below| {
            let paths = paths.iter().filter(|path| below == (is_schema || is_below_schema(path)));
            paths.map(Vec::len).max().unwrap_or(0)
        };
        Counted {
            fields: fields.len() + nodes.iter().filter(|node| node.is_unknown).count(),
            aliases: fields.iter().filter(|field| field.alias.is_some()).count(),
            directives: directives.len(),
            cost: self.cost(set),
            values: arguments.map(|(_, value)| self.size(&value.node)).sum(),
            overlaps: sets.chain([set]).map(overlaps).sum(),
            root_fields: top(set).len(),
            depth: depth(false),
            schema_depth: depth(true),
            schema_lists: paths.iter().map(|path| lists(path, is_schema)).max().unwrap_or(0),
            levels: levels(set),
            reads_pages: fields.iter().any(|field| {
                matches!(
                    field.name.node.as_str(),
                    "orders" | "ordersOfCustomer" | "history" | "_entities"
                )
            }),
        }
    }

    fn cost(&self, set: &[Node<'a>]) -> usize {
        let costs = set.iter().map(|node| {
            let inner = self.cost(&node.inner);
            let Some(field) = node.field else { return inner };
            match field.name.node.as_str() {
                "order" | "orderEvents" => 1 + inner,
                "saga" | "placeOrder" | "replaceOrderLines" | "changeOrderStatus" => 20 + inner,
                "orders" | "ordersOfCustomer" => 1 + self.first(field) * (1 + inner),
                "history" => 20 + self.first(field) * (1 + inner),
                "_entities" => self.representations(field) * (1 + inner),
                _ => inner,
            }
        });
        costs.sum()
    }

    /// What a variable may stand for: its value, or its default in each operation that has it.
    fn meanings(&self, name: &Name) -> Vec<Option<ConstValue>> {
        if let Some(value) = self.variables.get(name) {
            return vec![Some(value.clone())];
        }
        let mut meanings = vec![];
        for (_, operation) in self.document.operations.iter() {
            for variable in &operation.node.variable_definitions {
                if variable.node.name.node == *name {
                    meanings.push(variable.node.default_value.clone().map(|value| value.node));
                }
            }
        }
        if meanings.is_empty() { vec![None] } else { meanings }
    }

    fn of_argument(&self, field: &Field, name: &str) -> Vec<Option<ConstValue>> {
        match field.get_argument(name).map(|value| &value.node) {
            None => vec![None],
            Some(Value::Variable(name)) => self.meanings(name),
            Some(value) => {
                let value = value.clone().into_const_with(|_| Ok::<_, ()>(ConstValue::Null));
                vec![Some(value.unwrap())]
            }
        }
    }

    fn first(&self, field: &Field) -> usize {
        let first = |value| match value {
            None | Some(ConstValue::Null) => 20,
            Some(ConstValue::Number(number)) => match number.as_u64() {
                Some(first @ 0..=100) => usize::try_from(first).unwrap(),
                _ => 100,
            },
            Some(_) => 100,
        };
        self.of_argument(field, "first").into_iter().map(first).max().unwrap()
    }

    fn representations(&self, field: &Field) -> usize {
        let entries = |value| match value {
            Some(ConstValue::List(entries)) => entries.len(),
            _ => 100,
        };
        self.of_argument(field, "representations").into_iter().map(entries).max().unwrap()
    }

    fn size(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => {
                self.meanings(name).iter().map(|value| size(value.as_ref())).max().unwrap()
            }
            Value::String(text) => 1 + text.len() / 32,
            Value::List(entries) => 1 + entries.iter().map(|entry| self.size(entry)).sum::<usize>(),
            Value::Object(fields) => {
                let sizes = fields.iter().map(|(name, field)| name.len() / 32 + self.size(field));
                1 + sizes.sum::<usize>()
            }
            _ => 1,
        }
    }

    /// How many values the variables have that are used somewhere.
    pub(super) fn used(&self) -> usize {
        let fragments = self.document.fragments.values().map(|fragment| &fragment.node);
        let mut nodes: Vec<Node<'_>> = vec![];
        let mut directives: Vec<&Directive> = vec![];
        for fragment in fragments {
            directives.extend(plain(&fragment.directives));
            nodes.extend(self.expand(&fragment.selection_set.node));
        }
        for (_, operation) in self.document.operations.iter() {
            nodes.extend(self.expand(&operation.node.selection_set.node));
            directives.extend(plain(&operation.node.directives));
            for variable in &operation.node.variable_definitions {
                directives.extend(plain(&variable.node.directives));
            }
        }
        let nodes = all(&nodes);
        let fields = nodes.iter().filter_map(|node| node.field).flat_map(|field| &field.arguments);
        directives.extend(nodes.iter().flat_map(|node| &node.directives));
        let arguments = fields.chain(directives.iter().flat_map(|directive| &directive.arguments));
        let names: HashSet<&Name> =
            arguments.flat_map(|(_, value)| variables_in(&value.node)).collect();
        let is_known = |name: &&&Name| {
            let operations = self.document.operations.iter();
            let mut defined =
                operations.flat_map(|(_, operation)| &operation.node.variable_definitions);
            self.variables.contains_key(**name)
                || defined.any(|variable| variable.node.name.node == ***name)
        };
        let sizes = names.iter().filter(is_known).map(|name| {
            self.meanings(name).iter().map(|value| size(value.as_ref())).max().unwrap()
        });
        sizes.sum()
    }
}

fn variables_in(value: &Value) -> Vec<&Name> {
    match value {
        Value::Variable(name) => vec![name],
        Value::List(entries) => entries.iter().flat_map(variables_in).collect(),
        Value::Object(fields) => fields.values().flat_map(variables_in).collect(),
        _ => vec![],
    }
}

fn size(value: Option<&ConstValue>) -> usize {
    let sizes =
        |values: Vec<&ConstValue>| values.into_iter().map(|value| size(Some(value))).sum::<usize>();
    match value {
        Some(ConstValue::String(text)) => 1 + text.len() / 32,
        Some(ConstValue::List(entries)) => 1 + sizes(entries.iter().collect()),
        Some(ConstValue::Object(fields)) => {
            let names = fields.keys().map(|name| name.len() / 32).sum::<usize>();
            1 + names + sizes(fields.values().collect())
        }
        _ => 1,
    }
}

fn plain(directives: &[Positioned<Directive>]) -> Vec<&Directive> {
    directives.iter().map(|directive| &directive.node).collect()
}

fn all<'a, 'n>(set: &'n [Node<'a>]) -> Vec<&'n Node<'a>> {
    set.iter().flat_map(|node| [vec![node], all(&node.inner)].concat()).collect()
}

/// The fields of one level, out of their fragments.
fn top<'a, 'n>(set: &'n [Node<'a>]) -> Vec<&'n Node<'a>> {
    let is_group = |node: &Node<'_>| node.field.is_none() && !node.is_unknown;
    set.iter().flat_map(|node| if is_group(node) { top(&node.inner) } else { vec![node] }).collect()
}

fn overlaps(set: &[Node<'_>]) -> usize {
    let top = top(set);
    let width = |field: &Field| field.arguments.len() + usize::from(field.alias.is_some());
    top.len() * top.iter().filter_map(|node| node.field).map(width).max().unwrap_or(0)
}

/// The names of the fields on the way to each field.
fn paths(set: &[Node<'_>]) -> Vec<Vec<String>> {
    let mut found = vec![];
    for node in set {
        let name = node.field.map(|field| field.name.node.to_string());
        let name = name.or_else(|| node.is_unknown.then(|| "?".to_owned()));
        let own: Vec<String> = name.into_iter().collect();
        if !own.is_empty() {
            found.push(own.clone());
        }
        found.extend(paths(&node.inner).into_iter().map(|path| [own.clone(), path].concat()));
    }
    found
}

fn is_schema_root(name: &str) -> bool {
    ["__schema", "__type"].contains(&name)
}

fn is_below_schema(path: &[String]) -> bool {
    path[..path.len() - 1].iter().any(|name| is_schema_root(name))
}

fn lists(path: &[String], is_schema: bool) -> usize {
    let start = if is_schema { Some(0) } else { path.iter().position(|name| is_schema_root(name)) };
    let names = ["fields", "inputFields", "interfaces", "possibleTypes"];
    let below = &path[start.unwrap_or(path.len())..];
    below.iter().filter(|name| names.contains(&name.as_str())).count()
}

fn levels(set: &[Node<'_>]) -> usize {
    if set.is_empty() {
        return 0;
    }
    1 + set.iter().map(|node| levels(&node.inner)).max().unwrap()
}
