//! Looks whether the topics are there, with how many partitions, and creates what is missing when
//! the settings say so. Never in the way of anything: it runs beside the service, for as long as it
//! takes the brokers to answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use order_app::ports::BoxError;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{IsError as _, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::task::spawn_blocking;

use crate::monitor::{Monitor, TopicsState};
use crate::settings::CreateTopics;
use crate::topic::TopicTemplate;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

type Admin = AdminClient<DefaultClientContext>;
/// The number of partitions of each topic, or what a broker says instead.
type Found = BTreeMap<String, Result<usize, Code>>;

#[derive(Debug)]
pub(crate) struct TopicCheck {
    config: ClientConfig,
    topics: Vec<String>,
    create: Option<CreateTopics>,
    monitor: Arc<Monitor>,
}

impl TopicCheck {
    pub(crate) fn new(
        mut config: ClientConfig,
        topics: &TopicTemplate,
        create: Option<CreateTopics>,
        monitor: Arc<Monitor>,
    ) -> Self {
        // Asking for a topic must not make it, with whatever partitions the brokers like.
        config.set("allow.auto.create.topics", "false");
        // Nobody reads this client's log; what it would say the publisher's client says as well.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let topics = topics.names().into_iter().map(str::to_owned).collect();
        Self { config, topics, create, monitor }
    }

    /// Ends when all topics are there.
    pub(crate) async fn run(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.look().await {
                Ok(state) => {
                    let done = state == TopicsState::Present;
                    self.monitor.topics(state);
                    if done {
                        return;
                    }
                }
                Err(error) => tracing::debug!(%error, "the topics could not be looked at"),
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self) -> Result<TopicsState, BoxError> {
        let config = self.config.clone();
        let admin: Arc<Admin> = Arc::new(spawn_blocking(move || config.create()).await??);
        let state = self.look_with(&admin).await;
        // Its end takes a while.
        spawn_blocking(move || drop(admin)).await?;
        state
    }

    async fn look_with(&self, admin: &Arc<Admin>) -> Result<TopicsState, BoxError> {
        let mut found = self.find(admin).await?;
        self.monitor.reached();
        let is_missing =
            |partitions: &Result<usize, Code>| *partitions == Err(Code::UnknownTopicOrPartition);
        let missing: Vec<_> = found
            .iter()
            .filter(|(_, partitions)| is_missing(partitions))
            .map(|(topic, _)| topic.clone())
            .collect();
        if let Some(how) = self.create.filter(|_| !missing.is_empty()) {
            if let Some(reason) = create(admin, &missing, how).await? {
                return Ok(TopicsState::Amiss(reason));
            }
            found = self.find(admin).await?;
        }
        Ok(self.judge(&found))
    }

    async fn find(&self, admin: &Arc<Admin>) -> Result<Found, BoxError> {
        let (admin, topics) = (Arc::clone(admin), self.topics.clone());
        let find = move || -> KafkaResult<Found> {
            topics.iter().map(|topic| look_at(&admin, topic)).collect()
        };
        Ok(spawn_blocking(find).await??)
    }

    fn judge(&self, found: &Found) -> TopicsState {
        let mut amiss = String::new();
        for (topic, partitions) in found {
            match partitions {
                Ok(partitions) => self.compare(topic, *partitions),
                Err(code) => {
                    let join = if amiss.is_empty() { "" } else { "; " };
                    // Writing to a text does not fail.
                    let _ = write!(amiss, "{join}{topic}: {code}");
                }
            }
        }
        if amiss.is_empty() { TopicsState::Present } else { TopicsState::Amiss(amiss) }
    }

    fn compare(&self, topic: &str, partitions: usize) {
        tracing::info!(topic, partitions, "the topic is there");
        let wanted = self.create.and_then(|how| how.partitions).map(usize::from);
        if wanted.is_some_and(|wanted| wanted != partitions) {
            tracing::warn!(
                topic,
                partitions,
                wanted,
                "the topic has another number of partitions, and keeps it: orders would move \
                 between partitions"
            );
        }
    }
}

fn look_at(admin: &Admin, topic: &str) -> KafkaResult<(String, Result<usize, Code>)> {
    let metadata = admin.inner().fetch_metadata(Some(topic), ANSWER_WITHIN)?;
    let described = metadata.topics().iter().find(|described| described.name() == topic);
    let partitions = match described {
        None => Err(Code::UnknownTopicOrPartition),
        Some(described) => match described.error() {
            Some(error) if error.is_error() => Err(error.into()),
            _ => Ok(described.partitions().len()),
        },
    };
    Ok((topic.to_owned(), partitions))
}

/// Creates topics; says why one could not be created.
async fn create(
    admin: &Admin,
    topics: &[String],
    how: CreateTopics,
) -> Result<Option<String>, BoxError> {
    // -1 leaves it to the brokers.
    let partitions = how.partitions.map_or(-1, i32::from);
    let replicas = how.replication_factor.map_or(-1, i32::from);
    let new = |topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
    let new: Vec<_> = topics.iter().map(|topic| new(topic)).collect();
    let options = AdminOptions::new()
        .request_timeout(Some(ANSWER_WITHIN))
        .operation_timeout(Some(ANSWER_WITHIN));
    for created in admin.create_topics(&new, &options).await? {
        match created {
            Ok(topic) => tracing::info!(topic, "the topic was created"),
            // By another instance, at the same moment.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Ok(Some(format!("{topic} could not be created: {code}")));
            }
        }
    }
    Ok(None)
}
