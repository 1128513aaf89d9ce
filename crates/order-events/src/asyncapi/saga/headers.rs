//! The headers of commands and replies. The tables are those of `docs/saga-participants.md`, which a
//! test compares; their descriptions are part of the frozen contract.

use schemars::{Schema, json_schema};
use serde_json::Value;

use crate::asyncapi::headers::{Header, all, one};
use crate::saga::{COMMAND_SCHEMA, CommandType, REPLY_SCHEMA, Verdict};
use crate::schema::values;

const OF_COMMANDS: [Header; 14] = [
    ("ce_specversion", true, "The version of CloudEvents."),
    ("ce_id", true, "The command id: the same each time the command is sent."),
    ("ce_type", true, "What is asked for."),
    ("ce_source", true, "Who asks."),
    ("ce_subject", true, "The order's id."),
    ("ce_partitionkey", true, "The order's id."),
    ("ce_causationid", true, "The event or the reply that caused the command."),
    ("ce_correlationid", true, "Joins everything that one request caused."),
    ("ce_attempt", true, "How often the command has been sent: 1, 2, 3, …"),
    ("ce_replyto", true, "The topic for the reply."),
    ("ce_expirytime", false, "When the service gives the step up. A hint: it may be ignored."),
    ("ce_dataschema", true, "The schema of the data."),
    (
        "traceparent",
        false,
        "W3C Trace Context of the request that placed the order, when there is one. Link to it; do \
         not go on with it.",
    ),
    ("content-type", true, "The form of the value."),
];

const OF_REPLIES: [Header; 12] = [
    ("ce_specversion", true, "The version of CloudEvents."),
    (
        "ce_id",
        true,
        "The participant's: any text, unique in its source. The same reply, sent again, may have \
         the same id.",
    ),
    ("ce_type", true, "The command's type with the verdict behind it."),
    ("ce_source", true, "The participant, a URI reference."),
    ("ce_subject", true, "The order's id."),
    ("ce_partitionkey", true, "The order's id."),
    ("ce_causationid", true, "The command id."),
    ("ce_correlationid", true, "Copied from the command."),
    ("ce_attempt", false, "Copied from the command."),
    ("ce_dataschema", true, "The schema of the data."),
    ("traceparent", false, "Copied from the command, when it has one."),
    ("content-type", true, "The form of the value."),
];

/// The schema of the headers of one type of command.
pub(super) fn of_command(kind: CommandType) -> Value {
    all(&OF_COMMANDS, |name, generator| match name {
        "ce_type" => json_schema!({"type": "string", "const": kind.as_str()}),
        "ce_dataschema" => json_schema!({"type": "string", "const": COMMAND_SCHEMA}),
        "ce_replyto" => json_schema!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,249}$"}),
        "ce_expirytime" => json_schema!({"type": "string", "format": "date-time"}),
        "ce_attempt" => attempt(),
        name => one(name, generator),
    })
}

/// The schema of the headers of the replies to one type of command.
pub(super) fn of_reply(kind: CommandType) -> Value {
    let types = Verdict::ALL.map(|verdict| format!("{kind}.{verdict}"));
    all(&OF_REPLIES, |name, generator| match name {
        "ce_type" => json_schema!({"type": "string", "enum": types}),
        "ce_dataschema" => json_schema!({"type": "string", "const": REPLY_SCHEMA}),
        "ce_id" => values::text(generator),
        "ce_source" => json_schema!({"type": "string", "format": "uri-reference", "minLength": 1}),
        "ce_causationid" => values::uuid(generator),
        "ce_attempt" => attempt(),
        name => one(name, generator),
    })
}

/// A number of 32 bits.
fn attempt() -> Schema {
    json_schema!({"type": "string", "pattern": "^[1-9][0-9]{0,9}$"})
}
