//! Participants over Kafka: commands out, replies in, each on a client of its own. Where no saga begins, the clients are started
//! when they are first needed, so that a shop without sagas needs neither topics nor rights for them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use events_kafka::{BrokerState, KafkaCommands, KafkaReplies, SagaTopics, TopicsState};
use http_actix::{Component, Status};
use order_app::ports::{Command, CommandSender};
use order_app::sagas::Sagas;
use serde_json::json;
use settings_spring::Problems;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::application::background::Told;
use crate::settings::{Kafka, Settings};
use crate::system::clock;

/// The pause before the clients are started again: a file that they need may be there by then.
const START_EVERY: Duration = Duration::from_secs(5);

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub(in crate::application) struct OverKafka(Arc<Inner>);

struct Inner {
    place: Place,
    clients: OnceCell<Clients>,
    /// Why the clients could not be started, when that was last tried.
    failed: Mutex<Option<String>>,
}

/// What clients are started with.
#[derive(Clone)]
struct Place {
    kafka: Kafka,
    events_topic: String,
    topics: SagaTopics,
}

struct Clients {
    commands: KafkaCommands,
    replies: KafkaReplies,
}

impl OverKafka {
    /// Starts the clients if sagas begin. The brokers may be down.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let place = Place {
            kafka: settings.kafka.clone(),
            events_topic: settings.events_topic.clone(),
            topics: settings.sagas.topics.clone(),
        };
        let begins = settings.sagas.policy.begins;
        let clients =
            if begins { OnceCell::new_with(Some(place.start()?)) } else { OnceCell::new() };
        Ok(Self(Arc::new(Inner { place, clients, failed: Mutex::default() })))
    }

    async fn clients(&self) -> Result<&Clients, String> {
        let start = || async {
            let place = self.0.place.clone();
            // It reads files and starts threads.
            let started = spawn_blocking(move || place.start()).await;
            let started = started.map_err(|panicked| panicked.to_string())?;
            started.map_err(|problems| problems.to_string())
        };
        let clients = self.0.clients.get_or_try_init(start).await;
        clients.inspect_err(|reason| self.fails_by(reason))
    }

    /// Logs a reason that is new, and keeps it for the health page.
    fn fails_by(&self, reason: &str) {
        let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.as_deref() != Some(reason) {
            tracing::error!(
                reason,
                "there are open sagas, and the clients for their commands and replies cannot be started"
            );
            *failed = Some(reason.to_owned());
        }
    }

    /// How many replies could not be read.
    pub(super) fn unreadable(&self) -> u64 {
        self.0.clients.get().map_or(0, |clients| clients.replies.unreadable())
    }

    /// Takes replies, and finds out whether commands arrive, until the stop.
    pub(super) async fn run(&self, sagas: &Sagas, told: Told) {
        let started = async {
            loop {
                if let Ok(clients) = self.clients().await {
                    return clients;
                }
                sleep(START_EVERY).await;
            }
        };
        let clients = tokio::select! {
            clients = started => clients,
            () = told.clone().stopped() => return,
        };
        tokio::select! {
            () = clients.replies.run(sagas, told.stopped()) => {}
            () = clients.commands.watch() => {}
        }
    }

    /// For the health page, from what the client knows already.
    pub(super) fn component(&self) -> Option<Component> {
        let Some(Clients { commands, replies }) = self.0.clients.get() else {
            let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
            let no = format!("no: {}", failed.as_deref()?);
            let details =
                json!({"transport": "kafka", "commandsArrive": no, "repliesAreTaken": no});
            return Some(Component { name: "sagas", status: Status::Down, details });
        };
        let since = |time: DateTime<Utc>| {
            format!("since {}", time.to_rfc3339_opts(SecondsFormat::Secs, true))
        };
        let health = commands.health();
        let (status, arrive) = match (commands.works_since(), health.broker, health.topics) {
            (Some(time), ..) => (Status::Up, since(time)),
            (None, BrokerState::Unreachable(why), _) | (None, _, TopicsState::Amiss(why)) => {
                (Status::Down, format!("no: {why}"))
            }
            (None, ..) => (Status::Unknown, "it is being found out".to_owned()),
        };
        let (status, taken) = match replies.works_since() {
            Ok(time) => (status, since(time)),
            Err(why) if status == Status::Up => (Status::Down, format!("no: {why}")),
            Err(why) => (status, format!("no: {why}")),
        };
        let details =
            json!({"transport": "kafka", "commandsArrive": arrive, "repliesAreTaken": taken});
        Some(Component { name: "sagas", status, details })
    }
}

impl Place {
    fn start(&self) -> Result<Clients, Problems> {
        let Self { kafka, events_topic, topics } = self;
        let consumer = kafka.of_consumer()?;
        let replies = KafkaReplies::new(&consumer, &kafka.group, &topics.replies, clock())
            .map_err(|error| kafka.complaints_of_consumer(&error))?;
        let producers = kafka.of_producers(events_topic);
        let commands = KafkaCommands::new(&producers, topics.clone(), clock())
            .map_err(|error| kafka.complaints(&error))?;
        Ok(Clients { commands, replies })
    }
}

#[async_trait]
impl CommandSender for OverKafka {
    async fn send(&self, commands: Vec<Command>) {
        // They are due again, and the log says why there is no client.
        if let Ok(clients) = self.clients().await {
            clients.commands.send(commands).await;
        }
    }

    fn works_since(&self) -> Option<DateTime<Utc>> {
        let Clients { commands, replies } = self.0.clients.get()?;
        // No answer comes where replies are not taken: then nothing is asked, and nothing expires.
        Some(commands.works_since()?.max(replies.works_since().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    #[test]
    fn health_names_the_setting_by_which_the_clients_cannot_be_started() {
        let case = Case::new()
            .option("spring.kafka.bootstrap-servers", "localhost:1")
            .option("spring.kafka.consumer.ssl.bundle", "kafka");
        let over_kafka = OverKafka::new(&case.loaded().settings).unwrap();
        assert!(over_kafka.component().is_none(), "no saga is known");
        // A saga of another instance was found.
        tokio::runtime::Runtime::new().unwrap().block_on(over_kafka.send(Vec::new()));
        let component = over_kafka.component().unwrap();
        assert_eq!(component.status, Status::Down);
        let why = component.details["repliesAreTaken"].as_str().unwrap();
        assert!(why.contains("spring.kafka.consumer.ssl.bundle"), "{why}");
        assert_eq!(over_kafka.works_since(), None, "nothing expires");
    }
}
