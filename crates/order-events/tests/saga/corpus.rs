//! The corpus of the saga's messages: each was published as it stands. Every build writes the same
//! bytes, reads them, and finds them right by today's schemas. `UPDATE_DOCS=1` adds a file for a message
//! of this list that has none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use chrono::DateTime;
use order_events::saga::{
    Command, CommandType, Reason, Reply, Task, Verdict, command_schema, reply_schema,
};
use order_events::{Message, Word};
use serde_json::{Value, json};

use crate::frozen;
use crate::{authorize, command, earlier, headers, rejected, reserve};

enum Sent {
    Command(Command),
    Reply(Reply),
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/saga-corpus"))
}

/// The messages that this build writes, by name.
fn published() -> BTreeMap<&'static str, Sent> {
    let mut again = command(reserve(&[(7, 3), (9, 9_999), (7, 1)]));
    again.attempt = 17;
    again.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    again.expires_at = DateTime::from_timestamp_micros(1_795_348_800_123_456);
    let mut named = Reply::to(&again, "/inventory", Verdict::Done);
    named.reference = Some("R-4711 \"a\" 💡".to_owned());
    let mut failed = Reply::to(&command(authorize("0", "JPY")), "/payment", Verdict::Failed);
    failed.detail = Some("the bank does not answer".to_owned());
    let mut other = rejected(Reason::OutOfStock);
    other.reason = Some(Word::Other("RECALLED".to_owned()));
    let mut bare = Reply::to(&command(Task::Void(earlier(None))), "/payment", Verdict::Done);
    bare.attempt = None;
    let commands = [
        ("command-reserve", command(reserve(&[(7, 3)]))),
        ("command-reserve-again-with-everything", again),
        ("command-reserve-200-lines", command(reserve(&[(9_007_199_254_740_991, 9_999); 200]))),
        ("command-release", command(Task::Release(earlier(Some("R-4711"))))),
        ("command-release-without-a-reference", command(Task::Release(earlier(None)))),
        ("command-commit", command(Task::Commit(earlier(Some("R-4711"))))),
        ("command-authorize", command(authorize("149.97", "USD"))),
        ("command-authorize-kwd", command(authorize("999999999999999.999", "KWD"))),
        ("command-authorize-unknown-currency", command(authorize("1.5", "XYZ"))),
        ("command-void", command(Task::Void(earlier(None)))),
        ("command-capture", command(Task::Capture(earlier(Some("P-1"))))),
    ];
    let replies = [
        ("reply-done", named),
        ("reply-done-without-an-attempt", bare),
        ("reply-failed", failed),
        ("reply-rejected-out-of-stock", rejected(Reason::OutOfStock)),
        ("reply-rejected-payment-failed", rejected(Reason::PaymentFailed)),
        ("reply-rejected-undone", rejected(Reason::Undone)),
        ("reply-rejected-not-done", rejected(Reason::NotDone)),
        ("reply-rejected-a-reason-that-is-not-known-yet", other),
    ];
    let commands = commands.map(|(name, command)| (name, Sent::Command(command)));
    commands.into_iter().chain(replies.map(|(name, reply)| (name, Sent::Reply(reply)))).collect()
}

fn encoded(sent: &Sent) -> Message {
    match sent {
        Sent::Command(command) => command.encode().unwrap(),
        Sent::Reply(reply) => reply.encode().unwrap(),
    }
}

#[test]
fn encoding_gives_the_bytes_that_were_published_and_no_file_changes_or_goes() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    for (name, sent) in published() {
        let message = encoded(&sent);
        let value = std::str::from_utf8(message.value()).unwrap();
        let now = json!({"key": message.key(), "headers": headers(&message), "value": value});
        let file = folder().join(format!("{name}.json"));
        if update && !file.exists() {
            fs::write(&file, format!("{now:#}\n")).unwrap();
        }
        let then = fs::read_to_string(&file).unwrap_or_else(|_| "null".to_owned());
        assert_eq!(serde_json::from_str::<Value>(&then).unwrap(), now, "{name}");
    }
    frozen::check(&folder());
}

#[test]
fn every_message_that_was_ever_published_can_be_read_and_keeps_to_todays_schemas() {
    let validator = |schema: &Value| {
        jsonschema::meta::validate(schema).unwrap();
        jsonschema::options().should_validate_formats(true).build(schema).unwrap()
    };
    let (commands, replies) = (validator(&command_schema()), validator(&reply_schema()));
    let (mut types, mut verdicts, mut reasons) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mine = published();
    for (name, message) in frozen::messages(&folder()) {
        let headers = frozen::headers(&message);
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let value = message["value"].as_str().unwrap();
        let (order, validator) = if name.starts_with("command-") {
            let command = Command::decode(headers, Some(value.as_bytes())).unwrap();
            types.insert(command.task.kind());
            if let Some(Sent::Command(sent)) = mine.get(name.trim_end_matches(".json")) {
                assert_eq!(&command, sent, "{name}");
            }
            (command.order_id, &commands)
        } else {
            let reply = Reply::decode(headers, Some(value.as_bytes())).unwrap();
            verdicts.insert(reply.verdict);
            reasons.extend(reply.reason.as_ref().and_then(|reason| reason.known().copied()));
            if let Some(Sent::Reply(sent)) = mine.get(name.trim_end_matches(".json")) {
                assert_eq!(&reply, sent, "{name}");
            }
            (reply.order_id, &replies)
        };
        assert_eq!(message["key"], order.to_string(), "{name}");
        let instance = serde_json::from_str(value).unwrap();
        let problems: Vec<_> = validator.iter_errors(&instance).map(|e| e.to_string()).collect();
        assert_eq!(problems, [""; 0], "{name}");
    }
    assert_eq!(types, BTreeSet::from(CommandType::ALL));
    assert_eq!(verdicts, BTreeSet::from(Verdict::ALL));
    assert_eq!(reasons, BTreeSet::from(Reason::ALL));
}

#[test]
fn the_schemas_refuse_what_the_decoder_refuses() {
    let commands = jsonschema::validator_for(&command_schema()).unwrap();
    for wrong in [
        json!({"orderId": 1}),
        json!({"orderId": 0, "of": crate::EARLIER}),
        json!({"orderId": 1, "items": []}),
        json!({"orderId": 1, "customerId": 1, "amount": 1.5, "currency": "USD"}),
    ] {
        assert!(!commands.is_valid(&wrong), "{wrong}");
    }
    let replies = jsonschema::validator_for(&reply_schema()).unwrap();
    for wrong in [
        json!({}),
        json!({"orderId": 1, "reference": "x".repeat(201)}),
        json!({"orderId": 1, "detail": "x".repeat(501)}),
        json!({"orderId": 1, "reason": "out of stock"}),
    ] {
        assert!(!replies.is_valid(&wrong), "{wrong}");
    }
    assert_eq!(command_schema()["$id"], order_events::saga::COMMAND_SCHEMA);
    assert_eq!(reply_schema()["$id"], order_events::saga::REPLY_SCHEMA);
}

#[test]
fn the_page_for_participants_shows_messages_as_they_are() {
    let page =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/saga-participants.md"));
    let page = fs::read_to_string(page).unwrap();
    let published = published();
    for name in ["command-reserve", "reply-rejected-out-of-stock", "reply-done"] {
        let message = encoded(&published[name]);
        let headers = headers(&message).into_iter();
        let lines: Vec<_> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
        let (key, lines) = (message.key(), lines.join("\n"));
        let value = std::str::from_utf8(message.value()).unwrap();
        let block = format!("```text\n{key}\n{lines}\n\n{value}\n```");
        assert!(page.contains(&block), "{name} is not in the page:\n{block}");
    }
    for name in ["command-authorize", "command-release", "command-void"] {
        let message = encoded(&published[name]);
        let value = std::str::from_utf8(message.value()).unwrap();
        assert!(page.contains(&format!("\n{value}\n")), "{name} is not in the page:\n{value}");
    }
    for kind in CommandType::ALL {
        assert!(page.contains(&format!("`{kind}`")), "{kind}");
    }
    for reason in Reason::ALL {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}
