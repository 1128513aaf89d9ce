//! The outcomes of the messages of one call: librdkafka's reports fill them in, and the call waits
//! for the last one.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;
use tracing::Span;

use crate::refusal::DeliveryError;

/// The outcome of one message.
pub(crate) type Outcome = Result<(), DeliveryError>;

type Outcomes = Arc<[Mutex<Option<Outcome>>]>;

/// The outcomes of one call, in the order of its events.
#[derive(Debug)]
pub(crate) struct Batch {
    outcomes: Outcomes,
    /// Ends with an error when the last ticket is gone: nothing is ever sent.
    open: oneshot::Receiver<()>,
}

/// The right and the duty to report the outcome of one message.
#[derive(Debug)]
pub(crate) struct Ticket {
    outcomes: Outcomes,
    index: usize,
    /// The span of the trace that lasts until the outcome is known.
    span: Span,
    _open: Arc<oneshot::Sender<()>>,
}

impl Batch {
    /// A batch of `size` messages, and a ticket for each.
    pub(crate) fn new(size: usize) -> (Self, impl Iterator<Item = Ticket>) {
        let outcomes: Outcomes = std::iter::repeat_with(Mutex::default).take(size).collect();
        let (sender, open) = oneshot::channel();
        let batch = Self { outcomes: Arc::clone(&outcomes), open };
        let sender = Arc::new(sender);
        let tickets = (0..size).map(move |index| Ticket {
            outcomes: Arc::clone(&outcomes),
            index,
            span: Span::none(),
            _open: Arc::clone(&sender),
        });
        (batch, tickets)
    }

    /// Waits until every ticket is used, or dropped.
    pub(crate) async fn complete(&mut self) {
        let _ = (&mut self.open).await;
    }

    /// The outcomes so far; a message without one counts as not reported.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        let take = |outcome: &Mutex<Option<Outcome>>| {
            let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
            outcome.unwrap_or(Err(DeliveryError::NotReported))
        };
        self.outcomes.iter().map(take).collect()
    }
}

impl Ticket {
    /// The same, with the span of a trace.
    pub(crate) fn with(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The broker has confirmed the message, or refused it with this code.
    pub(crate) fn report(self, code: Option<RDKafkaErrorCode>) {
        self.settle(code.map_or(Ok(()), |code| Err(DeliveryError::Reported(code))));
    }

    /// Records the outcome of the message.
    pub(crate) fn settle(self, outcome: Outcome) {
        if outcome.is_err() {
            self.span.record("otel.status_code", "ERROR");
        }
        if let Some(own) = self.outcomes.get(self.index) {
            *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_batch_is_complete_with_its_last_report_in_any_order() {
        let (mut batch, tickets) = Batch::new(3);
        let mut tickets: Vec<_> = tickets.collect();
        tickets.pop().unwrap().report(None);
        tickets.remove(0).report(Some(RDKafkaErrorCode::MessageTimedOut));
        assert!(batch.open.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        tickets.pop().unwrap().report(None);
        batch.complete().await;
        let timed_out = DeliveryError::Reported(RDKafkaErrorCode::MessageTimedOut);
        assert_eq!(batch.into_outcomes(), [Err(timed_out), Ok(()), Ok(())]);
    }

    #[test]
    fn a_message_without_a_report_is_an_error_and_a_late_report_does_no_harm() {
        let (batch, mut tickets) = Batch::new(2);
        let (first, second) = (tickets.next().unwrap(), tickets.next().unwrap());
        first.report(None);
        assert_eq!(batch.into_outcomes(), [Ok(()), Err(DeliveryError::NotReported)]);
        second.report(None);
    }
}
