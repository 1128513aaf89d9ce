//! The saga in the document: the channels of the commands and of the replies, the operations on them,
//! and one message for each type of command and for the replies to it. `docs/saga-participants.md` is
//! the source of the texts; a test finds each rule that they name there.

mod examples;
mod headers;

use serde_json::{Map, Value, json};

use super::topics::Topics;
use super::{BINDING, SCHEMAS, message_bindings, name, of_channel, of_components, reference};
use crate::saga::{self, CommandType, MAX_HEADER, MAX_VALUE, Phase};

/// The channel of all replies.
const REPLIES: &str = "orderReplies";

/// One of those that commands are sent to.
struct Participant {
    /// What the types of its commands begin with.
    prefix: &'static str,
    channel: &'static str,
    topic: fn(&Topics) -> &str,
    title: &'static str,
    /// What its commands are about.
    about: &'static str,
    operation: &'static str,
    summary: &'static str,
}

const PARTICIPANTS: [Participant; 2] = [
    Participant {
        prefix: "inventory.",
        channel: "inventoryCommands",
        topic: |topics| &topics.inventory,
        title: "Commands to inventory",
        about: "Stock is kept back for an order, given back, or taken out for good.",
        operation: "sendInventoryCommands",
        summary: "Ask inventory for a step of an order.",
    },
    Participant {
        prefix: "payment.",
        channel: "paymentCommands",
        topic: |topics| &topics.payment,
        title: "Commands to payment",
        about: "Money is kept back for an order, given back, or taken for good.",
        operation: "sendPaymentCommands",
        summary: "Ask payment for a step of an order.",
    },
];

impl Participant {
    fn kinds(&self) -> impl Iterator<Item = CommandType> {
        CommandType::ALL.into_iter().filter(|kind| kind.as_str().starts_with(self.prefix))
    }
}

/// The channels, with the topics of a service.
pub(super) fn channels(topics: &Topics) -> Map<String, Value> {
    let limits = format!("A value has at most {MAX_VALUE} bytes, a header at most {MAX_HEADER}.");
    let commands = PARTICIPANTS.iter().map(|to| {
        let description = format!("{} {COMMANDS} {limits}", to.about);
        let names = to.kinds().map(|kind| name(kind.as_str()));
        (to.channel.to_owned(), channel((to.topic)(topics), to.title, &description, names))
    });
    let names = CommandType::ALL.map(reply_name);
    let description = format!("{REPLY} {limits}");
    let replies = channel(&topics.replies, "Replies of participants", &description, names);
    commands.chain([(REPLIES.to_owned(), replies)]).collect()
}

/// The operations on the channels, as the order service does them.
pub(super) fn operations() -> Map<String, Value> {
    let send = |to: &Participant| {
        let operation = json!({
            "action": "send",
            "channel": reference(&format!("/channels/{}", to.channel)),
            "summary": to.summary,
            "description": SENDING,
            "messages": of_channel(to.channel, to.kinds().map(|kind| name(kind.as_str()))),
            // Without an address, because the channel has one: AsyncAPI allows only one of the two.
            "reply": {
                "channel": reference(&format!("/channels/{REPLIES}")),
                "messages": of_channel(REPLIES, to.kinds().map(reply_name)),
            },
        });
        (to.operation.to_owned(), operation)
    };
    let receive = json!({
        "action": "receive",
        "channel": reference(&format!("/channels/{REPLIES}")),
        "summary": "Go on with an order as its participants reply.",
        "description": RECEIVING,
        "messages": of_channel(REPLIES, CommandType::ALL.map(reply_name)),
    });
    PARTICIPANTS.iter().map(send).chain([("receiveReplies".to_owned(), receive)]).collect()
}

/// The messages: the commands, and for each of them its replies.
pub(super) fn messages(topics: &Topics) -> Map<String, Value> {
    let replies = topics.replies.as_str();
    let both = |kind: CommandType| {
        [(name(kind.as_str()), command(kind, replies)), (reply_name(kind), reply(kind, replies))]
    };
    CommandType::ALL.into_iter().flat_map(both).collect()
}

/// The schemas of the headers and the data.
pub(super) fn schemas() -> Map<String, Value> {
    let mut schemas = saga::definitions(SCHEMAS);
    for kind in CommandType::ALL {
        schemas.insert(format!("{}Headers", name(kind.as_str())), headers::of_command(kind));
        schemas.insert(format!("{}Headers", reply_name(kind)), headers::of_reply(kind));
    }
    schemas
}

const COMMANDS: &str = "\
Used when `order.saga.enabled` is on. The key of a message is the order's id. Delivery is at least \
once: a command may come twice, late, or after one that was sent later, so an undo may come before its \
do, or without one. Rule: “The same command id always gets the same reply, and its effect happens \
once.”";

const REPLY: &str = "\
What participants reply to the commands. Used when `order.saga.enabled` is on. The key of a message is \
the order's id. Delivery is at least once. A process that can write to this topic can confirm orders: \
give that right to the participants alone.";

const SENDING: &str = "\
A command without an outcome is sent again, with the same id. The reply goes to the topic that \
`ce_replyto` names.";

const RECEIVING: &str = "\
The command that a reply is for is found by `ce_causationid`. Rule: “Reply after your own commit, \
commit the offset after the reply”";

fn channel(
    topic: &str,
    title: &str,
    description: &str,
    messages: impl IntoIterator<Item = String>,
) -> Value {
    json!({
        "address": topic,
        "title": title,
        "description": description,
        "messages": of_components(messages),
        "bindings": {"kafka": {"topic": topic, "bindingVersion": BINDING}},
    })
}

fn command(kind: CommandType, replies: &str) -> Value {
    json!({
        "name": kind.as_str(),
        "title": title(kind),
        "description": asked(kind.phase()),
        "contentType": "application/json",
        "headers": reference(&format!("{SCHEMAS}/{}Headers", name(kind.as_str()))),
        "payload": reference(&format!("{SCHEMAS}/{}", data(kind))),
        // With that of the reply: what joins the two. One correlation has many commands.
        "correlationId": {"location": "$message.header#/ce_id"},
        "bindings": message_bindings(),
        "examples": Vec::from_iter(examples::command(kind, replies)),
    })
}

fn reply(kind: CommandType, replies: &str) -> Value {
    let name = reply_name(kind);
    json!({
        // Not a type: that has the verdict in it.
        "name": name,
        "title": format!("The reply to `{kind}`."),
        "description": replied(kind.phase()),
        "contentType": "application/json",
        "headers": reference(&format!("{SCHEMAS}/{name}Headers")),
        "payload": reference(&format!("{SCHEMAS}/SagaReply")),
        "correlationId": {"location": "$message.header#/ce_causationid"},
        "bindings": message_bindings(),
        "examples": Vec::from_iter(examples::reply(kind, replies)),
    })
}

/// The name of the replies to a command in the document: `InventoryReserveReply`.
fn reply_name(kind: CommandType) -> String {
    name(kind.as_str()) + "Reply"
}

/// The schema of a command's data.
const fn data(kind: CommandType) -> &'static str {
    match kind {
        CommandType::Reserve => "SagaReserve",
        CommandType::Authorize => "SagaAuthorize",
        CommandType::Release | CommandType::Commit | CommandType::Void | CommandType::Capture => {
            "SagaFollowUp"
        }
    }
}

const fn title(kind: CommandType) -> &'static str {
    match kind {
        CommandType::Reserve => "Keep stock back for an order.",
        CommandType::Release => "Give the reserved stock back.",
        CommandType::Commit => "Take the reserved stock out for good.",
        CommandType::Authorize => "Keep money back for an order.",
        CommandType::Void => "Give the authorised money back.",
        CommandType::Capture => "Take the authorised money for good.",
    }
}

const fn asked(phase: Phase) -> &'static str {
    match phase {
        Phase::Do => {
            "A do: it keeps something back. One that comes after its undo is rejected, with the \
             reason `UNDONE`. Rule: “An undo that comes before its do leaves a tombstone.”"
        }
        Phase::Undo => {
            "An undo: it gives back what the do keeps back. It is sent for every do that was ever \
             sent and not rejected, answered or not. Rule: “The undo of an unknown do is `.done`”"
        }
        Phase::Complete => {
            "A completion: it makes final what the do keeps back, and there is no undo after it. For \
             what is unknown, rejected or undone it is rejected, with the reason `NOT_DONE`."
        }
    }
}

const fn replied(phase: Phase) -> &'static str {
    match phase {
        Phase::Do => {
            "`.done`: the effect is there, durably, and the order service goes on. `.rejected`: the \
             business says no, and there is no effect; the order service cancels the order, and \
             undoes its other steps. `.failed`: no outcome and no effect, for a technical reason; \
             the order service asks again, as without a reply. Rule: “`.rejected` is for decisions \
             of the business that do not change by asking again.”"
        }
        Phase::Undo => {
            "`.done`: there is no effect any more. `.failed`: it cannot be done now; the order service \
             asks again, for as long as it takes, as without a reply. Rule: “An undo is never \
             rejected for a business reason.”"
        }
        Phase::Complete => {
            "`.done`: the effect is final, durably. `.rejected`: there is nothing to complete \
             (`NOT_DONE`). `.failed`: no outcome, for a technical reason; the order service asks \
             again, as without a reply."
        }
    }
}
