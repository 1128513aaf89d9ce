//! The guard: how much a GraphQL document may ask for. It judges the text before the parser reads it ([`scan`]), and the
//! tree before the library walks it ([`measure`]). The library compares its own limits after its walks, and its walks
//! follow every spread of a fragment anew: 31 fragments, each with two spreads of the next, are a thousand million
//! selections to it. The guard measures every fragment once. Not here: whether a document fits the schema, and which of
//! its operations runs.

mod extent;
mod measure;
mod scan;
#[cfg(test)]
mod tests;
mod values;
mod weights;

pub(crate) use measure::{Measure, measure};
pub(crate) use scan::scan;

/// The most bytes of a name. The library repeats the name of an operation in an error for each of its variables.
const NAME: usize = 256;
/// How deep fields may be below `__schema` and `__type`: the usual query for a schema goes to 15.
const SCHEMA_DEPTH: usize = 16;
/// How many lists of a type's own fields and types may be nested below `__schema` and `__type`.
const SCHEMA_LISTS: usize = 1;
/// The most comparisons of arguments between fields of one level. Each of them may become an error of about 200 bytes.
const OVERLAPS: usize = 5000;

/// How many entries a page has when the document does not say.
const PAGE: usize = 20;
/// How many it has at most, and when the guard cannot tell.
const LARGEST: usize = 100;

/// How much a document may ask for. Fragments are put in wherever they are spread, and all operations count, because the
/// library validates all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Words and signs: the tokens of the language.
    pub words: usize,
    /// Brackets in one another: `(`, `[` and `{`. Also selection sets in one another, with fragments put in.
    pub nesting: usize,
    /// Fields in one another. Below `__schema` and `__type` it is 16.
    pub depth: usize,
    /// Fields of all operations.
    pub fields: usize,
    /// Aliases of all operations.
    pub aliases: usize,
    /// Fields at the top of one operation.
    pub root_fields: usize,
    /// Definitions of fragments.
    pub fragments: usize,
    /// Directives of all operations.
    pub directives: usize,
    /// The cost of all operations, in points; a read of one order by its id is one.
    pub cost: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            words: 4000,
            nesting: 64,
            depth: 12,
            fields: 1000,
            aliases: 50,
            root_fields: 10,
            fragments: 50,
            directives: 50,
            cost: 2000,
        }
    }
}

/// Which limit a document breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document has {found} {what}; at most {most} are taken")]
pub(crate) struct TooExpensive {
    /// The last part of the setting's name. It has no `max-` where the limit is a constant.
    pub(crate) limit: &'static str,
    pub(crate) most: usize,
    /// How many there are; less than that where the guard stops counting at the limit.
    pub(crate) found: usize,
    what: &'static str,
}

/// A limit, and what it counts.
#[derive(Clone, Copy)]
struct Limit {
    name: &'static str,
    counts: &'static str,
}

impl Limit {
    const WORDS: Self = Self::new("max-words", "words and signs");
    const NESTING: Self = Self::new("max-nesting", "levels of brackets or selections");
    const DEPTH: Self = Self::new("max-depth", "levels of fields");
    const FIELDS: Self = Self::new("max-fields", "fields");
    const ALIASES: Self = Self::new("max-aliases", "aliases");
    const ROOT_FIELDS: Self = Self::new("max-root-fields", "fields at the top");
    const FRAGMENTS: Self = Self::new("max-fragments", "fragments");
    const DIRECTIVES: Self = Self::new("max-directives", "directives");
    const COST: Self = Self::new("max-cost", "points of cost");
    const NAME: Self = Self::new("name", "bytes in a name");
    const SCHEMA_LISTS: Self = Self::new("introspection", "lists of the schema in one another");
    const VALUES: Self = Self::new("values", "values in arguments");
    const OVERLAPS: Self = Self::new("overlaps", "arguments to compare");

    const fn new(name: &'static str, counts: &'static str) -> Self {
        Self { name, counts }
    }

    fn check(self, found: usize, most: usize) -> Result<(), TooExpensive> {
        if found > most { Err(self.broken(found, most)) } else { Ok(()) }
    }

    /// The refusal where counting stops at the limit.
    fn exceeded(self, most: usize) -> TooExpensive {
        self.broken(most.saturating_add(1), most)
    }

    const fn broken(self, found: usize, most: usize) -> TooExpensive {
        TooExpensive { limit: self.name, most, found, what: self.counts }
    }
}
