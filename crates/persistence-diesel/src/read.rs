//! How orders are looked up: questions that wait at the same moment are answered by one statement.

pub(crate) mod lists;
pub(crate) mod lookups;

use lists::ListLookups;
use lookups::{OrderLookups, SagaLookups};

/// Where the reads wait that share statements.
pub(crate) struct Reads {
    /// Orders by their ids.
    pub(crate) orders: OrderLookups,
    /// A customer's newest orders; `None` where each list is a statement of its own.
    pub(crate) lists: Option<ListLookups>,
    /// Sagas, with their orders.
    pub(crate) sagas: SagaLookups,
}
