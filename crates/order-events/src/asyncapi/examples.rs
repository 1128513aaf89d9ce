//! One example for each type of message: the life of one order, and its other end.

use order_domain::{OrderEventKind, OrderStatus};
use serde_json::{Value, json};

use crate::data::{EventData, EventLine};
use crate::schema::values::{DATA_SCHEMA, SOURCE};

/// A message of a type.
pub(super) fn of(kind: OrderEventKind) -> Value {
    let data = data(kind);
    json!({
        "name": kind.as_str(),
        "headers": {
            "ce_specversion": "1.0",
            "ce_id": format!("019ab000-0000-7000-8000-00000000000{}", data.sequence),
            "ce_type": kind.as_str(),
            "ce_source": SOURCE,
            "ce_subject": data.order_id.to_string(),
            "ce_time": data.occurred_at,
            "ce_dataschema": DATA_SCHEMA,
            "ce_sequence": data.sequence.to_string(),
            "ce_partitionkey": data.order_id.to_string(),
            "ce_correlationid": "4bf92f3577b34da6a3ce929d0e0e4736",
            "ce_causationid": "4bf92f3577b34da6a3ce929d0e0e4736",
            "content-type": "application/json",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
        "payload": data,
    })
}

fn data(kind: OrderEventKind) -> EventData {
    use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress, Pending};

    let (sequence, status, previous) = match kind {
        OrderEventKind::Created => (1, Pending, None),
        OrderEventKind::Updated => (2, Pending, Some(Pending)),
        OrderEventKind::Confirmed => (3, Confirmed, Some(Pending)),
        OrderEventKind::InProgress => (4, InProgress, Some(Confirmed)),
        OrderEventKind::Delivered => (5, Delivered, Some(InProgress)),
        // `Cancelled`; a test decodes the example of each kind.
        _ => (4, Cancelled, Some(Confirmed)),
    };
    let (quantity, line_total) =
        if kind == OrderEventKind::Created { (2, "99.98") } else { (3, "149.97") };
    let cancelled = status == Cancelled;
    EventData {
        order_id: 123,
        customer_id: 42,
        sequence,
        status: status.to_string(),
        previous_status: previous.map(|status| status.to_string()),
        currency: "USD".to_owned(),
        total_amount: line_total.to_owned(),
        items: vec![EventLine {
            product_id: 7,
            name: Some("Desk lamp".to_owned()),
            quantity,
            unit_price: "49.99".to_owned(),
            line_total: line_total.to_owned(),
        }],
        client_reference: Some("PO-2026-11-7".to_owned()),
        cancel_reason: cancelled.then(|| "OUT_OF_STOCK".to_owned()),
        note: cancelled.then(|| "sold out this morning".to_owned()),
        occurred_at: format!("2026-11-22T12:00:0{sequence}.000000Z"),
    }
}
