//! What came of the messages of one call: filled in by librdkafka's reports, awaited by the call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;
use tracing::Span;

use crate::refusal::DeliveryError;

/// What came of one message.
pub(crate) type Outcome = Result<(), DeliveryError>;

/// The outcomes of one call, in the order of its events.
#[derive(Debug)]
pub(crate) struct Batch {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    outcomes: Vec<Option<Outcome>>,
    open: usize,
    complete: Option<oneshot::Sender<()>>,
}

/// The right and the duty to say what came of one message.
#[derive(Debug)]
pub(crate) struct Ticket {
    batch: Arc<Batch>,
    index: usize,
    /// The step of the trace that ends with it.
    step: Span,
}

impl Batch {
    /// A batch of so many messages, a ticket for each, and what tells that all are answered for.
    pub(crate) fn new(
        size: usize,
    ) -> (Arc<Self>, impl Iterator<Item = Ticket>, oneshot::Receiver<()>) {
        let (complete, completed) = oneshot::channel();
        let outcomes = std::iter::repeat_with(|| None).take(size).collect();
        let state = Mutex::new(State { outcomes, open: size, complete: Some(complete) });
        let batch = Arc::new(Self { state });
        let of = Arc::clone(&batch);
        let tickets = (0..size).map(move |index| Ticket {
            batch: Arc::clone(&of),
            index,
            step: Span::none(),
        });
        (batch, tickets, completed)
    }

    /// Takes the outcomes; what has none yet is counted as not reported.
    pub(crate) fn take(&self) -> Vec<Outcome> {
        let outcomes = std::mem::take(&mut self.lock().outcomes);
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or(Err(DeliveryError::NotReported)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// With a step of a trace, which lasts as long as the message is under way.
    pub(crate) fn with(self, step: Span) -> Self {
        Self { step, ..self }
    }

    /// The message was confirmed by the broker, or refused with this code.
    pub(crate) fn report(self, code: Option<RDKafkaErrorCode>) {
        self.settle(code.map_or(Ok(()), |code| Err(DeliveryError::Reported(code))));
    }

    /// Says what came of the message.
    pub(crate) fn settle(self, outcome: Outcome) {
        if outcome.is_err() {
            self.step.record("otel.status_code", "ERROR");
        }
        let mut state = self.batch.lock();
        if let Some(place) = state.outcomes.get_mut(self.index) {
            *place = Some(outcome);
        }
        state.open = state.open.saturating_sub(1);
        if state.open == 0
            && let Some(complete) = state.complete.take()
        {
            // Nobody listens when the call was dropped.
            let _ = complete.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_complete_with_its_last_report_in_whatever_order_they_come() {
        let (batch, tickets, mut completed) = Batch::new(3);
        let mut tickets: Vec<_> = tickets.collect();
        tickets.pop().unwrap().report(None);
        tickets.remove(0).report(Some(RDKafkaErrorCode::MessageTimedOut));
        assert!(completed.try_recv().is_err());
        tickets.pop().unwrap().report(None);
        assert!(completed.try_recv().is_ok());
        let outcomes = batch.take();
        let timed_out = DeliveryError::Reported(RDKafkaErrorCode::MessageTimedOut);
        assert_eq!(outcomes, [Err(timed_out), Ok(()), Ok(())]);
    }

    #[test]
    fn what_was_never_reported_is_an_error_and_a_late_report_does_no_harm() {
        let (batch, mut tickets, _completed) = Batch::new(2);
        let (first, second) = (tickets.next().unwrap(), tickets.next().unwrap());
        first.report(None);
        assert_eq!(batch.take(), [Ok(()), Err(DeliveryError::NotReported)]);
        second.report(None);
    }
}
