//! Why a message was not delivered, and whether trying again may help.

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
    /// No client could be started.
    #[error("the Kafka client could not be started: {0}")]
    NoClient(String),
    /// Kafka does not allow this name for a topic.
    #[error("{0:?} is no name for a topic")]
    NoTopic(String),
    /// The stored event cannot be turned into a message.
    #[error("the stored context of the event cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

/// Compares the texts; for tests.
impl PartialEq for DeliveryError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl DeliveryError {
    /// Whether the broker may have refused another message of the batch: brokers refuse whole
    /// batches, and the client then fails all of their messages.
    pub(crate) fn may_be_of_another(&self) -> bool {
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

    /// Whether the topic does not exist.
    pub(crate) fn is_of_missing_topic(&self) -> bool {
        matches!(
            self,
            Self::NotTaken(Code::UnknownTopic | Code::UnknownTopicOrPartition)
                | Self::Reported(Code::UnknownTopic | Code::UnknownTopicOrPartition)
        )
    }

    /// Whether trying again cannot help. False for a missing topic, a wrong password and a client
    /// without any right to write (`ClusterAuthorizationFailed`): these concern every order, and
    /// parking all orders would only make more work for the operator.
    fn lasts(&self) -> bool {
        match self {
            Self::Unreadable(_) | Self::NoTopic(_) => true,
            // The client remembers the broker's answer to an earlier message for a while. The next
            // attempt asks the broker.
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
