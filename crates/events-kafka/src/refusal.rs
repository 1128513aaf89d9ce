//! Which failures pass by themselves and which last until somebody changes something.

use order_app::ports::PublishError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// Why an event was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The client did not take the message: its queue is full, it is too large, …
    #[error("the Kafka client did not take the message: {0}")]
    NotTaken(Code),
    /// The client reported that the message was not delivered.
    #[error("the message was not delivered: {0}")]
    Reported(Code),
    /// The client reported nothing, long after its own deadline.
    #[error("the Kafka client did not report what came of the message")]
    NotReported,
    /// There was no client to send it with.
    #[error("the Kafka client could not be started: {0}")]
    NoClient(String),
    /// The name of the topic is none.
    #[error("{0:?} is no name for a topic")]
    NoTopic(String),
    /// The stored event cannot be made into a message.
    #[error("the stored context of the event cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

/// By what they say; for tests.
impl PartialEq for DeliveryError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl DeliveryError {
    /// Whether the broker may have meant another message: it judges batches, and the client fails
    /// all messages of a refused one.
    pub(crate) fn may_be_a_neighbours(&self) -> bool {
        matches!(
            self,
            Self::Reported(
                Code::MessageSizeTooLarge
                    | Code::MessageBatchTooLarge
                    | Code::InvalidRecord
                    | Code::InvalidTimestamp
                    | Code::UnsupportedForMessageFormat
            )
        )
    }

    /// Whether there is no such topic.
    pub(crate) fn is_of_missing_topic(&self) -> bool {
        matches!(
            self,
            Self::NotTaken(Code::UnknownTopic | Code::UnknownTopicOrPartition)
                | Self::Reported(Code::UnknownTopic | Code::UnknownTopicOrPartition)
        )
    }

    /// Whether trying again is in vain. A missing topic, a client that may not write at all
    /// (`ClusterAuthorizationFailed`) and a wrong password are not among these: they concern every
    /// order, and parking them all would only make more work for whoever mends it.
    fn lasts(&self) -> bool {
        match self {
            Self::Unreadable(_) | Self::NoTopic(_) => true,
            // The client remembers for a while what a broker has said to another event, which may
            // have changed since: the next attempt asks the broker.
            Self::NotTaken(Code::TopicAuthorizationFailed)
            | Self::NotReported
            | Self::NoClient(_) => false,
            Self::NotTaken(code) | Self::Reported(code) => matches!(
                code,
                Code::MessageSizeTooLarge
                    | Code::MessageBatchTooLarge
                    | Code::InvalidRecord
                    | Code::InvalidTimestamp
                    | Code::UnsupportedForMessageFormat
                    | Code::TopicAuthorizationFailed
                    | Code::PolicyViolation
            ),
        }
    }
}

impl From<DeliveryError> for PublishError {
    fn from(error: DeliveryError) -> Self {
        if error.lasts() { Self::Permanent(error.into()) } else { Self::Transient(error.into()) }
    }
}
