//! The body of `PUT /orders/{id}/status`.

use order_domain::{CancelReason, Note, OrderStatus, StatusChange};
use serde_json::{Map, Value as Json, json};

use super::declaration::{Body as _, body};
use super::digest::{Digest, Digested};
use super::reader::{At, Fields, Reading, Wrong};
use super::values::reference;
use crate::problem::Problem;

struct ChangeStatus {
    to: OrderStatus,
    reason: Option<CancelReason>,
    note: Option<Note>,
}

body! { ChangeStatus as "ChangeStatus", digested:
    /// Where an order is to go.
    {
        /// The status.
        "status" required to;
        /// Only cancellations have one.
        "reason" optional reason;
        /// A remark for the event.
        "note" optional note;
    }
}

/// Reads the body, telling everything that is wrong with it at once.
pub(crate) fn read(bytes: &[u8]) -> Result<StatusChange, Problem> {
    let mut reading = Reading::default();
    let body = ChangeStatus::read(Fields::of_body(bytes)?, &mut reading);
    let change = body.and_then(|ChangeStatus { to, reason, note }| {
        StatusChange::new(to, reason, note).map_err(|error| {
            let at = At::Field(&At::Body, "reason");
            reading.note(at, Wrong::new("not_allowed", error.to_string()))
        })
    });
    reading.end(change)
}

impl Digested for StatusChange {
    /// With the reason that a cancellation has when the body names none.
    fn digest(&self, digest: &mut Digest) {
        let (to, reason, note) = (self.to(), self.reason(), self.note().cloned());
        ChangeStatus { to, reason, note }.digest(digest);
    }
}

/// The schemas: a cancellation may have a reason, and nothing else may.
pub(super) fn schemas() -> Map<String, Json> {
    let narrowed = |about: &str, status: &str, reason: Json| {
        let mut schema = ChangeStatus::schema();
        for (at, value) in [
            ("/description", about.into()),
            ("/properties/status", reference(status)),
            ("/properties/reason", reason),
        ] {
            if let Some(member) = schema.pointer_mut(at) {
                *member = value;
            }
        }
        schema
    };
    let reason = reference("CancelReasonOrNull");
    let cancel = narrowed("The order is to be called off.", "CancelledStatusInput", reason);
    let go_on = narrowed("The order is to move on.", "MovingStatusInput", json!({"type": "null"}));
    let either = json!({
        "description": "Where an order is to go.",
        "oneOf": [reference("CancelOrder"), reference("MoveOrder")],
    });
    [(ChangeStatus::NAME, either), ("CancelOrder", cancel), ("MoveOrder", go_on)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}
