//! The topic of the events, and whether topics are created.

use events_kafka::CreateTopics;
use settings_spring::values::{self, Fault, Read, optional};
use settings_spring::{Reader, complete, keys};

keys! {
    pub(super) ROWS;
    pub(super) TOPIC: String = "order.events.topic", "order.events", Plain,
        "a Kafka topic name of letters, digits and . _ -; {type} in it stands for the event's type",
        "The topic of the events; {type} alone gives each type its own.", topic;
    CREATE: bool = "order.events.create-topics", "false", Plain, "true or false",
        "Whether topics that are missing at the start are created; one that is there stays as it is.",
        values::flag;
    PARTITIONS: Option<u16> = "order.events.topic-partitions", "", Plain,
        "a whole number from 1 to 10000",
        "How many partitions a topic is created with; unless set, as the brokers do.",
        |text| optional(text, |text| values::number(text, 1..=10_000));
    REPLICAS: Option<u16> = "order.events.topic-replication-factor", "", Plain,
        "a whole number from 1 to 100",
        "On how many brokers a topic is created; unless set, as the brokers do.",
        |text| optional(text, |text| values::number(text, 1..=100));
}

/// How missing topics are created; `Some(None)` if operators create them.
#[expect(clippy::option_option, reason = "`None` is a wrong setting, `Some(None)` a choice")]
pub(super) fn create_topics(from: &mut Reader<'_>) -> Option<Option<CreateTopics>> {
    let create = from.read(&CREATE);
    let how = complete!(CreateTopics {
        partitions: from.read(&PARTITIONS),
        replication_factor: from.read(&REPLICAS),
    });
    let (create, how) = (create?, how?);
    Some(create.then_some(how))
}

/// Warns of what is set about the creation of topics while none are created.
pub(super) fn warn_without_creation(from: &mut Reader<'_>) {
    let set = [&PARTITIONS, &REPLICAS].into_iter().filter(|key| from.is_set(key));
    let names: Vec<_> = set.map(|key| key.row.name).collect();
    if !names.is_empty() {
        let (key, names) = (CREATE.row.name, names.join(", "));
        from.warn(format!("settings without effect unless {key} is true: {names}"));
    }
}

/// The name of a topic: what Kafka allows, with `{type}` for the type of the event.
fn topic(text: &str) -> Read<String> {
    let text = text.trim();
    let plain = text.replace("{type}", "order.created");
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    // The longest type is `order.in_progress`, and Kafka's limit is 249.
    let fits = plain.len() <= 240 && !matches!(plain.as_str(), "" | "." | "..");
    if fits && plain.bytes().all(is_allowed) { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_a_name_that_kafka_takes() {
        assert_eq!(topic("{type}"), Ok("{type}".into()));
        assert_eq!(topic("a b"), Err(Fault::SHAPE));
    }
}
