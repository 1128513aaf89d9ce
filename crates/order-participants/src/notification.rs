//! Notification: no step of the saga, but a subscriber to the events of orders, on the kit of
//! `order-events`. It tells the customer when an order is confirmed, cancelled (with the reason) or
//! delivered: here by a row in its file and a line in its log.

mod history;
mod notices;

use std::time::Duration;

use order_events::{Done, Inbox, decode};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Message as _};
use tokio::time::sleep;

use crate::shell::{Place, bear, headers};
use history::OverHttp;

pub use notices::{Notices, notices};

/// Between two attempts, when the broker, the service or the file does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the events until `stop` ends. `service` is the address of the order service, which is asked
/// for events that were missed.
///
/// # Errors
/// When the settings of a client are wrong, or the consumer cannot go on.
pub async fn run(
    place: &Place,
    notices: Notices,
    service: &str,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let consumer = place.consumer()?;
    let mut inbox = Inbox::new(notices, OverHttp::new(service)?);
    place.log_ready("notification");
    let mut stop = std::pin::pin!(stop);
    loop {
        let message = tokio::select! {
            biased;
            () = &mut stop => break,
            message = consumer.recv() => message,
        };
        match message {
            Ok(message) => tokio::select! {
                () = &mut stop => break,
                done = deal_with(&mut inbox, &message) => keep(&consumer, done),
            },
            Err(error) => {
                bear(&consumer, &error)?;
                tokio::select! { () = &mut stop => break, () = sleep(PAUSE) => {} }
            }
        }
    }
    tracing::info!("stopped");
    Ok(())
}

fn keep(consumer: &StreamConsumer, done: Done<&BorrowedMessage<'_>>) {
    let message = done.position();
    if let Err(error) = consumer.store_offset_from_message(message) {
        // The partition is another member's by now, which gets the event again.
        tracing::debug!(%error, partition = message.partition(), "an offset is not kept");
    }
}

/// Tries until the message is finished: going on without it would lose it.
async fn deal_with<'m>(
    inbox: &mut Inbox<Notices, OverHttp>,
    message: &'m BorrowedMessage<'m>,
) -> Done<&'m BorrowedMessage<'m>> {
    let (partition, offset) = (message.partition(), message.offset());
    let event = match decode(headers(message), message.payload()) {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(partition, offset, %error, "an event cannot be read; passed");
            return Done::set_aside(message);
        }
    };
    loop {
        match inbox.receive(&event, message).await {
            Ok(done) => return done,
            Err(error) => {
                let order = event.order.id;
                let error = anyhow::Error::new(error);
                tracing::warn!(%order, error = format!("{error:#}"), "trying again");
                sleep(PAUSE).await;
            }
        }
    }
}
