//! Participants over Kafka: commands out, replies in, each on a client of its own. Where no saga begins, the clients are started
//! when they are first needed, so that a shop without sagas needs neither topics nor rights for them.

use std::sync::Arc;

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

use crate::application::background::{Told, until_done};
use crate::settings::{Kafka, Settings};
use crate::system::clock;

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub(in crate::application) struct OverKafka(Arc<Inner>);

struct Inner {
    place: Place,
    clients: OnceCell<Clients>,
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
        Ok(Self(Arc::new(Inner { place, clients })))
    }

    async fn clients(&self) -> Result<&Clients, String> {
        let start = || async {
            let place = self.0.place.clone();
            // It reads files and starts threads.
            let started = spawn_blocking(move || place.start()).await;
            let started = started.map_err(|panicked| panicked.to_string())?;
            started.map_err(|problems| problems.to_string())
        };
        self.0.clients.get_or_try_init(start).await
    }

    /// How many replies could not be read.
    pub(super) fn unreadable(&self) -> u64 {
        self.0.clients.get().map_or(0, |clients| clients.replies.unreadable())
    }

    /// Takes replies, and finds out whether commands arrive, until the stop.
    pub(super) async fn run(&self, sagas: &Sagas, told: Told) {
        let clients = tokio::select! {
            clients = until_done("starting the clients for sagas", || self.clients()) => clients,
            () = told.clone().stopped() => return,
        };
        tokio::select! {
            () = clients.replies.run(sagas, told.stopped()) => {}
            () = clients.commands.watch() => {}
        }
    }

    /// For the health page, from what the client knows already.
    pub(super) fn component(&self) -> Option<Component> {
        let Clients { commands, replies } = self.0.clients.get()?;
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
        let consumer = kafka.of_consumer();
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
        match self.clients().await {
            Ok(clients) => clients.commands.send(commands).await,
            Err(reason) => {
                tracing::error!(reason, "the client for commands cannot be started");
            }
        }
    }

    fn works_since(&self) -> Option<DateTime<Utc>> {
        let Clients { commands, replies } = self.0.clients.get()?;
        // No answer comes where replies are not taken: then nothing is asked, and nothing expires.
        Some(commands.works_since()?.max(replies.works_since().ok()?))
    }
}
