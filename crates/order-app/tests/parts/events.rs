//! The public form of events, frozen: a change to any of these texts breaks subscribers.

use chrono::{DateTime, TimeDelta, Utc};
use order_app::events::{Context, EventData, EventRecord, Origin, timestamp};
use order_app::ports::uuid_v7;
use order_domain::{
    CancelReason, Decision, NewOrder, Note, Order, OrderEvent, OrderLine, OrderStatus, StatusChange,
};
use order_testkit::examples::{
    a_currency, a_line, a_new_order, a_reference, an_origin, lines_in, moved, noon, noon_plus,
    placed, relined,
};
use order_testkit::{RandomEntropy, SequentialEntropy};
use uuid::{Uuid, Variant};

const ID: Uuid = Uuid::from_u128(0x019a_ab12_3456_7890_8abc_def0_1234_5678);
const LINES: &str = concat!(
    r#"[{"productId":7,"name":"Product 7","quantity":3,"unitPrice":"49.99","lineTotal":"149.97"},"#,
    r#"{"productId":8,"name":"Product 8","quantity":1,"unitPrice":"0.10","lineTotal":"0.10"}]"#
);

fn an_order() -> OrderEvent {
    placed(NewOrder { client_reference: Some(a_reference("po-7")), ..a_new_order(1, 42) }, noon())
}

fn frozen(event: &OrderEvent) -> EventRecord {
    EventRecord::freeze(event, ID, &an_origin()).unwrap()
}

/// The data of an event of the example order.
fn data(sequence: i64, status: &str, previous: &str, time: &str) -> String {
    format!(
        r#"{{"orderId":1,"customerId":42,"sequence":{sequence},"status":"{status}","previousStatus":{previous},"currency":"USD","totalAmount":"150.07","items":{LINES},"clientReference":"po-7","occurredAt":"{time}"}}"#
    )
}

#[test]
fn a_placed_order_is_published_in_this_form() {
    let record = frozen(&an_order());
    assert_eq!(record.data, data(1, "PENDING", "null", "2026-11-22T12:00:00.123456Z"));
    assert_eq!(record.kind.as_str(), "order.created");
    assert_eq!(record.id, ID);
    assert_eq!(record.order_id.get(), 1);
    assert_eq!(record.sequence.get(), 1);
    assert_eq!(record.occurred_at, noon());
}

#[test]
fn replaced_lines_are_published_in_this_form() {
    let lines = vec![OrderLine { name: None, ..a_line(9, 2, "0.5") }];
    let new = NewOrder { client_reference: None, ..a_new_order(1, 42) };
    let event = relined(&placed(new, noon()).order, lines, noon_plus(1));
    let record = frozen(&event);
    assert_eq!(
        record.data,
        r#"{"orderId":1,"customerId":42,"sequence":2,"status":"PENDING","previousStatus":"PENDING","currency":"USD","totalAmount":"1.00","items":[{"productId":9,"quantity":2,"unitPrice":"0.50","lineTotal":"1.00"}],"occurredAt":"2026-11-22T12:00:00.123457Z"}"#
    );
    assert_eq!(record.kind.as_str(), "order.updated");
}

#[test]
fn each_step_of_an_order_is_published_in_this_form() {
    let mut order = an_order().order;
    for (to, sequence, previous, kind) in [
        (OrderStatus::Confirmed, 2, "\"PENDING\"", "order.confirmed"),
        (OrderStatus::InProgress, 3, "\"CONFIRMED\"", "order.in_progress"),
        (OrderStatus::Delivered, 4, "\"IN_PROGRESS\"", "order.delivered"),
    ] {
        let event = moved(&order, to, noon() + TimeDelta::seconds(sequence));
        let record = frozen(&event);
        let time = format!("2026-11-22T12:00:0{sequence}.123456Z");
        assert_eq!(record.data, data(sequence, to.as_str(), previous, &time));
        assert_eq!(record.kind.as_str(), kind);
        assert_eq!(record.sequence.get(), sequence);
        order = event.order;
    }
}

fn cancelled(order: &Order, reason: Option<CancelReason>, note: Option<&str>) -> OrderEvent {
    let note = note.map(|note| Note::new(note).unwrap());
    let change = StatusChange::new(OrderStatus::Cancelled, reason, note).unwrap();
    let Decision::Changed(event) = order.change_status(change, noon()).unwrap() else {
        panic!("it is pending");
    };
    *event
}

#[test]
fn a_cancelled_order_is_published_in_this_form() {
    let order = an_order().order;
    for (reason, note, expected) in [
        (
            Some(CancelReason::OutOfStock),
            Some("späť \"x\" \\"),
            r#""cancelReason":"OUT_OF_STOCK","note":"späť \"x\" \\","occurredAt""#,
        ),
        (None, None, r#""cancelReason":"OTHER","occurredAt""#),
    ] {
        let record = frozen(&cancelled(&order, reason, note));
        let plain = data(2, "CANCELLED", "\"PENDING\"", "2026-11-22T12:00:00.123456Z");
        assert_eq!(record.data, plain.replace("\"occurredAt\"", expected));
        assert_eq!(record.kind.as_str(), "order.cancelled");
    }
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    for (code, price, expected) in [
        ("JPY", "150", r#""unitPrice":"150","lineTotal":"300""#),
        ("USD", "150", r#""unitPrice":"150.00","lineTotal":"300.00""#),
        ("KWD", "1.5", r#""unitPrice":"1.500","lineTotal":"3.000""#),
        ("CLF", "0.1", r#""unitPrice":"0.1000","lineTotal":"0.2000""#),
    ] {
        let new = NewOrder {
            lines: lines_in(a_currency(code), vec![a_line(1, 2, price)]),
            ..a_new_order(1, 42)
        };
        let record = frozen(&placed(new, noon()));
        assert!(record.data.contains(expected), "{code}: {}", record.data);
    }
}

#[test]
fn the_context_names_schema_and_cause() {
    assert_eq!(
        frozen(&an_order()).context,
        r#"{"dataschema":"urn:order-service:events:order:v1","correlationid":"correlation-1","causationid":"correlation-1","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#
    );
    let origin = Origin { traceparent: None, ..an_origin() };
    let untraced = EventRecord::freeze(&an_order(), ID, &origin).unwrap();
    assert_eq!(
        untraced.context,
        r#"{"dataschema":"urn:order-service:events:order:v1","correlationid":"correlation-1","causationid":"correlation-1"}"#
    );
}

#[test]
fn an_event_in_the_json_format_of_cloudevents_has_this_form() {
    let record = frozen(&an_order());
    let expected = format!(
        r#"{{"specversion":"1.0","id":"019aab12-3456-7890-8abc-def012345678","source":"/order-service","type":"order.created","subject":"1","time":"2026-11-22T12:00:00.123456Z","datacontenttype":"application/json","sequence":"1","partitionkey":"1","dataschema":"urn:order-service:events:order:v1","correlationid":"correlation-1","causationid":"correlation-1","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{}}}"#,
        data(1, "PENDING", "null", "2026-11-22T12:00:00.123456Z")
    );
    let event = record.cloud_event().unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), expected);
}

#[test]
fn the_data_in_the_envelope_are_the_stored_bytes() {
    let data = r#"{ "z" : 1.0,"a":"\u00e9" , "z":1e2 }"#;
    let record = EventRecord { data: data.to_owned(), ..frozen(&an_order()) };
    let json = serde_json::to_string(&record.cloud_event().unwrap()).unwrap();
    assert!(json.ends_with(&format!(r#","data":{data}}}"#)), "{json}");
}

#[test]
fn stored_text_that_is_no_json_is_an_error() {
    for (context, data) in [("{}", "{}"), ("", "{}"), ("not json", "{}")] {
        let record = EventRecord {
            context: context.to_owned(),
            data: data.to_owned(),
            ..frozen(&an_order())
        };
        assert!(record.cloud_event().is_err(), "{context} {data}");
    }
    let record = EventRecord { data: "{".to_owned(), ..frozen(&an_order()) };
    assert!(record.cloud_event().is_err());
}

#[test]
fn what_was_written_can_be_read_and_later_additions_are_ignored() {
    let record = frozen(&an_order());
    let read: EventData = serde_json::from_str(&record.data).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), record.data);
    let later = record.data.replacen('{', r#"{"addedLater":[1],"#, 1);
    assert_eq!(serde_json::from_str::<EventData>(&later).unwrap(), read);
    let context: Context = serde_json::from_str(&record.context).unwrap();
    assert_eq!(serde_json::to_string(&context).unwrap(), record.context);
}

#[test]
fn times_are_spelled_with_microseconds_in_utc() {
    let time = |text: &str| timestamp(text.parse::<DateTime<Utc>>().unwrap());
    assert_eq!(time("2026-11-22T13:00:00+01:00"), "2026-11-22T12:00:00.000000Z");
    assert_eq!(time("1971-01-01T00:00:00.5Z"), "1971-01-01T00:00:00.500000Z");
}

#[test]
fn an_event_id_is_a_uuid_of_version_7_of_its_time() {
    let id = uuid_v7(noon(), &SequentialEntropy::default());
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(id.get_variant(), Variant::RFC4122);
    let millis = u128::try_from(noon().timestamp_millis()).unwrap();
    assert_eq!(id.as_u128() >> 80, millis);
}

#[test]
fn event_ids_of_one_millisecond_differ() {
    let ids = |entropy: &dyn order_app::ports::Entropy| {
        let ids: std::collections::HashSet<_> =
            (0..1_000).map(|_| uuid_v7(noon(), entropy)).collect();
        ids.len()
    };
    assert_eq!(ids(&SequentialEntropy::default()), 1_000);
    assert_eq!(ids(&RandomEntropy), 1_000);
}

#[test]
fn event_ids_sort_by_time() {
    let at = |millis| uuid_v7(noon() + TimeDelta::milliseconds(millis), &RandomEntropy);
    let ids: Vec<_> = (0..100).map(at).collect();
    assert!(ids.is_sorted());
    // Such ids begin in 1970. Earlier times get the id of the start.
    let ancient = uuid_v7(DateTime::<Utc>::MIN_UTC, &RandomEntropy);
    assert_eq!(ancient.as_u128() >> 80, 0);
}
