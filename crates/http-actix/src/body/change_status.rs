//! The body of `PUT /orders/{id}/status`.

use order_app::orders::Claim;
use order_domain::{CancelReason, Note, OrderStatus, StatusChange};
use serde_json::{Value as Json, json};

use super::claims;
use super::declaration::{Body as _, body};
use super::digest::{Digest, Digested};
use super::reader::{At, Fields, Reading, Wrong};
use super::values::reference;
use crate::problem::Problem;
use crate::schema::{also, spellings};

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

/// Reads the body, and what it says of the order as it stands, telling everything that is wrong at
/// once.
pub(crate) fn read(bytes: &[u8]) -> Result<(StatusChange, Vec<Claim>), Problem> {
    let mut reading = Reading::default();
    let (body, claims) = claims::read(Fields::of_body(bytes)?, claims::OF_STATUS, &mut reading);
    let change = body.and_then(|ChangeStatus { to, reason, note }| {
        StatusChange::new(to, reason, note).map_err(|error| {
            let at = At::Field(&At::Body, "reason");
            reading.note(at, Wrong::new("not_allowed", error.to_string()))
        })
    });
    Ok((reading.end(change)?, claims))
}

impl Digested for StatusChange {
    /// With the reason that a cancellation has when the body names none.
    fn digest(&self, digest: &mut Digest) {
        let (to, reason, note) = (self.to(), self.reason(), self.note().cloned());
        ChangeStatus { to, reason, note }.digest(digest);
    }
}

/// The schema: a cancellation may have a reason, and nothing else may.
pub(super) fn schema() -> Json {
    let mut schema = ChangeStatus::schema();
    claims::describe_all(&mut schema, claims::OF_STATUS);
    if let Some(members) = schema.as_object_mut() {
        let cancelled = json!({"const": OrderStatus::Cancelled.as_str()});
        let cancelled = also(cancelled, spellings(&["CANCELLED", "CANCELED"]));
        members.insert("if".to_owned(), json!({"properties": {"status": cancelled}}));
        let moving = json!({"status": reference("Status"), "reason": {"type": "null"}});
        members.insert("else".to_owned(), json!({"properties": moving}));
    }
    schema
}
