//! A subscriber to copy: it reads events from Kafka, keeps the present state of each order in a
//! SQLite file, prints what changed, asks the service for events that it has missed, and commits an
//! offset only when its event is in the database. It may be stopped, killed and started again:
//! nothing is lost, and nothing is applied twice.
//!
//! ```sh
//! cargo run -p order-events --example subscriber
//! ```

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "it prints what it sees")]

mod history;
mod state;

use std::time::Duration;

use clap::Parser;
use order_events::{Done, Event, Inbox, Outcome, decode};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use tokio::time::sleep;

use crate::history::OverHttp;
use crate::state::Orders;

/// Between two attempts, when the broker, the service or the database does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the events of the order service.
#[derive(Debug, Parser)]
struct Options {
    /// The brokers.
    #[arg(long, default_value = "127.0.0.1:9192")]
    brokers: String,
    /// The topic: the service's order.events.topic.
    #[arg(long, default_value = "order.events")]
    topic: String,
    /// The consumer group; its members share the partitions and the offsets.
    #[arg(long, default_value = "example-subscriber")]
    group: String,
    /// The service, which is asked for events that were missed.
    #[arg(long, default_value = "http://127.0.0.1:8082")]
    service: String,
    /// The SQLite file for the state.
    #[arg(long, default_value = "subscriber.db")]
    database: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let consumer = consumer(&options)?;
    let inbox = Inbox::new(Orders::open(&options.database)?, OverHttp::new(&options.service)?);
    println!("following {} on {}; Ctrl-C stops", options.topic, options.brokers);
    tokio::select! {
        result = follow(&consumer, inbox) => result?,
        // Stopping is safe at any moment: what is not committed comes again.
        stop = tokio::signal::ctrl_c() => stop?,
    }
    // Dropping the consumer commits what has been stored, and leaves the group.
    println!("stopped");
    Ok(())
}

fn consumer(options: &Options) -> anyhow::Result<StreamConsumer> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set("group.id", &options.group)
        // A new group begins at the beginning, to have the orders of before.
        .set("auto.offset.reset", "earliest")
        // Offsets are committed in the background, but only those that are stored here; by default
        // they are stored before the message has been dealt with.
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        // A killed member is replaced after 6 s instead of 45.
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "2000")
        // The topic may appear later.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .create()?;
    consumer.subscribe(&[&options.topic])?;
    Ok(consumer)
}

async fn follow(
    consumer: &StreamConsumer,
    mut inbox: Inbox<Orders, OverHttp>,
) -> anyhow::Result<()> {
    loop {
        match consumer.recv().await {
            Ok(message) => {
                let done = deal_with(&mut inbox, &message).await?;
                consumer.store_offset_from_message(done.position())?;
            }
            // The broker is down, or the topic does not exist yet: the client tries again.
            Err(error) => {
                eprintln!("{error}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Tries until the message is finished: going on without it would lose it.
async fn deal_with<'m>(
    inbox: &mut Inbox<Orders, OverHttp>,
    message: &'m BorrowedMessage<'m>,
) -> anyhow::Result<Done<&'m BorrowedMessage<'m>>> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
    let event = match decode(headers, message.payload()) {
        Ok(event) => event,
        Err(error) => {
            // Kept for a person to look at; the other messages do not wait for that.
            eprintln!("offset {}: {error}; set aside", message.offset());
            inbox.store().set_aside(message, &error)?;
            return Ok(Done::set_aside(message));
        }
    };
    loop {
        match inbox.receive(&event, message).await {
            Ok(done) => {
                tell(&event, done.outcome());
                return Ok(done);
            }
            Err(error) => {
                eprintln!(
                    "order {}: {:#}; trying again",
                    event.order.id,
                    anyhow::Error::new(error)
                );
                sleep(PAUSE).await;
            }
        }
    }
}

/// Prints the result of a message; `state.rs` prints the changes themselves.
fn tell(event: &Event, outcome: Outcome) {
    let (order, version) = (event.order.id, event.order.version);
    match outcome {
        Outcome::Stale => println!("order {order}: version {version} once more; dropped"),
        Outcome::Applied { filled, .. } if filled > 0 => {
            println!("order {order}: {filled} missed events were fetched from the service");
        }
        _ => {}
    }
}
