//! A participant as the model knows it.

use std::collections::{BTreeMap, BTreeSet};

use order_events::saga::CommandType;
use uuid::Uuid;

use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};

/// A participant: it answers a command once and for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    /// Whether each command is done.
    pub(crate) answers: BTreeMap<Uuid, bool>,
    /// The do-commands with an effect that is neither undone nor final.
    held: BTreeSet<Uuid>,
    /// Those that were undone, also before they came.
    pub(crate) undone: BTreeSet<Uuid>,
    /// How many became final.
    taken: usize,
}

impl Ledger {
    /// Takes a command; `would` is what it decides if it is free to.
    pub(crate) fn take(&mut self, id: Uuid, kind: CommandType, of: Option<Uuid>, would: bool) {
        if self.answers.contains_key(&id) {
            return;
        }
        let is_done = match (kind, of) {
            (Reserve | Authorize, _) => {
                let is_done = would && !self.undone.contains(&id);
                if is_done {
                    self.held.insert(id);
                }
                is_done
            }
            (Release | Void, Some(of)) => {
                if would {
                    self.held.remove(&of);
                    self.undone.insert(of);
                }
                would
            }
            (Commit | Capture, Some(of)) => {
                let is_done = would && self.held.remove(&of);
                self.taken += usize::from(is_done);
                is_done
            }
            (_, None) => panic!("{kind:?} is about no command"),
        };
        self.answers.insert(id, is_done);
    }

    /// How many effects are held, and how many were taken.
    pub(crate) fn holds(&self) -> (usize, usize) {
        (self.held.len(), self.taken)
    }
}
