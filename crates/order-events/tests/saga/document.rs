//! The saga in the AsyncAPI document: its channels and operations, schemas that agree with those that are
//! served and with the page for participants, examples that the decoder reads, and every message of the
//! corpus valid by exactly one message of its channel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use jsonschema::Validator;
use order_events::asyncapi::{Topics, document_of};
use order_events::saga::{Command, CommandType, Reply, Verdict, command_schema, reply_schema};
use serde_json::{Map, Value, json};

use crate::frozen;

const CHANNELS: [&str; 3] = ["inventoryCommands", "paymentCommands", "orderReplies"];
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/saga-participants.md");

fn others() -> Topics {
    let mut topics = Topics::of_events("shop.{type}");
    topics.inventory = "shop.stock".into();
    topics.payment = "shop.money".into();
    topics.replies = "shop.replies".into();
    topics
}

/// What a reference leads to.
fn resolved<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference["$ref"].as_str().unwrap().trim_start_matches('#');
    document.pointer(pointer).unwrap()
}

/// The messages of a channel, by their names in components.
fn messages<'a>(document: &'a Value, channel: &str) -> BTreeMap<String, &'a Value> {
    let messages = document["channels"][channel]["messages"].as_object().unwrap();
    let found = |(name, at): (&String, &Value)| (name.clone(), resolved(document, at));
    messages.iter().map(found).collect()
}

/// A validator of one of the document's schemas, with references into the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
    });
    whole.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
    jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
}

/// What headers, payload and key of a message may be.
struct Described {
    name: String,
    headers: Validator,
    payload: Validator,
    key: Validator,
}

/// The messages of a document, by their channels.
fn described(document: &Value) -> BTreeMap<&'static str, Vec<Described>> {
    let one = |(name, message): (String, &Value)| Described {
        name,
        headers: validator(document, &message["headers"]),
        payload: validator(document, &message["payload"]),
        key: validator(document, &message["bindings"]["kafka"]["key"]),
    };
    let of = |channel| (channel, messages(document, channel).into_iter().map(one).collect());
    CHANNELS.map(of).into_iter().collect()
}

/// The message of the channel that a message is, if it is exactly one of them.
fn found(channel: &[Described], key: &Value, headers: &Value, payload: &Value) -> Option<String> {
    let mut valid = channel.iter().filter(|message| {
        message.headers.is_valid(headers)
            && message.payload.is_valid(payload)
            && message.key.is_valid(key)
    });
    let first = valid.next()?;
    valid.next().is_none().then(|| first.name.clone())
}

/// The channel of a message with this `ce_type`.
fn channel(kind: &str) -> &'static str {
    match kind.split('.').collect::<Vec<_>>()[..] {
        [_, _, _] => "orderReplies",
        ["inventory", _] => "inventoryCommands",
        _ => "paymentCommands",
    }
}

/// A message of the corpus as the document has messages: key, headers, payload.
fn parts(message: &Value) -> (Value, Value, Value) {
    let headers = frozen::headers(message).into_iter();
    let headers: Map<_, _> =
        headers.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let payload = serde_json::from_str(message["value"].as_str().unwrap()).unwrap();
    (message["key"].clone(), headers.into(), payload)
}

/// The names of the messages of a channel that an operation has.
fn listed(operation: &Value, channel: &str) -> BTreeSet<String> {
    let front = format!("#/channels/{channel}/messages/");
    let listed = operation["messages"].as_array().unwrap().iter();
    let listed = listed.map(|message| message["$ref"].as_str().unwrap().strip_prefix(&front));
    listed.map(|name| name.unwrap().to_owned()).collect()
}

fn name(kind: CommandType) -> String {
    let (participant, verb) = kind.as_str().split_once('.').unwrap();
    let upper = |word: &str| word[..1].to_uppercase() + &word[1..];
    upper(participant) + &upper(verb)
}

#[test]
fn each_topic_has_a_channel_with_its_messages_and_an_operation() {
    let all = BTreeSet::from(CommandType::ALL.map(name));
    let replies: BTreeSet<_> = all.iter().map(|name| format!("{name}Reply")).collect();
    for topics in [Topics::default(), others()] {
        let document = document_of(&topics);
        let mut commands = BTreeSet::new();
        for (channel, topic, operation, action) in [
            (CHANNELS[0], &topics.inventory, "sendInventoryCommands", "send"),
            (CHANNELS[1], &topics.payment, "sendPaymentCommands", "send"),
            (CHANNELS[2], &topics.replies, "receiveReplies", "receive"),
        ] {
            let described = &document["channels"][channel];
            assert_eq!(described["address"], topic.as_str());
            assert_eq!(described["bindings"]["kafka"]["topic"], topic.as_str());
            let names: BTreeSet<_> = messages(&document, channel).into_keys().collect();
            let operation = &document["operations"][operation];
            assert_eq!(operation["action"], action);
            assert_eq!(operation["channel"]["$ref"], format!("#/channels/{channel}"));
            assert_eq!(listed(operation, channel), names, "{channel}");
            if action == "receive" {
                assert_eq!(names, replies);
                continue;
            }
            // Each command, and in the operation's reply what comes back for it.
            let answers = names.iter().map(|name| format!("{name}Reply")).collect();
            assert_eq!(listed(&operation["reply"], CHANNELS[2]), answers, "{channel}");
            assert_eq!(operation["reply"]["channel"]["$ref"], "#/channels/orderReplies");
            commands.extend(names);
        }
        assert_eq!(commands, all);
    }
    let about = document_of(&Topics::default());
    assert!(about["info"]["description"].as_str().unwrap().contains("`order.saga.enabled`"));
}

#[test]
fn the_data_has_the_schemas_that_are_served() {
    let document = document_of(&Topics::default());
    let components = document["components"]["schemas"].as_object().unwrap();
    let mut there = components.clone();
    there.retain(|name, _| name.starts_with("Saga"));
    let commands = command_schema().to_string().replace("#/$defs/", "#/components/schemas/");
    let commands: Value = serde_json::from_str(&commands).unwrap();
    let mut served = commands["$defs"].as_object().unwrap().clone();
    let mut reply = reply_schema();
    for member in ["$schema", "$id", "title"] {
        assert!(reply.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    served.insert("SagaReply".to_owned(), reply);
    assert_eq!(there, served);
    // The choices of the served schema are the payloads of the commands.
    let choices = commands["anyOf"].as_array().unwrap().iter();
    let choices: BTreeSet<_> = choices.map(|choice| choice["$ref"].as_str().unwrap()).collect();
    let commands = CHANNELS[..2].iter().flat_map(|channel| messages(&document, channel));
    let payloads = commands.map(|(_, message)| message["payload"]["$ref"].as_str().unwrap());
    assert_eq!(payloads.collect::<BTreeSet<_>>(), choices);
    for message in messages(&document, CHANNELS[2]).into_values() {
        assert_eq!(message["payload"]["$ref"], "#/components/schemas/SagaReply");
    }
}

#[test]
fn each_message_has_an_example_that_the_decoder_reads() {
    for topics in [Topics::default(), others()] {
        let document = document_of(&topics);
        let (mut commands, mut verdicts) = (BTreeSet::new(), BTreeSet::new());
        for (channel, described) in described(&document) {
            let messages = messages(&document, channel);
            for message in described.iter().map(|described| messages[&described.name]) {
                let [example] = &message["examples"].as_array().unwrap()[..] else {
                    panic!("not one example of {}", message["name"])
                };
                let (headers, payload) = (&example["headers"], &example["payload"]);
                let own = found(&described, &headers["ce_subject"], headers, payload).unwrap();
                assert_eq!(messages[&own], message);
                let list = headers.as_object().unwrap().iter();
                let list = list.map(|(name, text)| (&**name, text.as_str().unwrap().as_bytes()));
                let value = serde_json::to_vec(payload).unwrap();
                if channel == "orderReplies" {
                    let reply = Reply::decode(list, Some(&value)).unwrap();
                    assert_eq!(own, name(reply.to) + "Reply");
                    verdicts.insert(reply.verdict);
                } else {
                    let command = Command::decode(list, Some(&value)).unwrap();
                    assert_eq!(own, name(command.task.kind()));
                    assert_eq!(command.reply_to, topics.replies);
                    commands.insert(command.id);
                }
            }
        }
        assert_eq!(commands.len(), 6, "each command has an id of its own");
        assert_eq!(verdicts, BTreeSet::from(Verdict::ALL));
    }
}

#[test]
fn every_message_of_the_corpus_is_one_of_the_document_and_none_with_a_defect_is() {
    let document = document_of(&Topics::default());
    let channels = described(&document);
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/saga-corpus"));
    let mut seen = BTreeSet::new();
    for (file, message) in frozen::messages(&folder) {
        let (key, headers, payload) = parts(&message);
        let kind = headers["ce_type"].as_str().unwrap();
        let described = &channels[channel(kind)];
        let own = found(described, &key, &headers, &payload);
        let own = own.unwrap_or_else(|| panic!("{file} is not one message of {}", channel(kind)));
        // Each defect by itself: of the key, of the data, of each header.
        assert_eq!(found(described, &json!("0"), &headers, &payload), None, "{file}");
        for (field, value) in [
            ("orderId", json!("4711")),
            ("orderId", json!(0)),
            ("items", json!([])),
            ("amount", json!(149.97)),
            ("of", json!("R-4711")),
            ("reason", json!("out of stock")),
            ("reference", json!("x".repeat(201))),
        ] {
            if payload.get(field).is_some() {
                let mut wrong = payload.clone();
                wrong[field] = value;
                assert_eq!(found(described, &key, &headers, &wrong), None, "{field} of {file}");
            }
        }
        for header in headers.as_object().unwrap().keys() {
            let mut wrong = headers.clone();
            wrong[header] = json!("");
            assert_eq!(found(described, &key, &wrong, &payload), None, "{header} of {file}");
            wrong.as_object_mut().unwrap().remove(header);
            let may_be_absent = match channel(kind) {
                "orderReplies" => ["ce_attempt", "traceparent"].contains(&header.as_str()),
                _ => ["ce_expirytime", "traceparent"].contains(&header.as_str()),
            };
            let without = found(described, &key, &wrong, &payload);
            assert_eq!(without.is_some(), may_be_absent, "{file} without {header}");
        }
        let mut other = headers.clone();
        other["ce_type"] = json!("inventory.reserve.refused");
        assert_eq!(found(described, &key, &other, &payload), None, "{file}");
        seen.insert(own);
    }
    assert!(CommandType::ALL.map(name).iter().all(|name| seen.contains(name)), "{seen:?}");
}

/// The names in the first column of the table that comes next after a heading of the page.
fn first_column(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split_once(heading).unwrap().1;
    let rows = section.lines().skip_while(|line| !line.starts_with("| Header")).skip(2);
    let cells = rows.map_while(|line| line.strip_prefix("| ")?.split_once(" |")).map(|row| row.0);
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_headers_are_those_of_the_page_for_participants() {
    let page = fs::read_to_string(PAGE).unwrap();
    let document = document_of(&Topics::default());
    for (channel, heading) in
        CHANNELS.into_iter().zip(["\n## Commands\n", "\n## Commands\n", "\n## Replies\n"])
    {
        let documented = first_column(&page, heading);
        assert!(documented.len() > 10, "{documented:?}");
        for (name, message) in messages(&document, channel) {
            let properties = resolved(&document, &message["headers"])["properties"].clone();
            let headers: BTreeSet<_> = properties.as_object().unwrap().keys().cloned().collect();
            assert_eq!(headers, documented, "{name}");
            for (header, schema) in properties.as_object().unwrap() {
                assert!(schema["description"].is_string(), "{header} of {name}");
            }
        }
    }
}

#[test]
fn each_rule_that_the_document_names_is_one_of_the_page() {
    let page = fs::read_to_string(PAGE).unwrap();
    let document = document_of(&Topics::default()).to_string();
    let named = document.split('“').skip(1).map(|after| after.split_once('”').unwrap().0);
    let named: BTreeSet<_> = named.collect();
    assert_eq!(named.len(), 6, "{named:?}");
    for rule in named {
        assert!(page.contains(&format!("**{rule}**")), "{rule}");
    }
}
