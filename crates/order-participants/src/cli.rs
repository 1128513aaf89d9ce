//! The command line of the participants.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use order_events::asyncapi::DEFAULT_TOPIC;
use order_events::saga::REPLY_TOPIC;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::conformance::{self, Run};
use crate::notification::{self, Notices};
use crate::rules::{Role, Rules, Script};
use crate::shell::{self, Place};
use crate::store::{Store, audit};

/// Inventory, payment and notification for trials and tests of the order service's saga, each a process
/// with a SQLite file of its own. For demonstrations: there is no stock, and no money.
#[derive(Debug, Parser)]
#[command(name = "order-participants", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Test values:
  product 402       is out of stock             amount 402   is declined
  product 408       gets no answer              amount 408   gets no answer
  product 503       fails twice, then succeeds  amount 503   fails twice, then succeeds

Exit codes:
  0  stopped when asked to, or done; (conformance) every rule is kept
  1  it failed; (conformance) a rule is broken, or nothing answered
  2  arguments are wrong";

/// How long the brokers may take to create topics, before they are asked again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause before they are.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep stock back, give it back, take it out.
    Inventory(Participant),
    /// Keep money back, give it back, take it.
    Payment(Participant),
    /// Tell customers that orders were confirmed, cancelled or delivered: a line in the log, a row in
    /// the file.
    Notification(Notification),
    /// Print what a participant did, from its file, as JSON.
    Audit {
        /// The file.
        #[arg(long)]
        database: String,
    },
    /// Put a participant, of any make, through the rules of the contract, over Kafka. It must be running.
    /// The orders of a run have ids from 9,000,000,000,000,000 on.
    Conformance(Conformance),
}

#[derive(Debug, Args)]
struct Kafka {
    /// The brokers.
    #[arg(long, default_value = "127.0.0.1:9192")]
    brokers: String,
    /// A setting of librdkafka, such as security.protocol=SSL, instead of ours; may be repeated.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
    /// Create topics that are missing, with the brokers' own number of partitions and replicas.
    #[arg(long)]
    create_topics: bool,
}

#[derive(Debug, Args)]
struct Participant {
    #[command(flatten)]
    kafka: Kafka,
    /// The topic of its commands [default: inventory.commands or payment.commands].
    #[arg(long)]
    topic: Option<String>,
    /// The consumer group [default: inventory or payment].
    #[arg(long)]
    group: Option<String>,
    /// The SQLite file [default: inventory.db or payment.db].
    #[arg(long)]
    database: Option<String>,
    /// What goes wrong on purpose, such as reject=0.1,delay=2s,duplicate=0.2,lose=0.05,late=20s,garbage=0.01,seed=7.
    ///
    /// Shares from 0 to 1: reject (work is refused), duplicate (a reply goes twice), lose (no reply goes), garbage (bytes
    /// without sense go as well). Times: delay (each reply waits), late (one reply in twenty waits; late=20s:0.5 for
    /// one in two). The same seed gives the same run.
    #[arg(long, value_name = "SCRIPT", default_value = "", hide_default_value = true)]
    fail: Script,
}

#[derive(Debug, Args)]
struct Notification {
    #[command(flatten)]
    kafka: Kafka,
    /// The topic of the events: the service's order.events.topic.
    #[arg(long, default_value = DEFAULT_TOPIC)]
    topic: String,
    /// The consumer group.
    #[arg(long, default_value = "notification")]
    group: String,
    /// The SQLite file.
    #[arg(long, default_value = "notification.db")]
    database: String,
    /// The order service, which is asked for events that were missed.
    #[arg(long, default_value = "http://127.0.0.1:8082")]
    service: String,
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Inventory, Self::Payment]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

#[derive(Debug, Args)]
struct Conformance {
    /// What the participant is.
    participant: Role,
    #[command(flatten)]
    kafka: Kafka,
    /// The topic of its commands [default: inventory.commands or payment.commands].
    #[arg(long)]
    topic: Option<String>,
    /// The topic for its replies.
    #[arg(long, default_value = REPLY_TOPIC)]
    reply_topic: String,
    /// How long an outcome may take, in seconds.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// A shell command that kills the participant and starts it again. Without it, what outlives a
    /// crash is not shown.
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
    /// The product or amount that the participant always refuses.
    #[arg(long, default_value = "402")]
    refused: String,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    match execute(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Inventory(options) => participant(Role::Inventory, options)?,
        Command::Payment(options) => participant(Role::Payment, options)?,
        Command::Notification(options) => notification(options)?,
        Command::Audit { database } => {
            anyhow::ensure!(Path::new(&database).exists(), "there is no file {database}");
            let audited = match notification::notices(&database) {
                Ok(notices) => notices,
                Err(_) => audit(&database)?,
            };
            writeln!(stdout(), "{audited:#}")?;
        }
        Command::Conformance(options) => return conformance(options),
    }
    Ok(ExitCode::SUCCESS)
}

fn participant(role: Role, options: Participant) -> anyhow::Result<()> {
    let named = |given: Option<String>, name: String| given.unwrap_or(name);
    let place = Place {
        brokers: options.kafka.brokers,
        topic: named(options.topic, role.topic().to_owned()),
        group: named(options.group, role.to_string()),
        properties: options.kafka.properties,
    };
    let database = named(options.database, format!("{role}.db"));
    let store = Store::open(&database, role.as_str())?;
    let rules = Rules { role, script: options.fail };
    let topics = [place.topic.as_str(), REPLY_TOPIC];
    runtime()?.block_on(async {
        let mut stop = std::pin::pin!(stop()?);
        if options.kafka.create_topics {
            tokio::select! { () = &mut stop => return Ok(()), made = create(&place, &topics) => made? }
        }
        shell::run(&place, rules, store, stop).await
    })
}

fn notification(options: Notification) -> anyhow::Result<()> {
    let place = Place {
        brokers: options.kafka.brokers,
        topic: options.topic,
        group: options.group,
        properties: options.kafka.properties,
    };
    let notices = Notices::open(&options.database)?;
    runtime()?.block_on(async {
        let mut stop = std::pin::pin!(stop()?);
        if options.kafka.create_topics {
            let topics = [place.topic.as_str()];
            tokio::select! { () = &mut stop => return Ok(()), made = create(&place, &topics) => made? }
        }
        notification::run(&place, notices, &options.service, stop).await
    })
}

fn conformance(options: Conformance) -> anyhow::Result<ExitCode> {
    let role = options.participant;
    let place = Place {
        brokers: options.kafka.brokers,
        topic: options.topic.unwrap_or_else(|| role.topic().to_owned()),
        group: String::new(),
        properties: options.kafka.properties,
    };
    let run = Run {
        role,
        reply_topic: options.reply_topic,
        timeout: Duration::from_secs(options.timeout),
        restart: options.restart,
        refused: options.refused,
    };
    let report = runtime()?.block_on(async {
        if options.kafka.create_topics {
            create(&place, &[&place.topic, &run.reply_topic]).await?;
        }
        conformance::run(&place, &run).await
    })?;
    write!(stdout(), "{report}")?;
    Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("there is no runtime")
}

/// Ends at a SIGTERM or Ctrl-C.
fn stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}

/// Creates the topics that are missing; waits for the brokers as long as that takes.
async fn create(place: &Place, topics: &[&str]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = place.client(&[]).create()?;
    let topics: Vec<_> =
        topics.iter().map(|name| NewTopic::new(name, -1, TopicReplication::Fixed(-1))).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let results = loop {
        match admin.create_topics(&topics, &options).await {
            Ok(results) => break results,
            Err(error) => tracing::warn!(%error, "the topics cannot be created yet"),
        }
        sleep(PAUSE).await;
    };
    for result in results {
        if let Err((topic, code)) = result
            && code != RDKafkaErrorCode::TopicAlreadyExists
        {
            anyhow::bail!("the topic {topic} cannot be created: {code}");
        }
    }
    Ok(())
}
