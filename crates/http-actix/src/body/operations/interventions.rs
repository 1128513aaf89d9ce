//! What the management port is asked to do about a saga, by whom, and why.

use order_app::actions::{Actor, Reason};
use order_app::caller::CallerName;
use order_app::saga::{Action, StepName};
use serde_json::{Map, Value as Json, json};

use crate::body::declaration::{Body, body};
use crate::body::reader::{At, Fields, Noted, Reading, Wrong};
use crate::body::values::{INVALID_FORMAT, UNKNOWN_VALUE, string, values};
use crate::problem::Problem;

/// An action on a saga.
pub(crate) struct Asked {
    pub(crate) action: Action,
    pub(crate) actor: Actor,
    pub(crate) reason: Reason,
}

struct Retry {
    step: Option<StepName>,
    reason: Reason,
    actor: Option<Actor>,
}

body! { Retry as "SagaRetryRequest":
    /// Which commands to send again, and why.
    {
        /// Only those of this step; of all steps when absent.
        "step" optional step;
        /// Why; 1 to 500 characters, no control characters.
        "reason" required reason;
        /// Who acts; 1 to 64 characters, no control characters. Required without login. With login it is the caller, and may be left out.
        "actor" optional actor;
    }
}

struct Skip {
    step: StepName,
    reason: Reason,
    actor: Option<Actor>,
}

body! { Skip as "SagaSkipRequest":
    /// Which step to take as done, and why.
    {
        /// The step.
        "step" required step;
        /// Why; 1 to 500 characters, no control characters.
        "reason" required reason;
        /// Who acts; 1 to 64 characters, no control characters. Required without login. With login it is the caller, and may be left out.
        "actor" optional actor;
    }
}

struct Confirm {
    reason: Reason,
    actor: Option<Actor>,
}

body! { Confirm as "SagaConfirmRequest":
    /// Why the order is confirmed without waiting for stock and payment.
    {
        /// Why; 1 to 500 characters, no control characters.
        "reason" required reason;
        /// Who acts; 1 to 64 characters, no control characters. Required without login. With login it is the caller, and may be left out.
        "actor" optional actor;
    }
}

values! {
    StepName: json!({"type": "string", "enum": step_names()}),
        |value| Self::named(&string(value)?).ok_or_else(|| {
            Wrong::new(UNKNOWN_VALUE, format!("must be one of {}", step_names().join(", ")))
        });
    Actor: json!({"type": "string", "minLength": 1, "maxLength": Self::MAX}),
        |value| Self::new(&string(value)?).ok_or_else(|| Wrong::new(INVALID_FORMAT, Self::rule()));
}

fn step_names() -> Vec<&'static str> {
    StepName::ALL.iter().map(|step| step.as_str()).collect()
}

/// Reads which commands to send again. `caller` is who asks, where callers say who they are.
pub(crate) fn retry(bytes: &[u8], caller: Option<&CallerName>) -> Result<Asked, Problem> {
    read(bytes, caller, |Retry { step, reason, actor }| (Action::Retry(step), reason, actor))
}

/// Reads which step to take as done.
pub(crate) fn skip_step(bytes: &[u8], caller: Option<&CallerName>) -> Result<Asked, Problem> {
    read(bytes, caller, |Skip { step, reason, actor }| (Action::Skip(step), reason, actor))
}

/// Reads why an order is confirmed.
pub(crate) fn confirm(bytes: &[u8], caller: Option<&CallerName>) -> Result<Asked, Problem> {
    read(bytes, caller, |Confirm { reason, actor }| (Action::Confirm, reason, actor))
}

/// The schemas of the bodies here.
pub(super) fn schemas() -> Map<String, Json> {
    let all = [
        (Retry::NAME, Retry::schema()),
        (Skip::NAME, Skip::schema()),
        (Confirm::NAME, Confirm::schema()),
    ];
    all.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect()
}

fn read<B: Body>(
    bytes: &[u8],
    caller: Option<&CallerName>,
    parts: fn(B) -> (Action, Reason, Option<Actor>),
) -> Result<Asked, Problem> {
    const ACTOR: At<'_> = At::Field(&At::Body, "actor");
    let mut reading = Reading::default();
    let fields = Fields::of_body(bytes)?;
    let names_actor = fields.peek("actor").is_some_and(|value| value.get() != "null");
    let asked = B::read(fields, &mut reading).map(parts);
    // Also when another field is wrong: everything is told at once.
    let missing = (!names_actor && caller.is_none())
        .then(|| reading.note(ACTOR, Wrong::new("required", "must be given: who acts")));
    let asked = asked.and_then(|(action, reason, named)| {
        let actor = match (named, caller) {
            (Some(actor), None) => actor,
            (None, Some(caller)) => caller.into(),
            (Some(actor), Some(caller)) if actor == caller.into() => actor,
            (Some(_), Some(caller)) => {
                let message = format!("must be left out, or be the caller, {}", caller.as_str());
                return Err(reading.note(ACTOR, Wrong::new("not_allowed", message)));
            }
            (None, None) => return Err(missing.unwrap_or(Noted)),
        };
        Ok(Asked { action, actor, reason })
    });
    reading.end(asked)
}
