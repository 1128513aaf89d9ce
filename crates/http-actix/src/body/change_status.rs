//! The body of `PUT /orders/{id}/status`.

use order_app::idempotency::Fingerprint;
use order_app::orders::ChangeStatus;
use order_domain::{OrderId, StatusChange, Version};
use utoipa::ToSchema;

use super::digest::Digest;
use super::fields;
use super::reader::{Errors, Fields, Wrong};
use crate::problem::Problem;

/// Where an order is to go.
#[derive(ToSchema)]
#[schema(as = ChangeStatus)]
#[serde(untagged)]
#[expect(dead_code, reason = "only describes the body; the reader below reads it")]
pub(crate) enum ChangeStatusBody {
    Cancel(CancelBody),
    Move(MoveBody),
}

/// The order is to be called off.
#[derive(ToSchema)]
#[schema(as = CancelOrder)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the body; the reader below reads it")]
pub(crate) struct CancelBody {
    #[schema(schema_with = crate::schema::status_cancelled)]
    status: String,
    #[schema(schema_with = crate::schema::cancel_reason_or_null)]
    reason: Option<String>,
    /// A remark for the event.
    #[schema(max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    note: Option<String>,
}

/// The order is to move on.
#[derive(ToSchema)]
#[schema(as = MoveOrder)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the body; the reader below reads it")]
pub(crate) struct MoveBody {
    #[schema(schema_with = crate::schema::status_moving)]
    status: String,
    /// Only cancellations have one.
    #[schema(schema_with = crate::schema::nothing)]
    reason: Option<String>,
    /// A remark for the event.
    #[schema(max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    note: Option<String>,
}

/// Reads the body, telling everything that is wrong with it at once.
pub(crate) fn read(
    bytes: &[u8],
    id: OrderId,
    expected: Option<Vec<Version>>,
) -> Result<ChangeStatus, Problem> {
    let mut errors = Errors::default();
    let mut body = Fields::of_body(bytes)?;
    let to = body.required("status", &mut errors, fields::status);
    let reason = body.optional("reason", &mut errors, fields::cancel_reason);
    let note = body.optional("note", &mut errors, fields::note);
    let change = match (to, reason, note) {
        (Ok(to), Ok(reason), Ok(note)) => StatusChange::new(to, reason, note).map_err(|error| {
            errors.note(body.pointer("reason"), Wrong::new("not_allowed", error.to_string()))
        }),
        (Err(noted), ..) | (_, Err(noted), _) | (.., Err(noted)) => Err(noted),
    };
    body.finish(&mut errors);
    match change {
        Ok(change) if errors.is_empty() => Ok(ChangeStatus { id, change, expected }),
        _ => Err(errors.into()),
    }
}

/// What the command stands for under an idempotency key, without its condition.
pub(crate) fn fingerprint(command: &ChangeStatus) -> Fingerprint {
    let mut digest = Digest::new("change-status/1");
    digest.number(command.id.get());
    digest.text(command.change.to().as_str());
    digest.optional(command.change.reason(), |digest, reason| digest.text(reason.as_str()));
    digest.optional(command.change.note(), |digest, note| digest.text(note.as_str()));
    digest.finish()
}

#[cfg(test)]
mod tests {
    use order_domain::{CancelReason, OrderStatus};

    use super::*;
    use crate::problem::Code;

    fn change(body: &str) -> Result<StatusChange, Code> {
        let id = OrderId::new(1).unwrap();
        read(body.as_bytes(), id, None)
            .map(|command| command.change)
            .map_err(|problem| problem.code())
    }

    #[test]
    fn a_status_is_understood_in_many_spellings() {
        for spelled in ["IN_PROGRESS", "in progress", "In-Progress"] {
            let body = format!(r#"{{"status":"{spelled}"}}"#);
            assert_eq!(change(&body).unwrap().to(), OrderStatus::InProgress);
        }
        let cancelled = change(r#"{"status":"canceled","note":"too late"}"#).unwrap();
        assert_eq!(cancelled.reason(), Some(CancelReason::Other));
    }

    #[test]
    fn what_is_wrong_has_its_code() {
        for (body, code) in [
            (r#"{"status":"SHIPPED"}"#, Code::UnknownStatus),
            (r#"{"status":"SHIPPED","x":1}"#, Code::ValidationFailed),
            (r#"{"status":1}"#, Code::ValidationFailed),
            (r"{}", Code::ValidationFailed),
            (r#"{"status":"PENDING","x":1}"#, Code::UnknownField),
            (r#"{"status":"PENDING","reason":"OTHER"}"#, Code::ValidationFailed),
            (r#"{"status":"CANCELLED","reason":"BORED"}"#, Code::ValidationFailed),
            ("[]", Code::MalformedJson),
        ] {
            assert_eq!(change(body), Err(code), "{body}");
        }
    }
}
