//! Which commands and replies can be read, and the error for each of the others.

use order_events::Word;
use order_events::saga::{
    Command, MAX_HEADER, MAX_VALUE, MessageError, Reason, Reply, Task, Verdict,
};
use serde_json::{Value, json};

use crate::{COMMAND, authorize, command, earlier, headers, rejected, reserve};

type Headers = Vec<(String, String)>;

/// The message, with headers changed or (`None`) left out.
fn with(mut headers: Headers, changed: &[(&str, Option<&str>)]) -> Headers {
    for (name, value) in changed {
        headers.retain(|(header, _)| header != name);
        headers.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    headers
}

fn bytes(headers: &Headers) -> impl Iterator<Item = (&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}

fn read_command(
    of: &Command,
    changed: &[(&str, Option<&str>)],
    value: Option<&str>,
) -> Result<Command, MessageError> {
    let message = of.encode().unwrap();
    let headers = with(headers(&message), changed);
    Command::decode(bytes(&headers), Some(value.map_or(message.value(), str::as_bytes)))
}

fn read_reply(
    changed: &[(&str, Option<&str>)],
    value: Option<&str>,
) -> Result<Reply, MessageError> {
    let message = rejected(Reason::OutOfStock).encode().unwrap();
    let headers = with(headers(&message), changed);
    Reply::decode(bytes(&headers), Some(value.map_or(message.value(), str::as_bytes)))
}

#[test]
fn every_header_that_is_needed_is_missed() {
    let mut missed = Vec::new();
    for (name, _) in headers(&command(reserve(&[(7, 3)])).encode().unwrap()) {
        match read_command(&command(reserve(&[(7, 3)])), &[(&name, None)], None) {
            Ok(_) => assert!(["ce_source", "ce_partitionkey", "content-type"].contains(&&*name)),
            Err(error) => {
                assert_eq!(error.to_string(), format!("the header {name} is missing"));
                missed.push(name);
            }
        }
    }
    assert_eq!(missed.len(), 9, "{missed:?}");
    let mut missed = Vec::new();
    for (name, _) in headers(&rejected(Reason::OutOfStock).encode().unwrap()) {
        match read_reply(&[(&name, None)], None) {
            Ok(_) => assert!(["ce_attempt", "ce_partitionkey", "content-type"].contains(&&*name)),
            Err(error) => {
                assert_eq!(error.to_string(), format!("the header {name} is missing"));
                missed.push(name);
            }
        }
    }
    assert_eq!(missed.len(), 8, "{missed:?}");
}

#[test]
fn each_wrong_header_is_named() {
    use MessageError::{ContentType, Disagreement, Header, Schema, Type};

    let long = "x".repeat(MAX_HEADER + 1);
    let both = [
        ("ce_specversion", "0.3", Header("ce_specversion")),
        ("ce_subject", "4712", Disagreement("ce_subject")),
        ("ce_partitionkey", "4712", Disagreement("ce_partitionkey")),
        ("ce_correlationid", "", Header("ce_correlationid")),
        ("ce_correlationid", &long, Header("ce_correlationid")),
        ("ce_attempt", "0", Header("ce_attempt")),
        ("ce_attempt", "+1", Header("ce_attempt")),
        ("ce_attempt", "4294967296", Header("ce_attempt")),
        ("ce_type", "inventory.paint", Type),
        ("ce_type", "order.created", Type),
        ("content-type", "application/cloudevents+json", ContentType),
        ("traceparent", &long, Header("traceparent")),
    ];
    for (name, value, error) in both {
        let changed = [(name, Some(value))];
        let of = command(reserve(&[(7, 3)]));
        assert_eq!(read_command(&of, &changed, None), Err(error.clone()), "{name}");
        assert_eq!(read_reply(&changed, None), Err(error), "{name}");
    }
    for (name, value, error) in [
        ("ce_id", "7", Header("ce_id")),
        ("ce_dataschema", "urn:x", Schema("urn:order-service:saga:command:v1")),
        ("ce_replyto", "", Header("ce_replyto")),
        ("ce_replyto", "..", Header("ce_replyto")),
        ("ce_replyto", "a/b", Header("ce_replyto")),
        ("ce_expirytime", "soon", Header("ce_expirytime")),
        ("ce_type", "inventory.reserve.done", Type),
    ] {
        let of = command(reserve(&[(7, 3)]));
        assert_eq!(read_command(&of, &[(name, Some(value))], None), Err(error), "{name}");
    }
    for (name, value, error) in [
        ("ce_id", "", Header("ce_id")),
        ("ce_causationid", "7", Header("ce_causationid")),
        ("ce_dataschema", "urn:x", Schema("urn:order-service:saga:reply:v1")),
        ("ce_type", "inventory.reserve", Type),
        ("ce_type", "inventory.reserve.refused", Type),
        ("ce_type", "done", Type),
    ] {
        assert_eq!(read_reply(&[(name, Some(value))], None), Err(error), "{name}");
    }
    let raw: [(&str, &[u8]); 1] = [("ce_id", b"\xff")];
    assert_eq!(Command::decode(raw, None), Err(Header("ce_id")));
}

#[test]
fn each_wrong_field_is_named() {
    use MessageError::Field;

    let wrong = |of: &Command, field: &str, value: Value| {
        let mut data: Value = serde_json::from_slice(of.encode().unwrap().value()).unwrap();
        data[field] = value;
        read_command(of, &[], Some(&data.to_string())).unwrap_err()
    };
    let of = command(reserve(&[(7, 3)]));
    let line = |product: i64, quantity: i64| json!([{"productId": product, "quantity": quantity}]);
    assert_eq!(wrong(&of, "orderId", json!(0)), Field("orderId"));
    assert_eq!(wrong(&of, "items", json!([])), Field("items"));
    let many = vec![json!({"productId": 1, "quantity": 1}); 201];
    assert_eq!(wrong(&of, "items", Value::Array(many)), Field("items"));
    assert_eq!(wrong(&of, "items", line(0, 1)), Field("items.productId"));
    assert_eq!(wrong(&of, "items", line(1, 10_000)), Field("items.quantity"));
    let of = command(authorize("149.97", "USD"));
    assert_eq!(wrong(&of, "customerId", json!(-1)), Field("customerId"));
    for amount in ["-1", "1,5", "", "1e400"] {
        assert_eq!(wrong(&of, "amount", json!(amount)), Field("amount"));
    }
    assert_eq!(wrong(&of, "currency", json!("usd")), Field("currency"));
    let of = command(Task::Void(earlier(None)));
    assert_eq!(wrong(&of, "of", json!("x")), Field("of"));
    assert_eq!(wrong(&of, "reference", json!("é".repeat(201))), Field("reference"));
    for (field, value) in [
        ("orderId", json!(-1)),
        ("reason", json!("out of stock")),
        ("reason", json!("")),
        ("reference", json!("💡".repeat(201))),
        ("detail", json!("x".repeat(501))),
    ] {
        let mut data = json!({"orderId": 4711});
        data[field] = value;
        assert_eq!(read_reply(&[], Some(&data.to_string())), Err(Field(field)));
    }
}

#[test]
fn sizes_are_bounded_and_the_bounds_can_be_used() {
    let padded = |most: usize| {
        let data = format!(r#"{{"orderId":4711,"of":"{COMMAND}","pad":""#);
        let pad = "x".repeat(most - data.len() - 2);
        format!(r#"{data}{pad}"}}"#)
    };
    let of = command(Task::Release(earlier(None)));
    assert!(read_command(&of, &[], Some(&padded(MAX_VALUE))).is_ok());
    let error = read_command(&of, &[], Some(&padded(MAX_VALUE + 1)));
    assert_eq!(error, Err(MessageError::TooLarge));
    assert_eq!(read_reply(&[], Some(&padded(MAX_VALUE + 1))), Err(MessageError::TooLarge));
    let mut reply = rejected(Reason::OutOfStock);
    reply.reference = Some("💡".repeat(200));
    reply.detail = Some("\u{1}".repeat(500));
    let message = reply.encode().unwrap();
    assert_eq!(Reply::decode(message.headers(), Some(message.value())), Ok(reply));
}

#[test]
fn what_is_too_long_is_not_sent() {
    use MessageError::{Field, Header};

    let mut reply = rejected(Reason::OutOfStock);
    reply.detail = Some("x".repeat(501));
    assert_eq!(reply.encode(), Err(Field("detail")));
    let mut command = command(reserve(&[]));
    assert_eq!(command.encode(), Err(Field("items")));
    command.task = Task::Void(earlier(None));
    command.reply_to = "order replies".to_owned();
    assert_eq!(command.encode(), Err(Header("ce_replyto")));
}

#[test]
fn additions_of_later_versions_and_spelled_out_nothing_are_let_pass() {
    let data = r#"{"orderId":4711,"carrier":{"a":[1]},"reason":"RECALLED","reference":null}"#;
    let reply = read_reply(&[("ce_tenant", Some("x"))], Some(data)).unwrap();
    assert_eq!(reply.reason, Some(Word::Other("RECALLED".to_owned())));
    assert_eq!((reply.reference, reply.verdict), (None, Verdict::Rejected));
    let reply = read_reply(&[("traceparent", Some("00-abc"))], None).unwrap();
    assert_eq!(reply.traceparent, None);
}

#[test]
fn an_error_never_repeats_what_the_message_says() {
    let secret = "4111-1111-1111-1111";
    for value in
        [json!({ "orderId": secret }).to_string(), format!("{{{secret}"), secret.to_owned()]
    {
        let error = read_reply(&[], Some(&value)).unwrap_err();
        assert!(matches!(error, MessageError::Json(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("4111"), "{error}");
    }
    let error = read_reply(&[("ce_type", Some(secret))], None).unwrap_err();
    assert!(!format!("{error:?}").contains("4111"), "{error}");
    let error = read_reply(&[], Some("{}")).unwrap_err();
    assert!(error.to_string().contains("missing field `orderId`"), "{error}");
}
