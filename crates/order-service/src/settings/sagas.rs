//! The sagas of orders: whether new orders begin one, how long it waits, and how its participants are reached.

use std::time::Duration;

use events_kafka::SagaTopics;
use order_app::saga::{SagaPolicy, SagaTimes};
use settings_spring::values::{self, Fault, Read, one_of};
use settings_spring::{Problems, Reader, complete, keys};

use super::Kafka;

keys! {
    pub(super) ROWS;
    ENABLED: bool = "order.saga.enabled", "false", Plain, "true or false",
        "Whether new orders begin a saga: stock is reserved and payment authorised, and then the order is confirmed. Sagas that \
         began go on, whatever is set.",
        values::flag;
    TRANSPORT: SagaTransport = "order.saga.transport", "kafka", Plain, "kafka or embedded",
        "How commands reach inventory and payment. embedded is a demonstration: both are in this process, and answer by test \
         values.",
        |text| one_of(text, &[("kafka", SagaTransport::Kafka), ("embedded", SagaTransport::Embedded)]);
    DEADLINE: Duration = "order.saga.deadline", "15m", Plain, "a duration from 1s to 30d, or 0 for never",
        "How long an order waits for stock and payment before it is cancelled (EXPIRED). Time in which no command can be sent \
         does not end it.",
        deadline;
    RESEND: Duration = "order.saga.resend-after", "30s", Plain, "a duration from 1s to 1h",
        "After which time a command without an answer is sent again. What must be answered in the end is sent after growing \
         pauses, of 5 minutes or this at the most.",
        |text| values::duration(text, Duration::from_secs(1)..=Duration::from_hours(1));
    ATTENTION: Duration = "order.saga.attention-after", "15m", Plain, "a duration from 1s to 30d",
        "After which time a command without an answer needs an operator. The deadline ends those of an order that is not confirmed.",
        |text| values::duration(text, Duration::from_secs(1)..=MONTH);
    RETENTION: Duration = "order.saga.retention", "90d", Plain, "a duration from 1d to 3650d",
        "How long a saga that is over is kept, unless it needs an operator.",
        |text| values::duration(text, Duration::from_hours(24)..=Duration::from_hours(87_600));
    INVENTORY: String = "order.saga.inventory-topic", "inventory.commands", Plain,
        "a Kafka topic name of letters, digits and . _ -", "The topic of the commands to inventory.", topic;
    PAYMENT: String = "order.saga.payment-topic", "payment.commands", Plain,
        "what order.saga.inventory-topic may be, and another one", "The topic of the commands to payment.", topic;
    REPLIES: String = "order.saga.reply-topic", "order.replies", Plain,
        "what order.saga.inventory-topic may be, and another one",
        "The topic of the replies. Who may write to it can confirm orders.", topic;
}

const MONTH: Duration = Duration::from_hours(720);

/// The sagas of orders.
#[derive(Debug, Clone)]
pub struct Sagas {
    /// Which orders have one, and how long it waits.
    pub policy: SagaPolicy,
    /// How its participants are reached.
    pub transport: SagaTransport,
    /// How long one that is over is kept.
    pub retention: Duration,
    /// Where its messages go.
    pub topics: SagaTopics,
}

/// How participants are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SagaTransport {
    /// Over Kafka, if brokers are named.
    Kafka,
    /// In this process, for a demonstration.
    Embedded,
}

pub(super) fn read(from: &mut Reader<'_>, kafka: Option<&Kafka>) -> Option<Sagas> {
    let begins = from.read(&ENABLED);
    let transport = from.read(&TRANSPORT);
    let times = complete!(SagaTimes {
        deadline: from.read(&DEADLINE),
        resend_after: from.read(&RESEND),
        attention_after: from.read(&ATTENTION),
    });
    let retention = from.read(&RETENTION);
    let topics = complete!(SagaTopics {
        inventory: from.read(&INVENTORY),
        payment: from.read(&PAYMENT),
        replies: from.read(&REPLIES),
    });
    let (begins, transport, topics) = (begins?, transport?, topics?);
    if topics.payment == topics.inventory {
        from.refuse(&PAYMENT, "is the topic of inventory");
    }
    if [&topics.inventory, &topics.payment].contains(&&topics.replies) {
        from.refuse(&REPLIES, "is a topic of commands");
    }
    let kafka = kafka?;
    let begins_over_kafka = begins && transport == SagaTransport::Kafka;
    if begins_over_kafka && !kafka.is_on() {
        from.refuse(
            &ENABLED,
            "needs brokers for the commands: name them in spring.kafka.bootstrap-servers, or set \
             order.saga.transport=embedded for a demonstration without any",
        );
    }
    if let Err(problems) = kafka.of_consumer() {
        judge_consumer(problems, begins_over_kafka, from);
    }
    let policy = SagaPolicy { begins, times: times? };
    Some(Sagas { policy, transport, retention: retention?, topics })
}

/// The one consumer takes the replies of sagas. Where sagas begin over Kafka, settings that it cannot honour stop the start.
/// Elsewhere the service starts, because the shop may not consume anything at all, and warns once. If an open saga is found then,
/// the consumer is not started, commands are not sent, and log and health say why: see `application/sagas/kafka.rs`.
fn judge_consumer(problems: Problems, is_needed: bool, from: &mut Reader<'_>) {
    if is_needed {
        return from.complain_of(problems);
    }
    let each: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
    from.warn(format!(
        "settings of the Kafka consumer that cannot be honoured, which only the replies of sagas need: {}",
        each.join("; ")
    ));
}

fn deadline(text: &str) -> Read<Duration> {
    match values::duration(text, Duration::ZERO..=MONTH)? {
        time if time.is_zero() || time >= Duration::from_secs(1) => Ok(time),
        _ => Err(Fault::SHAPE),
    }
}

fn topic(text: &str) -> Read<String> {
    let text = text.trim();
    if events_kafka::is_topic(text) { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}

#[cfg(test)]
mod tests;
