//! Which commands are finished, and up to which offset a partition may be committed: never past one
//! that is not finished.

use std::collections::{BTreeMap, VecDeque};

/// A command that was taken from a partition. When the partition begins anew at an earlier offset,
/// because it was away, tickets of before are worth nothing. When it goes on at a later one, they count:
/// the committed offset may go back for a moment, which repeats replies and loses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) partition: i32,
    offset: i64,
    life: u64,
}

/// The window of each partition.
#[derive(Debug, Default)]
pub(super) struct Windows {
    partitions: BTreeMap<i32, Window>,
    lives: u64,
}

#[derive(Debug)]
struct Window {
    life: u64,
    /// Offsets in their order, with how much is to be done for each.
    open: VecDeque<(i64, usize)>,
    last: i64,
}

impl Windows {
    /// How many commands are not committed.
    pub(super) fn open(&self) -> usize {
        self.partitions.values().map(|window| window.open.len()).sum()
    }

    /// Takes a command, for which one thing is to be done at first.
    pub(super) fn take(&mut self, partition: i32, offset: i64) -> Ticket {
        let again = self.partitions.get(&partition).is_none_or(|window| offset <= window.last);
        if again {
            self.lives = self.lives.wrapping_add(1);
            let window = Window { life: self.lives, open: VecDeque::new(), last: offset };
            self.partitions.insert(partition, window);
        }
        let mut life = self.lives;
        if let Some(window) = self.partitions.get_mut(&partition) {
            window.last = offset;
            window.open.push_back((offset, 1));
            life = window.life;
        }
        Ticket { partition, offset, life }
    }

    /// Says how much is to be done for a command.
    pub(super) fn expect(&mut self, ticket: Ticket, count: usize) {
        if let Some(left) = self.left(ticket) {
            *left = count;
        }
    }

    /// One thing less to be done for a command. The offset that may be committed now, if it has moved.
    pub(super) fn finish(&mut self, ticket: Ticket) -> Option<i64> {
        let left = self.left(ticket)?;
        *left = left.saturating_sub(1);
        let window = self.partitions.get_mut(&ticket.partition)?;
        let mut done = None;
        while let Some((offset, 0)) = window.open.front() {
            done = Some(*offset);
            window.open.pop_front();
        }
        done
    }

    fn left(&mut self, ticket: Ticket) -> Option<&mut usize> {
        let window = self.partitions.get_mut(&ticket.partition)?;
        if window.life != ticket.life {
            return None;
        }
        let at = window.open.binary_search_by_key(&ticket.offset, |(offset, _)| *offset).ok()?;
        window.open.get_mut(at).map(|(_, left)| left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_committed_only_with_all_before_it() {
        let mut windows = Windows::default();
        let [a, b, c] = [5, 7, 8].map(|offset| windows.take(0, offset));
        let other = windows.take(1, 3);
        windows.expect(a, 2);
        assert_eq!((windows.finish(b), windows.finish(a), windows.open()), (None, None, 4));
        assert_eq!(windows.finish(a), Some(7));
        assert_eq!(windows.finish(other), Some(3));
        assert_eq!((windows.finish(c), windows.open()), (Some(8), 0));
        assert_eq!(windows.finish(c), None);
    }

    #[test]
    fn what_was_taken_before_a_partition_came_back_counts_no_more() {
        let mut windows = Windows::default();
        let [old, _] = [5, 6].map(|offset| windows.take(0, offset));
        let new = windows.take(0, 5);
        assert_eq!((windows.finish(old), windows.open()), (None, 1));
        assert_eq!(windows.finish(new), Some(5));
    }
}
