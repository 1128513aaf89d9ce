//! Where order and saga end, by command and fault: the table of the design.

use std::collections::BTreeMap;

use order_events::saga::CommandType;
use serde_json::{Value, json};

use super::Fault;
use super::desk::refusal;
use super::stage::{PATIENCE, Stage, exchange};
use crate::until;

/// The end of an order and its saga.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    status: &'static str,
    reason: Option<&'static str>,
    /// One more than the changes of the order: what a saga does beside them makes no version.
    version: i64,
    state: &'static str,
    attention: Option<&'static str>,
    /// Every command that was ever issued, and where it stands.
    commands: BTreeMap<CommandType, &'static str>,
}

const REJECTED: &str = "REJECTED";
const CONTRADICTION: &str = "CONTRADICTION";

fn all_done(kinds: &[CommandType]) -> BTreeMap<CommandType, &'static str> {
    kinds.iter().map(|kind| (*kind, "DONE")).collect()
}

impl End {
    /// Confirmed, with stock and money held.
    fn ready() -> Self {
        Self {
            status: "CONFIRMED",
            reason: None,
            version: 2,
            state: "READY",
            attention: None,
            commands: all_done(&[CommandType::Reserve, CommandType::Authorize]),
        }
    }

    /// On its way, with stock and money taken.
    fn completed() -> Self {
        let mut end = Self::ready();
        (end.status, end.version, end.state) = ("IN_PROGRESS", 3, "COMPLETED");
        end.commands.extend(all_done(&[CommandType::Commit, CommandType::Capture]));
        end
    }

    /// Cancelled, without a reason, when stock and money were held; both are given back.
    fn compensated() -> Self {
        let mut end = Self::ready();
        (end.status, end.version, end.state) = ("CANCELLED", 3, "COMPENSATED");
        end.reason = Some("OTHER");
        end.commands.extend(all_done(&[CommandType::Release, CommandType::Void]));
        end
    }

    /// As without the fault.
    fn usual(kind: CommandType) -> Self {
        match kind {
            CommandType::Reserve | CommandType::Authorize => Self::ready(),
            CommandType::Commit | CommandType::Capture => Self::completed(),
            CommandType::Release | CommandType::Void => Self::compensated(),
        }
    }

    /// The end of an order whose command meets a fault.
    pub(super) fn of(fault: Fault, kind: CommandType) -> Self {
        use CommandType::{Authorize, Release, Reserve};
        let mut end = Self::usual(kind);
        match (fault, kind) {
            // Cancelled meanwhile: what may have had an effect is undone, answered or not.
            (Fault::ReplyLate, Reserve | Authorize) => {
                (end.status, end.reason) = ("CANCELLED", Some("OTHER"));
                end.state = "COMPENSATED";
                end.commands = all_done(if kind == Reserve {
                    &[Reserve, Release]
                } else {
                    &[Reserve, Release, Authorize, CommandType::Void]
                });
            }
            (Fault::ContradictoryReply, _) => end.attention = Some(CONTRADICTION),
            // The order is cancelled, and what was done before is undone.
            (Fault::Rejected, Reserve | Authorize) => {
                (end.status, end.reason) = ("CANCELLED", Some(refusal(kind).as_str()));
                end.state = "COMPENSATED";
                end.commands = [(kind, REJECTED)].into();
                if kind == Authorize {
                    end.commands.extend(all_done(&[Reserve, Release]));
                }
            }
            // There is no way back, or no other way: a person decides.
            (Fault::Rejected, _) => {
                end.commands.insert(kind, REJECTED);
                let is_undo = matches!(kind, Release | CommandType::Void);
                end.state = if is_undo { "COMPENSATING" } else { "FULFILLING" };
                end.attention = Some(REJECTED);
            }
            _ => {}
        }
        end
    }

    /// The end of an order whose do-command was rejected, before the other reply came: the order stays cancelled. While the saga still
    /// compensates, the work is undone, because it may be there; when it is over, a person looks.
    pub(super) fn rejected_then_done(kind: CommandType) -> Self {
        let mut end = Self::of(Fault::Rejected, kind);
        end.attention = Some(CONTRADICTION);
        if kind == CommandType::Authorize {
            end.commands.extend(all_done(&[CommandType::Void]));
        }
        end
    }

    fn seen(order: &Value, saga: &Value) -> Value {
        let commands = CommandType::ALL.into_iter().filter_map(|kind| {
            let found = exchange(saga, kind);
            (!found.is_null()).then(|| (kind.to_string(), found["state"].clone()))
        });
        json!({
            "status": order["status"],
            "reason": order["cancelReason"],
            "version": order["version"],
            "state": saga["state"],
            "attention": saga["attention"]["reason"],
            "commands": commands.collect::<BTreeMap<_, _>>(),
        })
    }

    fn expected(&self) -> Value {
        let commands = self.commands.iter().map(|(kind, state)| (kind.to_string(), *state));
        json!({
            "status": self.status,
            "reason": self.reason,
            "version": self.version,
            "state": self.state,
            "attention": self.attention,
            "commands": commands.collect::<BTreeMap<_, _>>(),
        })
    }

    /// Waits until order and saga have come to this end. Each version has its event.
    pub(super) fn is_reached(&self, stage: &Stage, order: i64) {
        let expected = self.expected();
        let seen = || Self::seen(&stage.order(order), &stage.saga(order));
        if !until(PATIENCE, || seen() == expected) {
            assert_eq!(seen(), expected, "the end of order {order}: {:#}", stage.saga(order));
        }
        let sequences = stage.events(order).into_iter();
        let sequences: Vec<_> = sequences.map(|event| event["data"]["sequence"].as_i64()).collect();
        assert_eq!(sequences, (1..=self.version).map(Some).collect::<Vec<_>>());
    }
}
