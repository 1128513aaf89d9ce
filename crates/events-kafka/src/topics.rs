//! Looks for the topics and their numbers of partitions, and creates missing topics when the settings
//! say so. It runs beside the service until the brokers have answered, and nothing waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
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

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a new topic is looked for: not every broker knows it at once.
const SPREAD_LOOKS: usize = 25;
/// The pause between these looks.
const SPREAD_PAUSE: Duration = Duration::from_millis(200);

type Admin = AdminClient<DefaultClientContext>;
/// The number of partitions of each topic, or the broker's error.
type Found = BTreeMap<String, Result<usize, Code>>;

#[derive(Debug)]
pub(crate) struct TopicCheck {
    config: ClientConfig,
    topics: Vec<String>,
    create: Option<CreateTopics>,
    monitor: Arc<Monitor>,
    /// How many partitions each topic had when the log told of it.
    told: Mutex<BTreeMap<String, usize>>,
}

impl TopicCheck {
    pub(crate) fn new(
        mut config: ClientConfig,
        topics: impl IntoIterator<Item = impl Into<String>>,
        create: Option<CreateTopics>,
        monitor: Arc<Monitor>,
    ) -> Self {
        // A look for a topic must not create it, with the brokers' default number of partitions.
        config.set("allow.auto.create.topics", "false");
        // The client of the producer logs the same.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let topics = topics.into_iter().map(Into::into).collect();
        Self { config, topics, create, monitor, told: Mutex::default() }
    }

    /// Ends when all topics exist.
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
        // Ending the client takes a while.
        spawn_blocking(move || drop(admin)).await?;
        state
    }

    async fn look_with(&self, admin: &Arc<Admin>) -> Result<TopicsState, BoxError> {
        let mut found = self.find(admin).await?;
        self.monitor.answered();
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
            for _ in 0..SPREAD_LOOKS {
                found = self.find(admin).await?;
                if found.values().all(Result::is_ok) {
                    break;
                }
                tokio::time::sleep(SPREAD_PAUSE).await;
            }
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
        let mut amiss = Vec::new();
        for (topic, partitions) in found {
            match partitions {
                Ok(partitions) => self.compare(topic, *partitions),
                Err(code) => amiss.push(format!("{topic}: {}", explained(*code))),
            }
        }
        if amiss.is_empty() { TopicsState::Present } else { TopicsState::Amiss(amiss.join("; ")) }
    }

    fn compare(&self, topic: &str, partitions: usize) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(topic.to_owned(), partitions) == Some(partitions) {
            return;
        }
        drop(told);
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

/// A broker's error about a topic, and what to do about it.
fn explained(code: Code) -> String {
    let advice = match code {
        Code::UnknownTopicOrPartition => "there is no such topic; create it, or have it created",
        Code::TopicAuthorizationFailed => "this user has no right Describe to it",
        _ => return code.to_string(),
    };
    format!("{advice}: {code}")
}

/// Why a topic could not be created, and what to do about it.
fn refused(code: Code, how: CreateTopics) -> String {
    let count = |count: Option<u16>| count.map_or("as many as usual".to_owned(), |n| n.to_string());
    let advice = match code {
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            "this user has no right Create to it".to_owned()
        }
        Code::InvalidReplicationFactor => {
            format!("{} replicas are more than there are brokers", count(how.replication_factor))
        }
        Code::InvalidPartitions => {
            format!("the brokers do not want {} partitions", count(how.partitions))
        }
        Code::PolicyViolation => "a policy of the brokers forbids it".to_owned(),
        _ => return code.to_string(),
    };
    format!("{advice}: {code}")
}

/// Creates topics; answers why some could not be created.
async fn create(
    admin: &Admin,
    topics: &[String],
    how: CreateTopics,
) -> Result<Option<String>, BoxError> {
    // -1 means the brokers' default.
    let partitions = how.partitions.map_or(-1, i32::from);
    let replicas = how.replication_factor.map_or(-1, i32::from);
    let new = |topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
    let new: Vec<_> = topics.iter().map(|topic| new(topic)).collect();
    let options = AdminOptions::new()
        .request_timeout(Some(ANSWER_WITHIN))
        .operation_timeout(Some(ANSWER_WITHIN));
    let mut amiss = Vec::new();
    for created in admin.create_topics(&new, &options).await? {
        match created {
            Ok(topic) => tracing::info!(topic, "the topic was created"),
            // Another instance has created it at the same moment.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                amiss.push(format!("{topic} could not be created: {}", refused(code, how)));
            }
        }
    }
    Ok((!amiss.is_empty()).then(|| amiss.join("; ")))
}
