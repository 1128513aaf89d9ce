//! What the business of a participant says to a command: yes, unless a test value or a script says
//! otherwise. It depends on nothing but the command and the script, so that every process says the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use order_events::saga::{Command, CommandType, INVENTORY_TOPIC, PAYMENT_TOPIC, Reason, Task};
use uuid::Uuid;

/// What a participant that takes commands is in the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Keeps stock.
    Inventory,
    /// Keeps money.
    Payment,
}

impl Role {
    /// Its name, on the command line and in its file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Payment => "payment",
        }
    }

    /// The topic of its commands, unless another one is named.
    #[must_use]
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Inventory => INVENTORY_TOPIC,
            Self::Payment => PAYMENT_TOPIC,
        }
    }

    /// The source of its replies.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Inventory => "/inventory",
            Self::Payment => "/payment",
        }
    }

    /// Whether commands of a type are for it.
    #[must_use]
    pub const fn takes(self, kind: CommandType) -> bool {
        let of_inventory =
            matches!(kind, CommandType::Reserve | CommandType::Release | CommandType::Commit);
        matches!(self, Self::Inventory) == of_inventory
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The product that is always out of stock.
pub const NO_STOCK: i64 = 402;
/// The product of which no reservation is answered.
pub const NO_ANSWER: i64 = 408;
/// The product whose reservation fails twice, and then succeeds.
pub const TROUBLE: i64 = 503;
/// The amount that is declined, in any currency.
pub const DECLINED: &str = "402";
/// The amount whose authorisation is not answered, in any currency.
pub const UNANSWERED: &str = "408";
/// The amount whose authorisation fails twice, and then succeeds, in any currency.
pub const TROUBLED: &str = "503";
/// The attempts that fail by [`TROUBLE`] and [`TROUBLED`].
const FAILING_ATTEMPTS: u32 = 2;

/// What the business says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// Yes.
    Accepted,
    /// No, and it will not change.
    Refused(Reason),
    /// It cannot say; a technical reason.
    Trouble,
    /// It says nothing at all.
    Silence,
}

/// The rules of a participant.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Which one it is.
    pub role: Role,
    /// What goes wrong on purpose.
    pub script: Script,
}

impl Rules {
    /// Those of a participant without scripted faults.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self { role, script: Script::default() }
    }

    /// Judges a command. Only work that begins is judged: undos and completions are always accepted.
    #[must_use]
    pub fn judge(&self, command: &Command) -> Ruling {
        let (no, ruling) = match &command.task {
            Task::Reserve(items) => {
                let has = |id| items.iter().any(|item| item.product_id.get() == id);
                (Reason::OutOfStock, by_value(has(NO_ANSWER), has(TROUBLE), has(NO_STOCK)))
            }
            Task::Authorize(payment) => {
                let amount = payment.amount.to_string();
                let is = |text| amount == text;
                (Reason::PaymentFailed, by_value(is(UNANSWERED), is(TROUBLED), is(DECLINED)))
            }
            _ => return Ruling::Accepted,
        };
        match ruling {
            Value::Answerless => Ruling::Silence,
            Value::Troubled if command.attempt <= FAILING_ATTEMPTS => Ruling::Trouble,
            Value::Refused => Ruling::Refused(no),
            _ if self.script.refuses(command.id) => Ruling::Refused(no),
            _ => Ruling::Accepted,
        }
    }
}

enum Value {
    Usual,
    Answerless,
    Troubled,
    Refused,
}

const fn by_value(answerless: bool, troubled: bool, refused: bool) -> Value {
    match (answerless, troubled, refused) {
        (true, ..) => Value::Answerless,
        (_, _, true) => Value::Refused,
        (_, true, _) => Value::Troubled,
        _ => Value::Usual,
    }
}

/// What goes wrong on purpose, and how often. Whether it does is drawn from the seed, the command's id
/// and its attempt, so the same run can be had again, also after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Script {
    reject: Share,
    duplicate: Share,
    lose: Share,
    garbage: Share,
    delay: Duration,
    late: Duration,
    late_share: Share,
    seed: u64,
}

/// The longest pause that a script may ask for.
const LONGEST: Duration = Duration::from_mins(2);

/// A share in millionths, from none to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Share(u64);

impl Share {
    const ALL: u64 = 1_000_000;
}

/// Why a script cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Not `name=value`, or no name that is known.
    #[error(
        "{0:?} is not one of reject=, duplicate=, lose=, garbage= (a share from 0 to 1), delay=, late= \
         (a time such as 2s or 300ms; late=20s:0.1 for another share than 0.05), seed="
    )]
    Unknown(String),
    /// A value that the name does not take.
    #[error("{0:?} has a value that cannot be: shares are from 0 to 1, times up to 120s")]
    Value(String),
}

/// Reads `reject=0.1,delay=2s,duplicate=0.2,lose=0.05,late=20s,garbage=0.01,seed=7`.
impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self { late_share: Share(50_000), ..Self::default() };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let unknown = || ScriptError::Unknown(part.to_owned());
            let wrong = || ScriptError::Value(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(unknown)?;
            match name {
                "reject" => script.reject = share(value).ok_or_else(wrong)?,
                "duplicate" => script.duplicate = share(value).ok_or_else(wrong)?,
                "lose" => script.lose = share(value).ok_or_else(wrong)?,
                "garbage" => script.garbage = share(value).ok_or_else(wrong)?,
                "delay" => script.delay = duration(value).ok_or_else(wrong)?,
                "late" => {
                    let (time, part) = value.split_once(':').unwrap_or((value, "0.05"));
                    script.late = duration(time).ok_or_else(wrong)?;
                    script.late_share = share(part).ok_or_else(wrong)?;
                }
                "seed" => script.seed = value.parse().map_err(|_| wrong())?,
                _ => return Err(unknown()),
            }
        }
        Ok(script)
    }
}

fn share(text: &str) -> Option<Share> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = !part.is_empty() && part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    let millionths: u64 = if digits { format!("{part:0<6}").parse().ok()? } else { return None };
    let share = whole.parse::<u64>().ok()?.checked_mul(Share::ALL)?.checked_add(millionths)?;
    (share <= Share::ALL).then_some(Share(share))
}

/// Reads `2s` or `300ms`.
fn duration(text: &str) -> Option<Duration> {
    let duration = match text.strip_suffix("ms") {
        Some(millis) => Duration::from_millis(millis.parse().ok()?),
        None => Duration::from_secs(text.strip_suffix('s')?.parse().ok()?),
    };
    (duration <= LONGEST).then_some(duration)
}

/// A message that goes out for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// How long it waits before it goes.
    pub after: Duration,
    /// Whether it is bytes that make no sense, instead of the reply.
    pub garbage: bool,
}

impl Script {
    fn refuses(&self, command: Uuid) -> bool {
        self.hits(self.reject, command, 0, 1)
    }

    /// What is sent for an answered command: usually the reply at once. Nothing when it is lost.
    #[must_use]
    pub fn sendings(&self, command: Uuid, attempt: u32) -> Vec<Sending> {
        let hits = |share, salt| self.hits(share, command, attempt, salt);
        let late = if hits(self.late_share, 2) { self.late } else { Duration::ZERO };
        let after = self.delay.saturating_add(late);
        let reply = Sending { after, garbage: false };
        let mut sendings = Vec::new();
        if hits(self.garbage, 3) {
            sendings.push(Sending { after, garbage: true });
        }
        if !hits(self.lose, 4) {
            sendings.push(reply);
        }
        if hits(self.duplicate, 5) {
            sendings.push(reply);
        }
        sendings
    }

    fn hits(&self, share: Share, command: Uuid, attempt: u32, salt: u64) -> bool {
        let (high, low) = command.as_u64_pair();
        let parts = [self.seed, high, low, attempt.into(), salt];
        let drawn = parts.into_iter().fold(0, |mixed, part| mix(mixed ^ part));
        drawn.checked_rem(Share::ALL).is_some_and(|drawn| drawn < share.0)
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
