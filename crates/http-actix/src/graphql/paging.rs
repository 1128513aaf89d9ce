//! What the lists of the schema have in common: they are connections of the Relay specification, and read forward.

use async_graphql::{Result, SimpleObject};

use super::asking::Asking;
use super::errors::error;
use super::scalars::Cursor;
use crate::problem::Problem;

/// The entries of a page when the arguments do not say.
pub(super) const PAGE: i32 = 20;
const MOST: i32 = 100;

/// Where a page stands among the others.
#[derive(SimpleObject, Debug, Clone)]
pub(super) struct PageInfo {
    /// Whether there are more.
    pub(super) has_next_page: bool,
    /// Always false: pages are read forward.
    pub(super) has_previous_page: bool,
    /// The cursor of the first entry.
    pub(super) start_cursor: Option<Cursor>,
    /// The cursor of the last entry, after which the next page begins.
    pub(super) end_cursor: Option<Cursor>,
}

impl PageInfo {
    /// The page of these cursors. `next` is where the next one begins: after the last entry, or after one that was left out.
    pub(super) fn of<'a>(
        mut cursors: impl DoubleEndedIterator<Item = &'a Cursor>,
        next: Option<Cursor>,
    ) -> Self {
        let start_cursor = cursors.next().cloned();
        let has_next_page = next.is_some();
        let last = || cursors.next_back().cloned().or_else(|| start_cursor.clone());
        let end_cursor = next.or_else(last);
        Self { has_next_page, has_previous_page: false, start_cursor, end_cursor }
    }
}

/// How many entries a page may have, by the argument `first`.
pub(super) fn size(first: Option<i32>, asking: &Asking) -> Result<u32> {
    let first = first.unwrap_or(PAGE);
    let size = u32::try_from(first).ok().filter(|_| (1..=MOST).contains(&first));
    size.ok_or_else(|| {
        let problem = Problem::parameter("first", format!("must be an integer from 1 to {MOST}"));
        error(&problem, asking)
    })
}
