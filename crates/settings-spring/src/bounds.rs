//! How much one source of settings, one value and one reading may take. Sources are written by others: a document of a
//! few hundred bytes must neither fill the memory nor keep the process busy.

use std::cell::Cell;

/// The largest settings file that is read, in bytes.
pub(crate) const LARGEST_FILE: u64 = 1024 * 1024;
/// The longest text that a value may be, in bytes, once its placeholders are replaced.
pub(crate) const LARGEST_VALUE: usize = 64 * 1024;
/// The longest name of a setting in a file or a document, in bytes.
const LONGEST_NAME: usize = 1_000;
/// What the names and values of one source may come to, in bytes.
const LARGEST_SOURCE: usize = 4 * 1024 * 1024;
/// The steps that one value may take; a step is about a byte that is read.
const STEPS_OF_A_VALUE: u64 = 1024 * 1024;
/// The steps that all values of one reading may take.
const STEPS_IN_ALL: u64 = 16 * STEPS_OF_A_VALUE;
/// The most members that a family of keys may have.
pub(crate) const MOST_MEMBERS: usize = 1_000;
/// How many problems or names one message lists.
pub(crate) const MOST_LISTED: usize = 50;

/// The room that one source has: nested names repeat their beginning in each of their values, so that a small text can
/// become a large one.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(LARGEST_SOURCE)
    }
}

impl Room {
    /// Takes the room of one setting. An error says in words what is too large.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        if name.len() > LONGEST_NAME {
            return Err("a name has more than 1000 bytes");
        }
        let size = name.len().saturating_add(value.len());
        self.0 = self.0.checked_sub(size).ok_or("its settings come to more than 4 MiB")?;
        Ok(())
    }
}

/// The work of one reading, counted in steps rather than in time.
#[derive(Debug)]
pub(crate) struct Work {
    left: Cell<u64>,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: Cell::new(STEPS_IN_ALL) }
    }
}

impl Work {
    /// The steps that the next value may take.
    pub(crate) fn of_a_value(&self) -> u64 {
        self.left.get().min(STEPS_OF_A_VALUE)
    }

    /// The steps that are left.
    #[cfg(test)]
    pub(crate) fn in_all(&self) -> u64 {
        self.left.get()
    }

    /// Counts the steps of a value.
    pub(crate) fn done(&self, steps: u64) {
        self.left.set(self.left.get().saturating_sub(steps));
    }
}

/// The beginning of a text for a message: names and values may be as long as a document.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}

/// Things for a message: the first ones, and how many there are beside them.
pub(crate) fn listed<T>(all: impl IntoIterator<Item = T>, show: impl FnMut(T) -> String) -> String {
    let mut all = all.into_iter();
    let shown: Vec<_> = all.by_ref().take(MOST_LISTED).map(show).collect();
    match all.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
