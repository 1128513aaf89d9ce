//! Events of every shape that the service publishes, from fixed inputs: the frozen corpus of published
//! events is made of them. A case never changes; new cases are added at the end.

use order_app::events::{EventRecord, Origin};
use order_domain::{
    CancelReason, Decision, NewOrder, Note, Order, OrderEvent, OrderLine, OrderStatus, ProductName,
    StatusChange,
};
use uuid::Uuid;

use crate::examples::{
    a_currency, a_line, a_new_order, a_reference, an_origin, lines_in, moved, noon, noon_plus,
    placed, relined,
};

/// Text that breaks careless code: quotes, escapes, several scripts, a line separator, a character
/// outside the basic plane, a combining mark, text from right to left.
const UNUSUAL: &str = "\"Dés\u{6b}\\lamp\" <b>&amp;</b> 灯 💡 e\u{301} \u{2028} שלום ' ; -- %00";

/// Whether this run adds new cases to the corpus (`UPDATE_DOCS=1`).
#[must_use]
pub fn additions_are_wanted() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// Each event with its name, as it is stored.
#[must_use]
pub fn published_events() -> Vec<(String, EventRecord)> {
    let freeze = |(name, event, id, origin): (_, OrderEvent, _, Origin)| {
        (name, EventRecord::freeze(&event, id, &origin).expect("plain JSON"))
    };
    published_changes().into_iter().map(freeze).collect()
}

/// The same, as the domain has it: the event's name, the event, its id and what caused it.
#[must_use]
pub fn published_changes() -> Vec<(String, OrderEvent, Uuid, Origin)> {
    let mut cases: Vec<(String, OrderEvent, Origin)> = Vec::new();
    let mut case = |name: &str, event: &OrderEvent, origin: &Origin| {
        cases.push((name.to_owned(), event.clone(), origin.clone()));
    };
    let traced = an_origin();
    let plain = Origin { correlation_id: "7".to_owned(), traceparent: None };

    let bare = OrderLine { name: None, ..a_line(7, 3, "49.99") };
    let least = NewOrder { lines: lines_in(a_currency("USD"), vec![bare]), ..a_new_order(1, 1) };
    case("created-with-nothing-optional", &placed(least, noon()), &plain);
    let most =
        NewOrder { client_reference: Some(a_reference("PO-2026.11_7")), ..a_new_order(2, 42) };
    let created = placed(most, noon());
    case("created-with-everything", &created, &traced);
    case("created-without-a-trace", &created, &plain);

    let updated = relined(&created.order, vec![a_line(9, 9_999, "0.01")], noon_plus(1));
    case("updated", &updated, &traced);
    let mut order = updated.order;
    for (name, to) in [
        ("confirmed", OrderStatus::Confirmed),
        ("in-progress", OrderStatus::InProgress),
        ("delivered", OrderStatus::Delivered),
    ] {
        let event = moved(&order, to, noon_plus(order.version().get()));
        case(name, &event, &traced);
        let noted = changed(&order, to, None, Some("left at the door"));
        case(&format!("{name}-with-a-note"), &noted, &traced);
        order = event.order;
    }
    for reason in CancelReason::ALL {
        let event = changed(&created.order, OrderStatus::Cancelled, Some(reason), None);
        let name = reason.as_str().to_ascii_lowercase().replace('_', "-");
        case(&format!("cancelled-{name}"), &event, &plain);
    }
    let unsaid = changed(&created.order, OrderStatus::Cancelled, None, None);
    case("cancelled-without-a-reason", &unsaid, &plain);
    let confirmed = moved(&created.order, OrderStatus::Confirmed, noon_plus(1)).order;
    let note = "n".repeat(Note::MAX);
    let late = changed(&confirmed, OrderStatus::Cancelled, Some(CancelReason::Fraud), Some(&note));
    case("cancelled-after-confirmation-with-the-longest-note", &late, &traced);

    for (code, price) in [("JPY", "150"), ("USD", "0.1"), ("KWD", "1.5"), ("CLF", "0.0001")] {
        let new = NewOrder {
            lines: lines_in(a_currency(code), vec![a_line(1, 2, price), a_line(2, 1, "0")]),
            ..a_new_order(3, 42)
        };
        let name = format!("created-in-{}", code.to_ascii_lowercase());
        case(&name, &placed(new, noon()), &plain);
    }
    case("created-with-200-of-the-largest-lines", &placed(largest(), noon()), &plain);
    let odd = Origin { correlation_id: "cart \"7\" \\ é 💡".to_owned(), traceparent: None };
    case("cancelled-with-unusual-characters", &unusual(), &odd);
    let id = |number: u128| Uuid::from_u128(0x019a_ab12_3456_7890_8abc_def0_0000_0000 | number);
    let numbered = cases.into_iter().zip(1..);
    numbered.map(|((name, event, origin), number)| (name, event, id(number), origin)).collect()
}

/// 200 lines, each as large as a line may be, with the largest ids.
fn largest() -> NewOrder {
    let name = ProductName::new("ж".repeat(ProductName::MAX)).expect("a name");
    let line = |id| OrderLine {
        name: Some(name.clone()),
        ..a_line(order_domain::MAX_ID.saturating_sub(id), 9_999, "9999999.9999")
    };
    NewOrder {
        lines: lines_in(a_currency("CLF"), (0..200).map(line).collect()),
        ..a_new_order(order_domain::MAX_ID, order_domain::MAX_ID)
    }
}

fn unusual() -> OrderEvent {
    let line = OrderLine {
        name: Some(ProductName::new(UNUSUAL).expect("a name")),
        ..a_line(7, 1, "0.01")
    };
    let new = NewOrder { lines: lines_in(a_currency("EUR"), vec![line]), ..a_new_order(4, 42) };
    let order = placed(new, noon()).order;
    changed(&order, OrderStatus::Cancelled, Some(CancelReason::Other), Some(UNUSUAL))
}

fn changed(
    order: &Order,
    to: OrderStatus,
    reason: Option<CancelReason>,
    note: Option<&str>,
) -> OrderEvent {
    let note = note.map(|note| Note::new(note).expect("a note"));
    let change = StatusChange::new(to, reason, note).expect("a reason only with a cancellation");
    match order.change_status(change, noon_plus(order.version().get())) {
        Ok(Decision::Changed(event)) => Some(*event),
        _ => None,
    }
    .expect("the status table allows it")
}
