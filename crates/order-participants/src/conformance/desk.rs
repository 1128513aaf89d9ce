//! Sends the commands of a conformance run, receives what comes back, and looks at every reply: what
//! it has to copy, and whether it agrees with the replies before it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use order_domain::OrderId;
use order_events::saga::{Command, Phase, Reply, Task, Verdict};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::report::{Report, Rule};
use super::{Run, random_id};
use crate::shell::{Place, headers, to_headers};

/// How long the brokers may take to say where the topic for replies ends.
const METADATA: Duration = Duration::from_secs(15);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// After this a command without an outcome is sent again.
const RESEND: Duration = Duration::from_secs(2);
/// How long the run listens for late replies at its end.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// The orders of a run are the next ones from a random one of these on.
const FIRST_ORDER: i64 = 9_000_000_000_000_000;
const ORDERS: u128 = 7_000_000_000_000;

/// What is known of a command.
struct Sent {
    command: Command,
    attempts: u32,
    /// The first reply that is an outcome.
    outcome: Option<Reply>,
    /// The verdicts of all replies that are outcomes.
    verdicts: Vec<Verdict>,
    is_answered: bool,
}

pub(super) struct Desk {
    pub(super) report: Report,
    producer: FutureProducer,
    consumer: StreamConsumer,
    topic: String,
    reply_topic: String,
    timeout: Duration,
    order: i64,
    sent: BTreeMap<Uuid, Sent>,
    /// In the order in which they were first sent.
    history: Vec<Uuid>,
    commands: u64,
    replies: u64,
}

impl Desk {
    /// Reads the topic for replies from its present end on.
    pub(super) async fn open(place: &Place, run: &Run) -> anyhow::Result<Self> {
        // It assigns partitions to itself, so no group is joined, and runs do not disturb each other.
        let settings =
            [("group.id", "order-participants-conformance"), ("enable.auto.commit", "false")];
        let consumer: StreamConsumer = place
            .client(&settings)
            .create()
            .context("the settings of the Kafka client are wrong")?;
        let topic = &run.reply_topic;
        let deadline = later(METADATA);
        let ends = loop {
            match ends(&consumer, topic) {
                Ok(ends) => break ends,
                // A topic that has just been made is known by and by.
                Err(_) if Instant::now() < deadline => sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        };
        consumer.assign(&ends)?;
        let random = i64::try_from(random_id().as_u128() % ORDERS)?;
        let title = format!("{} on {}, replies on {topic}", run.role, place.topic);
        Ok(Self {
            report: Report::new(title),
            producer: place.producer()?,
            consumer,
            topic: place.topic.clone(),
            reply_topic: topic.clone(),
            timeout: run.timeout,
            order: FIRST_ORDER.saturating_add(random),
            sent: BTreeMap::new(),
            history: Vec::new(),
            commands: 0,
            replies: 0,
        })
    }

    pub(super) const fn replies(&self) -> u64 {
        self.replies
    }

    pub(super) fn new_order(&mut self) -> anyhow::Result<OrderId> {
        self.order = self.order.saturating_add(1);
        Ok(OrderId::new(self.order)?)
    }

    /// A command that is not sent yet.
    pub(super) fn command(&mut self, order: OrderId, task: Task) -> Command {
        let (cause, correlation) =
            (random_id().to_string(), format!("conformance {}", random_id()));
        let topic = self.reply_topic.as_str();
        let mut command = Command::new(random_id(), order, task, cause, correlation, topic);
        let (trace, span) = (random_id().simple().to_string(), random_id().simple().to_string());
        let span = span.get(..16).unwrap_or_default();
        command.traceparent = Some(format!("00-{trace}-{span}-01"));
        command
    }

    /// What the participant called its work.
    pub(super) fn reference(&self, command: Uuid) -> Option<String> {
        self.sent.get(&command)?.outcome.as_ref()?.reference.clone()
    }

    /// The commands that have an outcome, in the order in which they were sent.
    pub(super) fn decided(&self) -> Vec<Command> {
        let sent = self.history.iter().filter_map(|id| self.sent.get(id));
        let decided = sent.filter(|sent| sent.outcome.is_some());
        decided.map(|sent| sent.command.clone()).collect()
    }

    /// The outcome of one command; see [`outcomes`](Self::outcomes).
    pub(super) async fn outcome(&mut self, command: &Command) -> anyhow::Result<Option<Verdict>> {
        let outcomes = self.outcomes(std::slice::from_ref(command)).await?;
        Ok(outcomes.into_iter().next().flatten())
    }

    /// Sends commands, and those without an outcome again and again, until each has one by a reply that
    /// has come since the call, or the time is up.
    pub(super) async fn outcomes(
        &mut self,
        commands: &[Command],
    ) -> anyhow::Result<Vec<Option<Verdict>>> {
        let before: Vec<_> = commands.iter().map(|command| self.verdicts(command).len()).collect();
        let since = |desk: &Self, command, before: &usize| {
            desk.verdicts(command).get(*before..).unwrap_or_default().first().copied()
        };
        let open = |desk: &Self| -> Vec<Command> {
            let all = commands.iter().zip(&before);
            let open = all.filter(|(command, before)| since(desk, command, before).is_none());
            open.map(|(command, _)| command.clone()).collect()
        };
        let deadline = later(self.timeout);
        loop {
            let unsettled = open(self);
            if unsettled.is_empty() || Instant::now() >= deadline {
                break;
            }
            self.send_all(&unsettled).await?;
            let resend = later(RESEND).min(deadline);
            while !open(self).is_empty() && self.receive(resend).await {}
        }
        let all = commands.iter().zip(&before);
        Ok(all.map(|(command, before)| since(self, command, before)).collect())
    }

    /// The last outcome of a command.
    pub(super) fn verdict(&self, command: &Command) -> Option<Verdict> {
        self.verdicts(command).last().copied()
    }

    fn verdicts(&self, command: &Command) -> &[Verdict] {
        self.sent.get(&command.id).map_or(&[], |sent| &sent.verdicts)
    }

    /// Sends commands, once, and waits for nothing.
    pub(super) async fn send_all(&mut self, commands: &[Command]) -> anyhow::Result<()> {
        for command in commands {
            self.send(command).await?;
        }
        Ok(())
    }

    /// How many of these commands have no reply when the time is up. They are not sent again.
    pub(super) async fn unanswered(&mut self, commands: &[Command]) -> usize {
        let deadline = later(self.timeout);
        loop {
            let answered = |id| self.sent.get(&id).is_some_and(|sent| sent.is_answered);
            let missing = commands.iter().filter(|command| !answered(command.id)).count();
            if missing == 0 || !self.receive(deadline).await {
                return missing;
            }
        }
    }

    /// Sends what is no command, to the partition of this one.
    pub(super) async fn send_unreadable(&mut self, like: &Command) -> anyhow::Result<()> {
        let message = like.encode()?;
        let other = Header { key: "ce_type", value: Some("inventory.paint") };
        for (headers, value) in [
            (to_headers(&message), b"{garbage".to_vec()),
            (to_headers(&message), Vec::new()),
            (OwnedHeaders::new(), message.value().to_vec()),
            (to_headers(&message).insert(other), message.value().to_vec()),
            (OwnedHeaders::new(), vec![0xff; 10_000]),
        ] {
            let key = message.key().to_owned();
            let record = FutureRecord::to(&self.topic).key(&key).payload(&value).headers(headers);
            self.producer.send(record, self.timeout).await.map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    /// Listens for a moment more, and closes the report.
    pub(super) async fn finish(mut self) -> Report {
        let end = later(LAST_LOOK);
        while self.receive(end).await {}
        let (commands, replies) = (self.commands, self.replies);
        self.report.title =
            format!("{}: {commands} commands, {replies} replies", self.report.title);
        self.report
    }

    async fn send(&mut self, command: &Command) -> anyhow::Result<()> {
        let sent = self.sent.entry(command.id).or_insert_with(|| {
            self.history.push(command.id);
            let command = command.clone();
            Sent { command, attempts: 0, outcome: None, verdicts: Vec::new(), is_answered: false }
        });
        sent.attempts = sent.attempts.saturating_add(1);
        self.commands = self.commands.saturating_add(1);
        let mut command = command.clone();
        command.attempt = sent.attempts;
        let message = command.encode()?;
        let record = FutureRecord::to(&self.topic)
            .key(message.key())
            .payload(message.value())
            .headers(to_headers(&message));
        self.producer.send(record, self.timeout).await.map_err(|(error, _)| error)?;
        Ok(())
    }

    /// Whether a header names a command of this run as the cause.
    fn is_mine(&self, name: &str, value: &[u8]) -> bool {
        let id = || Uuid::try_parse_ascii(value).ok();
        name == "ce_causationid" && id().is_some_and(|id| self.sent.contains_key(&id))
    }

    /// Looks at the next reply to a command of this run; false when the time is up.
    async fn receive(&mut self, until: Instant) -> bool {
        loop {
            let message = match timeout_at(until, self.consumer.recv()).await {
                Err(_) => return false,
                Ok(Ok(message)) => message,
                // A broker that is away for a moment; the client connects again.
                Ok(Err(_)) => {
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let own = self.sent.values().any(|sent| is_of(&message, sent.command.order_id))
                || headers(&message).any(|(name, value)| self.is_mine(name, value));
            self.replies = self.replies.saturating_add(u64::from(own));
            match Reply::decode(headers(&message), message.payload()) {
                Ok(reply) if self.sent.contains_key(&reply.command_id) => {
                    let found = look_at(&message, &reply, self.sent.get_mut(&reply.command_id));
                    self.report.looked_at(Rule::Copies);
                    for (rule, what) in found {
                        self.report.broken(rule, what);
                    }
                    return true;
                }
                Ok(_) if own => {
                    let what = "ce_causationid is not the id of a command that was sent";
                    self.report.broken(Rule::Copies, what.to_owned());
                }
                Err(error) if own => {
                    self.report.broken(Rule::Copies, format!("a reply cannot be read: {error}"));
                }
                // Of other orders: not of this run.
                _ => {}
            }
        }
    }
}

/// The present ends of a topic's partitions.
fn ends(consumer: &StreamConsumer, topic: &str) -> anyhow::Result<TopicPartitionList> {
    let found = consumer.fetch_metadata(Some(topic), METADATA).context("no broker answers")?;
    let partitions = found.topics().iter().flat_map(MetadataTopic::partitions);
    let mut ends = TopicPartitionList::new();
    for partition in partitions.map(MetadataPartition::id) {
        let (_, end) = consumer
            .fetch_watermarks(topic, partition, METADATA)
            .with_context(|| format!("the end of {topic} is not known"))?;
        ends.add_partition_offset(topic, partition, Offset::Offset(end))?;
    }
    anyhow::ensure!(ends.count() > 0, "there is no topic {topic}; see --create-topics");
    Ok(ends)
}

fn later(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

fn is_of(message: &BorrowedMessage<'_>, order: OrderId) -> bool {
    message.key() == Some(order.to_string().as_bytes())
}

/// What is wrong with a reply, each with its rule.
fn look_at(
    message: &BorrowedMessage<'_>,
    reply: &Reply,
    sent: Option<&mut Sent>,
) -> Vec<(Rule, String)> {
    let Some(sent) = sent else { return Vec::new() };
    let mut found = Vec::new();
    let command = &sent.command;
    let kind = command.task.kind();
    let partition_key = headers(message).any(|(name, _)| name == "ce_partitionkey");
    for (is_right, what) in [
        (is_of(message, command.order_id), "the key of the message is not the order id"),
        (partition_key, "ce_partitionkey is missing"),
        (reply.order_id == command.order_id, "the order id is another one"),
        (reply.to == kind, "the type is not that of the command with the verdict behind it"),
        (reply.correlation_id == command.correlation_id, "ce_correlationid is not copied"),
        (reply.traceparent == command.traceparent, "traceparent is not copied"),
        (reply.attempt.is_none_or(|attempt| attempt <= sent.attempts), "ce_attempt is not copied"),
    ] {
        if !is_right {
            found.push((Rule::Copies, format!("{kind}: {what}")));
        }
    }
    sent.is_answered = true;
    if reply.verdict == Verdict::Failed {
        return found;
    }
    if kind.phase() == Phase::Undo && reply.verdict == Verdict::Rejected {
        found.push((Rule::Undos, format!("{kind} was rejected")));
    }
    sent.verdicts.push(reply.verdict);
    match &sent.outcome {
        None => sent.outcome = Some(reply.clone()),
        Some(first) => {
            for (is_same, what) in [
                (first.verdict == reply.verdict, "verdict"),
                (first.reason == reply.reason, "reason"),
                (first.reference == reply.reference, "reference"),
            ] {
                if !is_same {
                    found.push((Rule::SameReply, format!("{kind} got another {what} than before")));
                }
            }
        }
    }
    found
}
