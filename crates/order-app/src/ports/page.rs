//! Pages: how much one answer of a store or of a journal may hold.

/// About the most bytes of documents in a page that a request asks for: of orders
/// ([`OrderStore::customer_orders`](super::OrderStore::customer_orders)) and of the events of one order
/// ([`OrderStore::events`](super::OrderStore::events)). Many requests hold such pages at once.
pub const PAGE_BYTES: usize = 1 << 20;

/// About the most bytes of events in a page of the journal
/// ([`EventJournal::entries_after`](super::EventJournal::entries_after), and the selections of
/// [`JournalInspection`](super::JournalInspection)). Few readers hold one: the relay, the feed, a replay.
pub const JOURNAL_PAGE_BYTES: usize = 8 << 20;

/// Items in their order. A page ends by their number and by their bytes, whichever comes first; where there is an item,
/// it has at least one, however large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether others follow the last one.
    pub more: bool,
}

/// How many items of these sizes, in bytes, make one page of at most this number of bytes: at least one, if there is one.
#[must_use]
pub fn fitting(sizes: impl IntoIterator<Item = usize>, most: usize) -> usize {
    let (mut items, mut bytes) = (0_usize, 0_usize);
    for size in sizes {
        bytes = bytes.saturating_add(size);
        if items > 0 && bytes > most {
            break;
        }
        items = items.saturating_add(1);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn a_page_has_what_fits_and_one_item_at_least() {
        for (sizes, expected) in [
            (&[][..], 0),
            (&[4, 3, 3], 3),
            (&[4, 3, 4], 2),
            (&[11], 1),
            (&[11, 1], 1),
            (&[0, 11], 1),
            (&[1, 9, 0, 1], 3),
        ] {
            assert_eq!(fitting(sizes.iter().copied(), 10), expected, "{sizes:?}");
        }
    }
}
