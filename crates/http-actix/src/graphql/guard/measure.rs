//! Measures a document before the library walks it. Each definition is walked once; a spread adds what its fragment was
//! found to stand for.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::Value;

use super::extent::Extent;
use super::values::Values;
use super::{Limit, Limits, TooExpensive};

/// What a document stands for: see [`Limits`]. Directives like `@skip` are not evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) fields: usize,
    pub(crate) depth: usize,
    pub(crate) aliases: usize,
    pub(crate) root_fields: usize,
    pub(crate) fragments: usize,
    pub(crate) directives: usize,
    pub(crate) cost: usize,
    /// Whether it reads a list of the database.
    pub(crate) reads_pages: bool,
    /// The work of the guard: definitions, selections, arguments, directives and values that it looked at. There is a byte
    /// of the document or of its variables for each of them.
    pub(crate) steps: usize,
}

/// Measures a document, or says which limit it breaks. Fragments that are not used are within the limits, too, because the
/// library validates them.
pub(crate) fn measure(
    document: &ExecutableDocument,
    variables: &Variables,
    limits: &Limits,
) -> Result<Measure, TooExpensive> {
    let fragments = document.fragments.len();
    Limit::FRAGMENTS.check(fragments, limits.fragments)?;
    let values = Values::new(document, variables);
    let mut walk = Walk { document, values, limits, fragments: HashMap::new(), steps: 0 };
    let mut all = Extent::default();
    let mut root_fields = 0;
    for (_, operation) in document.operations.iter() {
        let operation = walk.operation(&operation.node)?;
        root_fields = operation.top.max(root_fields);
        all.add(&operation);
    }
    let mut parts = Vec::with_capacity(fragments.saturating_add(1));
    let mut overlaps = all.overlaps;
    for (name, fragment) in &document.fragments {
        let mut alone = walk.spread(name, 0)?;
        overlaps = overlaps.saturating_add(alone.overlaps);
        if fragment.node.type_condition.node.on.node.starts_with("__") {
            alone = alone.below_schema();
        }
        parts.push(alone);
    }
    // The library compares the fields of fragments that are not used, too.
    parts.push(Extent { overlaps, ..all });
    Extent::check(&parts, limits, walk.values.used)?;
    Limit::ROOT_FIELDS.check(root_fields, limits.root_fields)?;
    Ok(Measure {
        fields: all.fields,
        depth: all.depth.max(all.schema_depth),
        aliases: all.aliases,
        root_fields,
        fragments,
        directives: all.directives,
        cost: all.cost,
        reads_pages: all.reads_pages,
        steps: walk.steps.saturating_add(walk.values.steps),
    })
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    values: Values<'a>,
    limits: &'a Limits,
    /// What is known of the fragments; nothing of one that is being measured.
    fragments: HashMap<&'a str, Option<Extent>>,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Extent, TooExpensive> {
        self.step();
        let mut extent = self.set(&operation.selection_set, 1)?;
        self.directives(&operation.directives, &mut extent);
        for variable in &operation.variable_definitions {
            self.step();
            self.directives(&variable.node.directives, &mut extent);
        }
        Ok(extent)
    }

    /// A selection set; the level of an operation's is 1.
    fn set(
        &mut self,
        set: &'a Positioned<SelectionSet>,
        level: usize,
    ) -> Result<Extent, TooExpensive> {
        self.check_levels(level)?;
        let mut whole = Extent::default();
        for selection in &set.node.items {
            self.step();
            let mut part = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::FragmentSpread(spread) => {
                    self.spread(&spread.node.fragment_name.node, level)?
                }
                Selection::InlineFragment(inline) => {
                    self.set(&inline.node.selection_set, level.saturating_add(1))?
                }
            };
            self.directives(selection.node.directives(), &mut part);
            whole.add(&part);
        }
        Ok(whole.into_set())
    }

    fn field(&mut self, field: &'a Field, level: usize) -> Result<Extent, TooExpensive> {
        let mut selected = Extent::default();
        if !field.selection_set.node.items.is_empty() {
            selected = self.set(&field.selection_set, level.saturating_add(1))?;
        }
        self.arguments(&field.arguments, &mut selected);
        Ok(selected.into_field(field, &self.values))
    }

    /// What a fragment stands for that is spread in a selection set of this level.
    fn spread(&mut self, name: &'a str, level: usize) -> Result<Extent, TooExpensive> {
        match self.fragments.get(name) {
            Some(Some(known)) => {
                let known = *known;
                self.check_levels(level.saturating_add(known.levels))?;
                return Ok(known);
            }
            // The fragment spreads itself. The library would find that out, but only after it has followed all spreads
            // on its way, and there may be too many of them.
            Some(None) => return Err(Limit::DEPTH.exceeded(self.limits.depth)),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Extent::of_unknown());
        };
        self.step();
        self.fragments.insert(name, None);
        let mut extent = self.set(&fragment.node.selection_set, level.saturating_add(1))?;
        self.directives(&fragment.node.directives, &mut extent);
        self.fragments.insert(name, Some(extent));
        Ok(extent)
    }

    fn directives(&mut self, directives: &[Positioned<Directive>], extent: &mut Extent) {
        for directive in directives {
            self.step();
            extent.directives = extent.directives.saturating_add(1);
            self.arguments(&directive.node.arguments, extent);
        }
    }

    fn arguments(
        &mut self,
        arguments: &[(Positioned<Name>, Positioned<Value>)],
        extent: &mut Extent,
    ) {
        for (_, value) in arguments {
            self.step();
            extent.values = extent.values.saturating_add(self.values.size(&value.node));
        }
    }

    /// Bounds the stack of this walk, and of the library's.
    fn check_levels(&self, level: usize) -> Result<(), TooExpensive> {
        if level > self.limits.nesting {
            return Err(Limit::NESTING.exceeded(self.limits.nesting));
        }
        Ok(())
    }

    const fn step(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }
}
