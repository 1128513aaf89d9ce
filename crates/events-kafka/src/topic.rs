//! The topic of an event: one topic for all events, or one for each type.

use std::collections::BTreeSet;

use order_domain::OrderEventKind;

const TYPE: &str = "{type}";

/// The topic of each type of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicTemplate {
    by_kind: [(OrderEventKind, String); OrderEventKind::ALL.len()],
}

impl TopicTemplate {
    /// Reads a topic's name, in which `{type}` stands for the type, such as `order.created`; `None`
    /// when Kafka does not allow the resulting names.
    pub(crate) fn parse(template: &str) -> Option<Self> {
        let by_kind = OrderEventKind::ALL.map(|kind| (kind, template.replace(TYPE, kind.as_str())));
        by_kind.iter().all(|(_, name)| is_topic(name)).then_some(Self { by_kind })
    }

    /// The topic of a type.
    pub(crate) fn of(&self, kind: OrderEventKind) -> &str {
        self.by_kind.iter().find(|(of, _)| *of == kind).map_or("", |(_, name)| name)
    }

    /// Every topic, once.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.by_kind.iter().map(|(_, name)| name.as_str()).collect()
    }
}

/// Whether Kafka allows a name (`org.apache.kafka.common.internals.Topic`).
#[must_use]
pub fn is_topic(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_topic_holds_all_types() {
        let template = TopicTemplate::parse("order.events").unwrap();
        assert_eq!(template.of(OrderEventKind::Cancelled), "order.events");
        assert_eq!(template.names(), BTreeSet::from(["order.events"]));
    }

    #[test]
    fn the_placeholder_gives_each_type_its_topic() {
        let template = TopicTemplate::parse("shop.{type}.v1").unwrap();
        assert_eq!(template.of(OrderEventKind::InProgress), "shop.order.in_progress.v1");
        assert_eq!(template.names().len(), OrderEventKind::ALL.len());
    }

    #[test]
    fn names_that_kafka_does_not_allow_are_refused() {
        let long = "x".repeat(250);
        for name in ["", ".", "..", "order events", "order/events", "{typ}", "ordér", &long] {
            assert_eq!(TopicTemplate::parse(name), None, "{name}");
        }
    }
}
