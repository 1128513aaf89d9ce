//! What a conformance run found: a verdict for each rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A rule of the contract, by its number in `docs/saga-participants.md`; the last is beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 1: the same command id always gets the same reply.
    SameReply,
    /// 2: an undo before its do leaves a tombstone.
    Tombstone,
    /// 3: an undo of an unknown do is done.
    UnknownUndo,
    /// 4: reply after the own commit, offset after the reply.
    Offsets,
    /// 5: key, causation and correlation are copied.
    Copies,
    /// 6: rejected is a decision of the business that does not change.
    Refusals,
    /// 7: undos are never rejected.
    Undos,
    /// Messages that cannot be read are passed.
    Unreadable,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 8] = [
        Self::SameReply,
        Self::Tombstone,
        Self::UnknownUndo,
        Self::Offsets,
        Self::Copies,
        Self::Refusals,
        Self::Undos,
        Self::Unreadable,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::SameReply => "1  the same command id always gets the same reply",
            Self::Tombstone => "2  an undo before its do leaves a tombstone",
            Self::UnknownUndo => "3  an undo of an unknown do is done",
            Self::Offsets => "4  reply after the own commit, offset after the reply",
            Self::Copies => "5  key, causation and correlation are copied",
            Self::Refusals => "6  rejected is a decision that does not change",
            Self::Undos => "7  undos are never rejected",
            Self::Unreadable => "-  messages that cannot be read are passed",
        }
    }
}

/// The verdicts.
#[derive(Debug, Default)]
pub struct Report {
    pub(super) title: String,
    broken: BTreeMap<Rule, BTreeSet<String>>,
    not_shown: BTreeMap<Rule, &'static str>,
    looked_at: BTreeSet<Rule>,
}

impl Report {
    pub(super) fn new(title: String) -> Self {
        Self { title, ..Self::default() }
    }

    /// Whether no rule was seen broken, and each was looked at or is named as not shown.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.broken.is_empty() && Rule::ALL.into_iter().all(|rule| self.is_judged(rule))
    }

    /// Whether a rule was seen broken.
    #[must_use]
    pub fn is_broken(&self, rule: Rule) -> bool {
        self.broken.contains_key(&rule)
    }

    pub(super) fn broken(&mut self, rule: Rule, what: String) {
        self.broken.entry(rule).or_default().insert(what);
    }

    pub(super) fn looked_at(&mut self, rule: Rule) {
        self.looked_at.insert(rule);
    }

    pub(super) fn not_shown(&mut self, rule: Rule, why: &'static str) {
        self.not_shown.insert(rule, why);
    }

    fn is_judged(&self, rule: Rule) -> bool {
        self.looked_at.contains(&rule) || self.not_shown.contains_key(&rule)
    }
}

/// A line for each rule, and below it what was seen.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for rule in Rule::ALL {
            let text = rule.text();
            match (self.broken.get(&rule), self.not_shown.get(&rule)) {
                (Some(seen), _) => {
                    writeln!(f, "{text:55} BROKEN")?;
                    for what in seen {
                        writeln!(f, "     {what}")?;
                    }
                }
                (None, Some(why)) => writeln!(f, "{text:55} not shown: {why}")?,
                (None, None) if self.is_judged(rule) => writeln!(f, "{text:55} kept")?,
                (None, None) => writeln!(f, "{text:55} not reached")?,
            }
        }
        Ok(())
    }
}
