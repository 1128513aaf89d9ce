//! The values of arguments, and what is known of the variables in them. The library copies the value of a variable
//! wherever it is used, so each use counts as many values as it has.

use std::collections::HashMap;

use async_graphql::Variables;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql_value::{ConstValue, Value};

use super::{LARGEST, PAGE};

/// The bytes of a text that count as one value; a longer text counts as several.
const TEXT: usize = 32;

/// The variables of a document. Where no value is given, a variable has the largest of its defaults: a fragment may be used
/// by operations with different ones.
pub(super) struct Values<'a> {
    variables: HashMap<&'a str, Variable>,
    /// How many values the variables have that are used.
    pub(super) used: usize,
    /// How many values were looked at.
    pub(super) steps: usize,
}

#[derive(Clone, Copy)]
struct Variable {
    size: usize,
    /// The entries of a page, where it says their number.
    first: usize,
    /// Its own entries, where it is a list.
    entries: usize,
    is_used: bool,
}

/// A variable without a value.
const ABSENT: Variable = Variable { size: 1, first: PAGE, entries: LARGEST, is_used: false };

impl<'a> Values<'a> {
    pub(super) fn new(document: &'a ExecutableDocument, given: &'a Variables) -> Self {
        let mut values = Self { variables: HashMap::new(), used: 0, steps: 0 };
        for (name, value) in given.iter() {
            let variable = values.variable(value);
            values.variables.insert(name, variable);
        }
        for (_, operation) in document.operations.iter() {
            values.defaults(&operation.node, given);
        }
        values
    }

    fn defaults(&mut self, operation: &'a OperationDefinition, given: &Variables) {
        for definition in &operation.variable_definitions {
            let name = definition.node.name.node.as_str();
            let default = definition.node.default_value.as_ref();
            let own = default.map_or(ABSENT, |default| self.variable(&default.node));
            if !given.contains_key(name) {
                let largest = self.variables.entry(name).or_insert(own);
                largest.size = largest.size.max(own.size);
                largest.first = largest.first.max(own.first);
                largest.entries = largest.entries.max(own.entries);
            }
        }
    }

    fn variable(&mut self, value: &ConstValue) -> Variable {
        let size = self.const_size(value);
        let (first, entries) = match value {
            // The same as absent.
            ConstValue::Null => (PAGE, LARGEST),
            ConstValue::Number(number) => (page(number.as_u64()), LARGEST),
            ConstValue::List(entries) => (LARGEST, entries.len()),
            _ => (LARGEST, LARGEST),
        };
        Variable { size, first, entries, is_used: false }
    }

    fn const_size(&mut self, value: &ConstValue) -> usize {
        self.steps = self.steps.saturating_add(1);
        match value {
            ConstValue::String(text) => share(text).saturating_add(1),
            ConstValue::List(entries) => {
                entries.iter().fold(1, |size, entry| size.saturating_add(self.const_size(entry)))
            }
            ConstValue::Object(fields) => fields.iter().fold(1, |size, (name, field)| {
                let size = size.saturating_add(share(name));
                size.saturating_add(self.const_size(field))
            }),
            _ => 1,
        }
    }

    /// How many values a value has, with its variables put in.
    pub(super) fn size(&mut self, value: &Value) -> usize {
        self.steps = self.steps.saturating_add(1);
        match value {
            Value::Variable(name) => self.size_of_use(name),
            Value::String(text) => share(text).saturating_add(1),
            Value::List(entries) => {
                entries.iter().fold(1, |size, entry| size.saturating_add(self.size(entry)))
            }
            Value::Object(fields) => fields.iter().fold(1, |size, (name, field)| {
                let size = size.saturating_add(share(name));
                size.saturating_add(self.size(field))
            }),
            _ => 1,
        }
    }

    fn size_of_use(&mut self, variable: &str) -> usize {
        let Some(variable) = self.variables.get_mut(variable) else { return ABSENT.size };
        if !variable.is_used {
            variable.is_used = true;
            self.used = self.used.saturating_add(variable.size);
        }
        variable.size
    }

    /// The entries of a page whose argument `first` this is.
    pub(super) fn first(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.of(name).first,
            Value::Null => PAGE,
            Value::Number(number) => page(number.as_u64()),
            _ => LARGEST,
        }
    }

    /// The entries of a list.
    pub(super) fn entries(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.of(name).entries,
            Value::List(entries) => entries.len(),
            _ => LARGEST,
        }
    }

    fn of(&self, variable: &str) -> Variable {
        self.variables.get(variable).copied().unwrap_or(ABSENT)
    }
}

fn page(first: Option<u64>) -> usize {
    first.and_then(|first| usize::try_from(first).ok()).map_or(LARGEST, |first| first.min(LARGEST))
}

const fn share(text: &str) -> usize {
    text.len() / TEXT
}
