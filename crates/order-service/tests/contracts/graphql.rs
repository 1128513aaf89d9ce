//! Finds what a new GraphQL schema breaks in an old one. Values that clients send may only become wider, values that they get
//! only narrower. Fields, values of enumerations, members of unions and optional arguments may be added: a client sees none of
//! them unless it asks, but for new values and members, which it must expect. A directive that is not known here must not change.
//!
//! `diff` of @graphql-inspector/core 8.0.0 judges the changes of `graphql_planted.rs` alike: what it calls breaking is refused
//! here, and what passes here is never breaking there. Stricter are we with defaults and `@specifiedBy`, whose changes it calls
//! dangerous.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    BaseType, ConstDirective, DirectiveDefinition, EnumValueDefinition, FieldDefinition,
    InputValueDefinition, SchemaDefinition, Type as TypeOf, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};

/// A schema, its parts by their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    /// The types of queries, mutations and subscriptions.
    pub(crate) roots: BTreeMap<String, String>,
    pub(crate) types: BTreeMap<String, Type>,
    pub(crate) directives: BTreeMap<String, Directive>,
    /// The directives of the schema as a whole.
    marks: Marks,
}

/// A type of any kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Type {
    kind: &'static str,
    marks: Marks,
    /// The interfaces of an object or an interface, the members of a union.
    pub(crate) names: BTreeSet<String>,
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) inputs: BTreeMap<String, Input>,
    pub(crate) values: BTreeMap<String, Marks>,
}

/// A field of an object or an interface.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    of: TypeOf,
    pub(crate) arguments: BTreeMap<String, Input>,
    marks: Marks,
}

/// An argument, or a field of an input.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    of: TypeOf,
    default: Option<String>,
    marks: Marks,
}

/// The definition of a directive. Whether it may be repeated is not here: to the parser (7.0.19) each one may.
#[derive(Debug, Clone)]
pub(crate) struct Directive {
    locations: BTreeSet<String>,
    arguments: BTreeMap<String, Input>,
}

/// Directives as they are applied, but for `@deprecated`, which takes nothing away.
pub(crate) type Marks = BTreeSet<String>;

/// Everything that the new schema breaks, each with its place.
pub(crate) fn breaks(old: &str, new: &str) -> Vec<String> {
    breaks_of(&Schema::of(old), &Schema::of(new))
}

/// The same of schemas that are read.
pub(crate) fn breaks_of(old: &Schema, new: &Schema) -> Vec<String> {
    let mut comparison = Comparison(Vec::new());
    comparison.schema(old, new);
    comparison.0
}

impl Schema {
    /// Reads a schema in the language for them.
    pub(crate) fn of(text: &str) -> Self {
        let document = async_graphql_parser::parse_schema(text)
            .unwrap_or_else(|error| panic!("the schema cannot be read: {error}"));
        let mut schema = Self::default();
        let mut names_roots = false;
        for definition in document.definitions {
            match definition {
                TypeSystemDefinition::Schema(definition) => {
                    names_roots |= definition.node.query.is_some();
                    schema.add(&definition.node);
                }
                TypeSystemDefinition::Type(definition) => {
                    let name = definition.node.name.node.to_string();
                    schema.types.insert(name, Type::of(definition.node));
                }
                TypeSystemDefinition::Directive(definition) => {
                    let name = format!("@{}", definition.node.name.node);
                    schema.directives.insert(name, Directive::of(definition.node));
                }
            }
        }
        if !names_roots {
            for (kind, name) in
                [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")]
            {
                if schema.types.contains_key(name) {
                    schema.roots.insert(kind.to_owned(), name.to_owned());
                }
            }
        }
        schema
    }

    fn add(&mut self, definition: &SchemaDefinition) {
        let SchemaDefinition { query, mutation, subscription, directives, .. } = definition;
        for (kind, root) in
            [("query", query), ("mutation", mutation), ("subscription", subscription)]
        {
            let name = root.as_ref().map(|name| (kind.to_owned(), name.node.to_string()));
            self.roots.extend(name);
        }
        self.marks.extend(marks(directives));
    }
}

impl Type {
    fn of(TypeDefinition { extend, name, directives, kind, .. }: TypeDefinition) -> Self {
        assert!(!extend, "an extension of {} cannot be compared", name.node);
        let mut this = Self { marks: marks(&directives), ..Self::default() };
        this.kind = match kind {
            TypeKind::Scalar => "scalar",
            TypeKind::Object(object) => {
                this.names = texts(object.implements);
                this.fields = object.fields.into_iter().map(field).collect();
                "object"
            }
            TypeKind::Interface(interface) => {
                this.names = texts(interface.implements);
                this.fields = interface.fields.into_iter().map(field).collect();
                "interface"
            }
            TypeKind::Union(union) => {
                this.names = texts(union.members);
                "union"
            }
            TypeKind::Enum(list) => {
                let value = |value: Positioned<EnumValueDefinition>| {
                    (value.node.value.node.to_string(), marks(&value.node.directives))
                };
                this.values = list.values.into_iter().map(value).collect();
                "enum"
            }
            TypeKind::InputObject(object) => {
                this.inputs = object.fields.into_iter().map(input).collect();
                "input"
            }
        };
        this
    }
}

impl Directive {
    fn of(definition: DirectiveDefinition) -> Self {
        let locations = definition.locations.iter().map(|location| format!("{:?}", location.node));
        Self {
            locations: locations.collect(),
            arguments: definition.arguments.into_iter().map(input).collect(),
        }
    }
}

fn field(field: Positioned<FieldDefinition>) -> (String, Field) {
    let FieldDefinition { name, arguments, ty, directives, .. } = field.node;
    let arguments = arguments.into_iter().map(input).collect();
    (name.node.to_string(), Field { of: ty.node, arguments, marks: marks(&directives) })
}

fn input(input: Positioned<InputValueDefinition>) -> (String, Input) {
    let InputValueDefinition { name, ty, default_value, directives, .. } = input.node;
    let default = default_value.map(|value| value.node.to_string());
    (name.node.to_string(), Input { of: ty.node, default, marks: marks(&directives) })
}

fn marks(directives: &[Positioned<ConstDirective>]) -> Marks {
    let applied = directives.iter().map(|directive| &directive.node);
    let applied = applied.filter(|directive| directive.name.node != "deprecated");
    let text = |directive: &ConstDirective| {
        let arguments = directive.arguments.iter();
        let arguments: Vec<_> =
            arguments.map(|(name, value)| format!("{}: {}", name.node, value.node)).collect();
        format!("@{}({})", directive.name.node, arguments.join(", "))
    };
    applied.map(text).collect()
}

fn texts(names: Vec<Positioned<impl ToString>>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.node.to_string()).collect()
}

/// What is broken.
struct Comparison(Vec<String>);

impl Comparison {
    fn broken(&mut self, at: &str, what: impl AsRef<str>) {
        self.0.push(format!("{at}: {}", what.as_ref()));
    }

    /// Every entry of the old map, with the new entry of its name; notes those that are missing.
    fn each<'a, T>(
        &mut self,
        at: impl Fn(&str) -> String,
        old: &'a BTreeMap<String, T>,
        new: &'a BTreeMap<String, T>,
    ) -> Vec<(String, &'a T, &'a T)> {
        let mut both = Vec::new();
        for (name, old) in old {
            match new.get(name) {
                Some(new) => both.push((at(name), old, new)),
                None => self.broken(&at(name), "was removed"),
            }
        }
        both
    }

    fn marks(&mut self, at: &str, old: &Marks, new: &Marks) {
        for mark in old.symmetric_difference(new) {
            self.broken(at, format!("{mark} was added or removed, and this cannot be judged"));
        }
    }

    fn stay(&mut self, at: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) {
        for name in old.difference(new) {
            self.broken(at, format!("{name} was removed"));
        }
    }

    fn schema(&mut self, old: &Schema, new: &Schema) {
        self.marks("schema", &old.marks, &new.marks);
        for (at, old, new) in self.each(str::to_owned, &old.roots, &new.roots) {
            if old != new {
                self.broken(&at, format!("its type was {old} and is {new}"));
            }
        }
        for (at, old, new) in self.each(str::to_owned, &old.types, &new.types) {
            if old.kind == new.kind {
                self.of_type(&at, old, new);
            } else {
                self.broken(&at, format!("was of the kind {} and is {}", old.kind, new.kind));
            }
        }
        for (at, old, new) in self.each(str::to_owned, &old.directives, &new.directives) {
            self.stay(&at, &old.locations, &new.locations);
            self.inputs(|name| format!("{at}({name})"), &old.arguments, &new.arguments);
        }
    }

    fn of_type(&mut self, at: &str, old: &Type, new: &Type) {
        self.marks(at, &old.marks, &new.marks);
        self.stay(at, &old.names, &new.names);
        for (at, old, new) in self.each(|name| format!("{at}.{name}"), &old.fields, &new.fields) {
            self.marks(&at, &old.marks, &new.marks);
            if !is_among(&new.of, &old.of) {
                self.broken(&at, format!("its type was {} and is {}", old.of, new.of));
            }
            self.inputs(|name| format!("{at}({name})"), &old.arguments, &new.arguments);
        }
        self.inputs(|name| format!("{at}.{name}"), &old.inputs, &new.inputs);
        for (at, old, new) in self.each(|name| format!("{at}.{name}"), &old.values, &new.values) {
            self.marks(&at, old, new);
        }
    }

    fn inputs(
        &mut self,
        at: impl Fn(&str) -> String,
        old: &BTreeMap<String, Input>,
        new: &BTreeMap<String, Input>,
    ) {
        for (name, new) in new {
            if !old.contains_key(name) && new.is_required() {
                self.broken(&at(name), "is new, and required");
            }
        }
        for (at, old, new) in self.each(&at, old, new) {
            self.marks(&at, &old.marks, &new.marks);
            if !is_among(&old.of, &new.of) {
                self.broken(&at, format!("its type was {} and is {}", old.of, new.of));
            }
            // What has to be sent means the same with a default.
            if old.default != new.default && !old.is_required() {
                self.broken(
                    &at,
                    "its default changed, so a request without it means something else",
                );
            }
        }
    }
}

impl Input {
    const fn is_required(&self) -> bool {
        !self.of.nullable && self.default.is_none()
    }
}

/// Whether each value of one type is a value of the other one.
fn is_among(inner: &TypeOf, outer: &TypeOf) -> bool {
    let has_nulls = inner.nullable && !outer.nullable;
    let is_alike = match (&inner.base, &outer.base) {
        (BaseType::Named(inner), BaseType::Named(outer)) => inner == outer,
        (BaseType::List(inner), BaseType::List(outer)) => is_among(inner, outer),
        _ => false,
    };
    is_alike && !has_nulls
}
