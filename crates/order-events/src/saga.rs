//! The messages of the saga: the commands that the order service sends to inventory and payment, and
//! what these reply. The source of the rules around them is `docs/saga-participants.md`: what a
//! participant promises, and what the service makes of a reply. The messages are in Kafka's binary
//! mode of `CloudEvents` alone.

mod command;
mod data;
mod decoding;
mod encoding;
mod reply;

pub use command::{Command, CommandType, Earlier, Item, Payment, Phase, Task, UnknownCommandType};
pub(crate) use data::definitions;
pub use data::{command_schema, reply_schema};
pub use decoding::MessageError;
pub use reply::{Reason, Reply, UnknownReason, Verdict};

/// The schema of the data of all commands: major version 1. Additions are optional fields only.
pub const COMMAND_SCHEMA: &str = "urn:order-service:saga:command:v1";
/// The schema of the data of all replies: major version 1. Additions are optional fields only.
pub const REPLY_SCHEMA: &str = "urn:order-service:saga:reply:v1";

/// Where the service serves the schema that the `dataschema` of a command names.
pub const COMMAND_SCHEMA_PATH: &str = "/schemas/saga-command-v1.json";
/// Where it serves that of a reply.
pub const REPLY_SCHEMA_PATH: &str = "/schemas/saga-reply-v1.json";

/// The topic of the commands to inventory, in a service with default settings.
pub const INVENTORY_TOPIC: &str = "inventory.commands";
/// The topic of the commands to payment, in a service with default settings.
pub const PAYMENT_TOPIC: &str = "payment.commands";
/// The topic of the replies, in a service with default settings.
pub const REPLY_TOPIC: &str = "order.replies";

/// The most bytes that the value of a command or a reply may have.
pub const MAX_VALUE: usize = 65_536;
/// The most bytes that one header may have.
pub const MAX_HEADER: usize = 1_024;
