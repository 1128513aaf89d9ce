//! Which messages can be decoded, and the error for each of the others.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

use order_domain::{Amount, CancelReason, Currency, OrderEventKind, OrderStatus};
use order_events::{DecodeError, Event, Word, decode, decode_batch, decode_structured};
use serde_json::{Value, json};

const DATA: &str = r#"{"orderId":4711,"customerId":42,"sequence":2,"status":"CANCELLED","previousStatus":"PENDING","currency":"KWD","totalAmount":"999999999999999.999","items":[{"productId":7,"name":"Désk \"lamp\" 💡","quantity":3,"unitPrice":"1.500","lineTotal":"4.500"}],"clientReference":"po-7","cancelReason":"FRAUD","note":"x","occurredAt":"2026-11-22T12:00:00.123456Z"}"#;

type Header = (&'static str, Option<String>);

/// The headers of the message, some of them changed or (`None`) left out.
fn with(changed: &[Header]) -> Vec<(&'static str, String)> {
    let mut headers: Vec<(&str, String)> = [
        ("ce_specversion", "1.0"),
        ("ce_id", "019aab12-3456-7890-8abc-def012345678"),
        ("ce_type", "order.cancelled"),
        ("ce_source", "/order-service"),
        ("ce_subject", "4711"),
        ("ce_time", "2026-11-22T12:00:00.123456Z"),
        ("ce_dataschema", "urn:order-service:events:order:v1"),
        ("ce_sequence", "2"),
        ("ce_partitionkey", "4711"),
        ("ce_correlationid", "cart 7"),
        ("ce_causationid", "cart 8"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    for (name, value) in changed {
        headers.retain(|(header, _)| header != name);
        headers.extend(value.clone().map(|value| (*name, value)));
    }
    headers
}

fn read(headers: &[(&str, String)], value: &str) -> Result<Event, DecodeError> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    decode(headers, Some(value.as_bytes()))
}

fn changed(name: &'static str, value: &str) -> Result<Event, DecodeError> {
    read(&with(&[(name, Some(value.to_owned()))]), DATA)
}

fn data_with(field: &str, value: Value) -> String {
    let mut data: Value = serde_json::from_str(DATA).unwrap();
    data[field] = value;
    data.to_string()
}

#[test]
fn a_message_is_read_whole_with_exact_amounts() {
    let event = read(&with(&[]), DATA).unwrap();
    assert_eq!(event.id.to_string(), "019aab12-3456-7890-8abc-def012345678");
    assert_eq!(event.kind, Word::Known(OrderEventKind::Cancelled));
    assert_eq!((event.correlation_id.as_str(), event.causation_id.as_str()), ("cart 7", "cart 8"));
    assert!(event.traceparent.is_some() && !event.replayed);
    let order = event.order;
    assert_eq!((order.id.get(), order.customer_id.get(), order.version.get()), (4711, 42, 2));
    assert_eq!(
        (order.status, order.previous_status),
        (OrderStatus::Cancelled, Some(OrderStatus::Pending))
    );
    assert_eq!(order.currency, Word::Known(Currency::from_code("KWD").unwrap()));
    assert_eq!(order.total, Amount::parse("999999999999999.999").unwrap());
    assert_eq!(order.cancel_reason, Some(Word::Known(CancelReason::Fraud)));
    assert_eq!(order.lines[0].name.as_deref(), Some("Désk \"lamp\" 💡"));
    assert_eq!(
        order.lines[0].unit_price.checked_times(order.lines[0].quantity),
        Some(order.lines[0].line_total)
    );
    assert_eq!(order.changed_at.timestamp_subsec_micros(), 123_456);
}

#[test]
fn both_modes_and_the_batch_say_the_same() {
    let binary = read(&with(&[]), DATA).unwrap();
    let attributes = with(&[("content-type", None)]);
    let members = attributes.iter().map(|(name, value)| (name.trim_start_matches("ce_"), value));
    let members: Vec<_> =
        members.map(|(name, value)| format!("{}:{}", json!(name), json!(value))).collect();
    let json =
        format!(r#"{{{},"datacontenttype":"application/json","data":{DATA}}}"#, members.join(","));
    assert_eq!(decode_structured(json.as_bytes()).unwrap(), binary);
    let batch = format!("[{json},{json}]");
    assert_eq!(decode_batch(batch.as_bytes()).unwrap(), [binary.clone(), binary.clone()]);
    let media = "application/cloudevents+json; charset=UTF-8".to_owned();
    let headers = [("content-type", media), ("ce_replay", "true".to_owned())];
    let mut replayed = binary;
    replayed.replayed = true;
    assert_eq!(read(&headers, &json).unwrap(), replayed);
}

#[test]
fn additions_of_later_versions_are_ignored() {
    let known = read(&with(&[]), DATA).unwrap();
    let later = DATA.replacen('{', r#"{"giftWrap":{"colour":"red"},"#, 1);
    let later = later.replacen(r#"{"productId""#, r#"{"weight":1.5,"productId""#, 1);
    let headers = with(&[("ce_tenant", Some("x".to_owned())), ("b3", Some("0".to_owned()))]);
    assert_eq!(read(&headers, &later).unwrap(), known);
    let event = changed("ce_type", "order.returned").unwrap();
    assert_eq!(event.kind, Word::Other("order.returned".to_owned()));
    assert_eq!(event.kind.known(), None);
    assert_eq!(event.order, known.order);
    let event = read(&with(&[]), &data_with("cancelReason", json!("RECALLED"))).unwrap();
    assert_eq!(event.order.cancel_reason, Some(Word::Other("RECALLED".to_owned())));
    let event = read(&with(&[]), &data_with("currency", json!("XYZ"))).unwrap();
    assert_eq!(event.order.currency, Word::Other("XYZ".to_owned()));
}

#[test]
fn a_replay_is_told_by_its_header() {
    assert!(changed("ce_replay", "true").unwrap().replayed);
    assert!(!changed("ce_replay", "false").unwrap().replayed);
}

#[test]
fn every_required_attribute_is_missed() {
    let mut missed = 0;
    for (name, always, _) in order_events::asyncapi::HEADERS {
        let result = read(&with(&[(name, None)]), DATA);
        match name {
            // Without it JSON is meant.
            "content-type" => assert!(result.is_ok()),
            _ if always => {
                assert_eq!(result, Err(DecodeError::Missing(name)));
                missed += 1;
            }
            _ => assert!(result.is_ok(), "{name}"),
        }
    }
    assert_eq!(missed, 11);
}

#[test]
fn each_error_names_what_is_wrong() {
    use DecodeError::{Attribute, ContentType, Disagreement, Field, NoValue, Schema};

    assert_eq!(decode([], None), Err(NoValue));
    for (name, value, error) in [
        ("ce_specversion", "0.3", Attribute("specversion")),
        ("ce_id", "7", Attribute("ce_id")),
        ("ce_time", "yesterday", Attribute("time")),
        ("ce_dataschema", "urn:order-service:events:order:v2", Schema),
        ("ce_subject", "4712", Disagreement("subject")),
        ("ce_sequence", "3", Disagreement("sequence")),
        ("content-type", "application/avro", ContentType),
        ("content-type", "", ContentType),
    ] {
        assert_eq!(changed(name, value), Err(error), "{name}");
    }
    for (field, value) in [
        ("orderId", json!(0)),
        ("customerId", json!(9_007_199_254_740_992_i64)),
        ("status", json!("confirmed")),
        ("previousStatus", json!("")),
        ("totalAmount", json!("-1")),
        ("totalAmount", json!("1,5")),
        ("occurredAt", json!("2026-11-22")),
    ] {
        assert_eq!(read(&with(&[]), &data_with(field, value)), Err(Field(field)));
    }
    let bytes: [(&str, &[u8]); 1] = [("ce_id", b"\xff")];
    assert_eq!(decode(bytes, Some(b"{}")), Err(Attribute("ce_id")));
}

#[test]
fn an_error_names_the_field_and_never_repeats_its_value() {
    let secret = "4111-1111-1111-1111";
    for value in [
        data_with("totalAmount", json!({ "card": secret })),
        data_with("items", json!(secret)),
        data_with("orderId", json!(secret)),
        format!("{{\"orderId\":{secret}"),
        format!("\"{secret}\""),
        String::new(),
    ] {
        let error = read(&with(&[]), &value).unwrap_err();
        assert!(matches!(error, DecodeError::Json(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("4111"), "{error}");
    }
    let missing = DATA.replacen(r#""sequence":2,"#, "", 1);
    let error = read(&with(&[]), &missing).unwrap_err();
    assert!(error.to_string().contains("missing field `sequence`"), "{error}");
}
