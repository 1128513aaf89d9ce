//! The forms of answers about orders, for clients that know others from the Spring service.

use http_actix::{AmountForm, Forms, ListForm};
use settings_spring::{Reader, complete, keys, values};

keys! {
    pub(super) ROWS;
    CUSTOMER_ORDERS: ListForm = "order.api.customer-orders", "page", Plain, "page or list",
        "The form of a customer's orders: an object with the cursor of the next page, or a bare array.",
        |text| values::one_of(text, &[("page", ListForm::Page), ("list", ListForm::List)]);
    AMOUNTS: AmountForm = "order.api.amounts", "text", Plain, "text or number",
        "The form of amounts in answers about orders: JSON strings or JSON numbers. Events have strings.",
        |text| values::one_of(text, &[("text", AmountForm::Text), ("number", AmountForm::Number)]);
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Forms> {
    complete!(Forms { customer_orders: from.read(&CUSTOMER_ORDERS), amounts: from.read(&AMOUNTS) })
}
