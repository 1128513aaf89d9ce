//! How orders are looked up: questions that wait at the same moment are answered by one statement.

pub(crate) mod lists;
pub(crate) mod lookups;
