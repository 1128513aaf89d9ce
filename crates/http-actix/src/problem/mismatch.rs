//! The problem of a change whose body says something of the order that is not so.

use order_app::events::timestamp;
use order_app::orders::Claim;
use order_domain::{CancelReason, ClientReference, Order, OrderStatus};

use super::{Code, FIELD_MISMATCH, FieldError, Problem};

/// Names each field, and what it must be.
pub(super) fn contradicted(claims: &[Claim], order: &Order) -> Problem {
    let errors = claims.iter().map(|claim| {
        let (name, stored) = stored(claim, order);
        let message = match stored {
            Some(stored) => format!("must be {stored}, as it is stored, or be left out"),
            None => "must be left out: the order has none".to_owned(),
        };
        FieldError::pointer(format!("/{name}"), FIELD_MISMATCH, message)
    });
    let detail = "The body says something of the stored order that is not so. Nothing was changed.";
    Problem::new(Code::FieldMismatch, detail).errors(errors.collect())
}

/// The field of a claim, and what the order has there.
fn stored(claim: &Claim, order: &Order) -> (&'static str, Option<String>) {
    let all = order.snapshot();
    let text = |name, text: &str| (name, Some(text.to_owned()));
    match claim {
        Claim::Id(_) => text("id", &all.id.to_string()),
        Claim::Customer(_) => text("customerId", &all.customer_id.to_string()),
        Claim::Currency(_) => text("currency", order.currency().code()),
        Claim::Lines(_) => text("items", "what the order has"),
        Claim::Total(_) => {
            text("totalAmount", all.lines.total().display(order.currency()).as_str())
        }
        Claim::Status(_) => text("status", all.status.as_str()),
        Claim::Transitions(_) => {
            let next: Vec<_> = all.status.allowed_transitions().map(OrderStatus::as_str).collect();
            text("allowedTransitions", &format!("[{}]", next.join(", ")))
        }
        Claim::Version(_) => text("version", &all.version.to_string()),
        Claim::ClientReference(_) => {
            let name = all.client_reference.as_ref().map(ClientReference::as_str);
            ("clientReference", name.map(str::to_owned))
        }
        Claim::CancelReason(_) => {
            ("cancelReason", all.cancel_reason.map(CancelReason::as_str).map(str::to_owned))
        }
        Claim::CreatedAt(_) => text("createdAt", &timestamp(all.created_at)),
        Claim::UpdatedAt(_) => text("updatedAt", &timestamp(all.updated_at)),
    }
}
