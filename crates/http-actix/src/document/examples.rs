//! Example bodies, which pages such as Swagger UI fill in. Each can be sent again and again.

use serde_json::{Value, json};

use crate::app::AmountForm;

/// Gives each operation with a body its examples.
pub(super) fn fill(document: &mut Value, amounts: AmountForm) {
    let price = match amounts {
        AmountForm::Text => json!("49.99"),
        // As its text: a binary number has no place between the two.
        AmountForm::Number => serde_json::from_str("49.99").unwrap_or_default(),
    };
    let line = |quantity: i64| json!({"productId": 1001, "name": "Desk lamp", "quantity": quantity, "unitPrice": price});
    for (path, method, examples) in [
        (
            "/orders",
            "post",
            json!({"place": {"summary": "Three lamps", "value": {"customerId": 42, "items": [line(3)]}}}),
        ),
        (
            "/orders/{id}",
            "put",
            json!({"replace": {"summary": "Two lamps", "value": {"items": [line(2)]}}}),
        ),
        (
            "/orders/{id}/status",
            "put",
            json!({
                "confirm": {"summary": "Confirm", "value": {"status": "CONFIRMED"}},
                "withdraw": {
                    "summary": "Cancel",
                    "value": {"status": "CANCELLED", "reason": "CUSTOMER_REQUEST", "note": "Too late."},
                },
            }),
        ),
    ] {
        let operation =
            document.get_mut("paths").and_then(|paths| paths.get_mut(path)?.get_mut(method));
        let content = operation.and_then(|operation| {
            operation.pointer_mut("/requestBody/content/application~1json")?.as_object_mut()
        });
        if let Some(content) = content {
            content.insert("examples".to_owned(), examples);
        }
    }
}
