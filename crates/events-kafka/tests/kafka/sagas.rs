//! Commands out and replies in, on a real broker: the use cases are those of the product, over the fake of the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use events_kafka::{CreateTopics, KafkaCommands, KafkaReplies, KafkaSettings, SagaTopics};
use order_app::currencies::Currencies;
use order_app::orders::{Orders, Ports};
use order_app::ports::{CommandSender, SagaStore as _, StoreError};
use order_app::saga::{Saga, SagaPolicy, SagaState};
use order_app::sagas::Sagas;
use order_events::saga::{Command, CommandType, Reply, Verdict};
use order_testkit::examples::{a_place_command, a_write_request, an_order_id, anyone, soon};
use order_testkit::{Call, Faults, FixedClock, InMemoryStore, Method, RandomEntropy, produce};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::cutter::Cutter;
use super::rig::{a_topic, broker, read, settings, until};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PARTITIONS: u16 = 3;

/// Instances of the service that share a store, the topics and the group.
pub(crate) struct World {
    memory: Arc<InMemoryStore>,
    pub(crate) topics: SagaTopics,
}

pub(crate) struct Instance {
    /// As this instance sees the store.
    pub(crate) store: Arc<InMemoryStore>,
    orders: Orders,
    pub(crate) replies: Arc<KafkaReplies>,
    watch: JoinHandle<()>,
    receiver: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

fn creating(servers: &str) -> KafkaSettings {
    let create_topics =
        Some(CreateTopics { partitions: Some(PARTITIONS), ..CreateTopics::default() });
    KafkaSettings { create_topics, ..settings(servers, "order.events", &[]) }
}

impl World {
    pub(crate) fn new() -> Self {
        let topic = a_topic();
        let [inventory, payment, replies] =
            ["inventory", "payment", "replies"].map(|name| format!("{topic}.{name}"));
        Self { memory: Arc::default(), topics: SagaTopics { inventory, payment, replies } }
    }

    /// Starts an instance, and waits until its commands arrive.
    pub(crate) async fn instance(&self, servers: &str) -> Instance {
        self.instance_with(servers, |_| {}).await
    }

    /// The same, with faults of its store.
    pub(crate) async fn instance_with(
        &self,
        servers: &str,
        plan: impl FnOnce(&Faults),
    ) -> Instance {
        let clock = Arc::new(FixedClock::default());
        let commands = KafkaCommands::new(&creating(servers), self.topics.clone(), clock.clone());
        let commands = Arc::new(commands.unwrap());
        let store = Arc::new(self.memory.another_instance());
        plan(store.faults());
        let ports = Ports {
            store: store.clone(),
            sagas: store.clone(),
            commands: commands.clone(),
            clock: clock.clone(),
            entropy: Arc::new(RandomEntropy),
        };
        let policy = SagaPolicy { begins: true, ..SagaPolicy::default() };
        let orders = Orders::new(ports, Currencies::default(), policy, Duration::from_secs(2));
        let topic = &self.topics.replies;
        let replies =
            Arc::new(KafkaReplies::new(&creating(servers), topic, topic, clock.clone()).unwrap());
        let watched = commands.clone();
        let watch = tokio::spawn(async move { watched.watch().await });
        let (stop, mut told) = watch::channel(false);
        let (receiving, sagas) = (replies.clone(), Sagas::new(orders.clone()));
        let receiver = tokio::spawn(async move {
            let stopped = async move { drop(told.wait_for(|told| *told).await) };
            receiving.run(&sagas, stopped).await;
        });
        assert!(
            until(|| commands.works_since().is_some(), PATIENCE).await,
            "{:?}; start Kafka with `deploy/stack up kafka`, or name yours in STACK_KAFKA_URL",
            commands.health()
        );
        Instance { store, orders, replies, watch, receiver, stop }
    }

    /// The commands of a kind that were sent, by their orders; the last attempt of each.
    fn sent(&self, kind: CommandType) -> BTreeMap<i64, Command> {
        let topic = match kind {
            CommandType::Reserve | CommandType::Release | CommandType::Commit => {
                &self.topics.inventory
            }
            _ => &self.topics.payment,
        };
        let decode = |seen: super::rig::Seen| {
            let headers = seen.headers.iter().map(|(name, value)| (&**name, value.as_bytes()));
            Command::decode(headers, Some(seen.value.as_bytes())).unwrap()
        };
        let all = read(&broker(), topic).into_iter().map(decode);
        all.filter(|command| command.task.kind() == kind)
            .map(|command| (command.order_id.get(), command))
            .collect()
    }

    /// The commands of a kind, when this many orders have one.
    pub(crate) async fn all_sent(
        &self,
        kind: CommandType,
        orders: usize,
    ) -> BTreeMap<i64, Command> {
        let arrived = until(|| self.sent(kind).len() == orders, PATIENCE).await;
        let sent = self.sent(kind);
        assert!(arrived, "{} of {orders} were sent", sent.len());
        sent
    }

    async fn state(&self, order: i64) -> SagaState {
        let found = self.memory.saga(an_order_id(order), soon()).await.unwrap().unwrap();
        Saga::from_document(&found.saga.document).unwrap().state
    }

    /// Waits until orders are in a state.
    pub(crate) async fn all_are(
        &self,
        state: SagaState,
        orders: impl Iterator<Item = i64> + Clone,
    ) {
        let wait = async {
            let mut often = tokio::time::interval(Duration::from_millis(20));
            for order in orders {
                while self.state(order).await != state {
                    often.tick().await;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "they are {state:?}");
    }

    /// Replies to commands.
    pub(crate) async fn answer(
        &self,
        commands: impl IntoIterator<Item = &Command>,
        verdict: Verdict,
    ) {
        self.answer_in(commands, verdict, |_| None).await;
    }

    /// Replies to commands, each in the partition that is named for it, or else in that of its key.
    pub(crate) async fn answer_in(
        &self,
        commands: impl IntoIterator<Item = &Command>,
        verdict: Verdict,
        partition: impl Fn(&Command) -> Option<i32>,
    ) {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", broker()).create().unwrap();
        for command in commands {
            let message = Reply::to(command, "/participant", verdict).encode().unwrap();
            let none = OwnedHeaders::new();
            let headers = message.headers().fold(none, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
            let record = FutureRecord::to(&self.topics.replies).key(message.key());
            let mut record = record.payload(message.value()).headers(headers);
            record.partition = partition(command);
            producer.send(record, PATIENCE).await.unwrap();
        }
    }

    /// How many replies are committed.
    pub(crate) fn committed(&self) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", broker())
            .set("group.id", &self.topics.replies)
            .create()
            .unwrap();
        let mut all = rdkafka::TopicPartitionList::new();
        for partition in 0..i32::from(PARTITIONS) {
            all.add_partition(&self.topics.replies, partition);
        }
        let committed = consumer.committed_offsets(all, PATIENCE).unwrap();
        let offsets = committed.elements().into_iter().filter_map(|part| part.offset().to_raw());
        offsets.map(|offset| offset.max(0)).sum()
    }
}

impl Instance {
    pub(crate) async fn place(&self, orders: usize) {
        for _ in 0..orders {
            let placed = self.orders.place(anyone(), a_place_command(), a_write_request()).await;
            placed.unwrap();
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.receiver.await.unwrap();
        self.watch.abort();
    }

    /// Ends it in the middle of whatever it does.
    fn kill(self) {
        self.receiver.abort();
        self.watch.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_confirmed_over_the_broker() {
    let world = World::new();
    let instance = world.instance(&broker()).await;
    instance.place(20).await;
    let reserve = world.all_sent(CommandType::Reserve, 20).await;
    assert!(reserve.values().all(|command| command.reply_to == world.topics.replies));
    world.answer(reserve.values(), Verdict::Done).await;
    let authorize = world.all_sent(CommandType::Authorize, 20).await;
    // Again, and again: nothing changes.
    world.answer(reserve.values(), Verdict::Done).await;
    world.answer(authorize.values(), Verdict::Done).await;
    world.answer(authorize.values(), Verdict::Done).await;
    world.all_are(SagaState::Ready, 1..=20).await;
    assert!(until(|| world.committed() == 80, PATIENCE).await, "{}", world.committed());
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_counted_and_passed() {
    let world = World::new();
    let instance = world.instance(&broker()).await;
    instance.place(2).await;
    let reserve = world.all_sent(CommandType::Reserve, 2).await;
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", broker()).create().unwrap();
    for partition in 0..i32::from(PARTITIONS) {
        let record = FutureRecord::<[u8], [u8]>::to(&world.topics.replies);
        let record = record.partition(partition).payload(b"{garbage");
        producer.send(record, PATIENCE).await.unwrap();
        // A header whose name is no text, beside those of a reply.
        let message = Reply::to(&reserve[&1], "/participant", Verdict::Done).encode().unwrap();
        let mut headers = vec![(&b"\xff\xfe"[..], &b"x"[..])];
        headers.extend(message.headers().map(|(name, value)| (name.as_bytes(), value)));
        let (topic, value) = (&world.topics.replies, message.value());
        produce(&broker(), (topic, partition), (message.key().as_bytes(), value), &headers);
    }
    world.all_sent(CommandType::Authorize, 1).await;
    world.answer([&reserve[&2]], Verdict::Done).await;
    world.all_sent(CommandType::Authorize, 2).await;
    assert!(until(|| world.committed() == 7, PATIENCE).await, "{}", world.committed());
    assert_eq!(instance.replies.unreadable(), 3);
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_wait_for_the_database_and_are_taken_then() {
    let world = World::new();
    let instance = world.instance(&broker()).await;
    instance.place(30).await;
    let reserve = world.all_sent(CommandType::Reserve, 30).await;
    let faults = instance.store.faults();
    for method in [Method::Saga, Method::Ping] {
        faults.before(method).fails(|| StoreError::Unavailable("down".into()));
    }
    world.answer(reserve.values(), Verdict::Done).await;
    // So often the database was asked, and did not answer: for longer than offsets take to be committed.
    assert!(until(|| faults.count(Method::Ping) >= 4, PATIENCE).await);
    assert!(instance.replies.works_since().is_err());
    assert_eq!(world.committed(), 0);
    faults.clear();
    world.all_sent(CommandType::Authorize, 30).await;
    assert!(until(|| world.committed() == 30, PATIENCE).await, "{}", world.committed());
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_that_cannot_be_written_holds_up_no_other() {
    let world = World::new();
    let instance = world.instance(&broker()).await;
    instance.place(5).await;
    let reserve = world.all_sent(CommandType::Reserve, 5).await;
    instance.stop().await;
    // The next instance receives all five replies as one batch.
    world.answer(reserve.values(), Verdict::Done).await;
    let servers = broker();
    let instance = world.instance_with(&servers, |faults| {
        let mut commits = 0;
        // The first of the five, and that one again and again.
        let of_one = move |_: &Call| {
            commits += 1;
            commits == 1 || commits > 5
        };
        let locked = || StoreError::Unavailable("locked".into());
        faults.before(Method::Commit).when(of_one).fails(locked);
    });
    let instance = instance.await;
    let authorize = world.all_sent(CommandType::Authorize, 4).await;
    assert!(until(|| world.committed() == 5, PATIENCE).await, "{}", world.committed());
    let locked: Vec<_> = reserve.keys().filter(|order| !authorize.contains_key(order)).collect();
    assert_eq!(locked.len(), 1);
    assert_eq!(world.state(*locked[0]).await, SagaState::Running);
    assert!(instance.replies.works_since().is_ok());
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_replies_and_take_over_from_one_another() {
    let world = World::new();
    let first = world.instance(&broker()).await;
    let second = world.instance(&broker()).await;
    first.place(40).await;
    let reserve = world.all_sent(CommandType::Reserve, 40).await;
    world.answer(reserve.values().take(20), Verdict::Done).await;
    first.kill();
    world.answer(reserve.values().skip(20), Verdict::Done).await;
    let authorize = world.all_sent(CommandType::Authorize, 40).await;
    second.stop().await;
    let third = world.instance(&broker()).await;
    world.answer(authorize.values(), Verdict::Done).await;
    world.all_are(SagaState::Ready, 1..=40).await;
    assert!(until(|| world.committed() == 80, PATIENCE).await, "{}", world.committed());
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_knows_since_when_commands_arrive_without_an_order_to_send_for() {
    let world = World::new();
    world.instance(&broker()).await.stop().await;
    let cutter = Cutter::before(broker().parse().unwrap(), 0).await;
    let settings = settings(&cutter.own.to_string(), "order.events", &[]);
    let clock = Arc::new(FixedClock::default());
    let commands =
        Arc::new(KafkaCommands::new(&settings, world.topics.clone(), clock.clone()).unwrap());
    assert_eq!(commands.works_since(), None);
    let watched = commands.clone();
    let watch = tokio::spawn(async move { watched.watch().await });
    assert!(until(|| commands.works_since().is_some(), PATIENCE).await);
    let before = commands.works_since();
    cutter.set_down(true);
    assert!(until(|| commands.works_since().is_none(), PATIENCE).await);
    clock.advance(chrono::TimeDelta::hours(1));
    cutter.set_down(false);
    assert!(until(|| commands.works_since().is_some(), PATIENCE).await);
    assert!(commands.works_since() > before);
    watch.abort();
}
