//! What a part of a document stands for. Everything in it is a sum or a maximum, so that a fragment can be measured once
//! and added wherever it is spread.

use async_graphql::parser::types::Field;

use super::values::Values;
use super::weights::{cost, is_page, lists_schema, shows_schema};
use super::{Limit, Limits, OVERLAPS, SCHEMA_DEPTH, SCHEMA_LISTS, TooExpensive};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) fields: usize,
    pub(super) aliases: usize,
    pub(super) directives: usize,
    pub(super) cost: usize,
    /// Values in arguments, with variables put in.
    pub(super) values: usize,
    /// Comparisons of arguments between fields of one level, at most.
    pub(super) overlaps: usize,
    /// Fields at the top.
    pub(super) top: usize,
    /// The most arguments of a field at the top, with its alias as one more.
    pub(super) widest: usize,
    /// Selection sets in one another.
    pub(super) levels: usize,
    /// Fields in one another, beside those below `__schema` and `__type`.
    pub(super) depth: usize,
    /// The same where some of them are below `__schema` or `__type`.
    pub(super) schema_depth: usize,
    /// Lists of the schema in one another, where this is below `__schema` or `__type`.
    pub(super) lists: usize,
    /// The same where this is not, but something in it is.
    pub(super) schema_lists: usize,
    pub(super) reads_pages: bool,
}

impl Extent {
    /// A spread of a fragment that is not defined. It counts as a field. So every spread leads to a field, and the number
    /// of fields bounds the number of spreads.
    pub(super) fn of_unknown() -> Self {
        Self { fields: 1, top: 1, depth: 1, ..Self::default() }
    }

    /// Adds what stands beside.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.fields, other.fields),
            (&mut self.aliases, other.aliases),
            (&mut self.directives, other.directives),
            (&mut self.cost, other.cost),
            (&mut self.values, other.values),
            (&mut self.overlaps, other.overlaps),
            (&mut self.top, other.top),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (most, other) in [
            (&mut self.widest, other.widest),
            (&mut self.levels, other.levels),
            (&mut self.depth, other.depth),
            (&mut self.schema_depth, other.schema_depth),
            (&mut self.lists, other.lists),
            (&mut self.schema_lists, other.schema_lists),
        ] {
            *most = (*most).max(other);
        }
        self.reads_pages |= other.reads_pages;
    }

    /// What is added is a selection set. The library compares each of its fields with the first one of its name.
    pub(super) fn into_set(mut self) -> Self {
        self.overlaps = self.overlaps.saturating_add(self.top.saturating_mul(self.widest));
        self.levels = self.levels.saturating_add(1);
        self
    }

    /// A field with this selection.
    pub(super) fn into_field(mut self, field: &Field, values: &Values<'_>) -> Self {
        let name = field.name.node.as_str();
        let alias = usize::from(field.alias.is_some());
        self.fields = self.fields.saturating_add(1);
        self.aliases = self.aliases.saturating_add(alias);
        self.cost = cost(field, self.cost, values);
        self.top = 1;
        self.widest = field.arguments.len().saturating_add(alias);
        self.reads_pages |= is_page(name);
        if shows_schema(name) {
            self = self.below_schema();
        }
        self.lists = self.lists.saturating_add(usize::from(lists_schema(name)));
        self.depth = self.depth.saturating_add(1);
        if self.schema_depth > 0 {
            self.schema_depth = self.schema_depth.saturating_add(1);
        }
        self
    }

    /// The same where all of it is below `__schema` or `__type`.
    pub(super) fn below_schema(mut self) -> Self {
        self.schema_depth = self.schema_depth.max(self.depth);
        self.schema_lists = self.schema_lists.max(self.lists);
        self.depth = 0;
        self
    }

    /// Refuses what is beyond a limit. Beside one value for each token, each variable may be used once: `used` is how many
    /// values that makes.
    pub(super) fn check(parts: &[Self], limits: &Limits, used: usize) -> Result<(), TooExpensive> {
        let most = |count: fn(&Self) -> usize| parts.iter().map(count).max().unwrap_or_default();
        Limit::SCHEMA_LISTS.check(most(|part| part.schema_lists), SCHEMA_LISTS)?;
        Limit::DEPTH.check(most(|part| part.depth), limits.depth)?;
        Limit::DEPTH.check(most(|part| part.schema_depth), SCHEMA_DEPTH)?;
        Limit::FIELDS.check(most(|part| part.fields), limits.fields)?;
        Limit::ALIASES.check(most(|part| part.aliases), limits.aliases)?;
        Limit::DIRECTIVES.check(most(|part| part.directives), limits.directives)?;
        Limit::COST.check(most(|part| part.cost), limits.cost)?;
        Limit::VALUES.check(most(|part| part.values), limits.words.saturating_add(used))?;
        Limit::OVERLAPS.check(most(|part| part.overlaps), OVERLAPS)
    }
}
