//! What metrics say of GraphQL: how many operations there were and how they have ended, what they cost, how long they took. The
//! names of operations come from clients, so they are no labels. Each handle is looked up once, because a look-up costs more
//! than what is counted. Documents that are refused before they are known to be operations are counted by their limit alone
//! (`errors.rs`).

use std::sync::LazyLock;
use std::time::Instant;

use async_graphql::Response;
use async_graphql::parser::types::OperationType;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use metrics::{Counter, Histogram};

use super::answers::{Outcome, outcome};

static QUERIES: LazyLock<Operations> = LazyLock::new(|| Operations::timed("query"));
static MUTATIONS: LazyLock<Operations> = LazyLock::new(|| Operations::timed("mutation"));
static SUBSCRIPTIONS: LazyLock<Operations> = LazyLock::new(|| Operations::new("subscription"));
static COST: LazyLock<Histogram> = LazyLock::new(|| metrics::histogram!("order_graphql_cost"));

/// The handles of one kind of operations.
struct Operations {
    success: Counter,
    errors: Counter,
    refused: Counter,
    seconds: Histogram,
}

impl Operations {
    fn new(operation: &'static str) -> Self {
        let ended = |outcome: &'static str| metrics::counter!("order_graphql_requests_total", "operation" => operation, "outcome" => outcome);
        let (success, errors, refused) = (ended("success"), ended("errors"), ended("refused"));
        Self { success, errors, refused, seconds: Histogram::noop() }
    }

    fn timed(operation: &'static str) -> Self {
        let seconds = metrics::histogram!("order_graphql_seconds", "operation" => operation);
        Self { seconds, ..Self::new(operation) }
    }

    fn of(kind: OperationType) -> &'static Self {
        match kind {
            OperationType::Query => &QUERIES,
            OperationType::Mutation => &MUTATIONS,
            OperationType::Subscription => &SUBSCRIPTIONS,
        }
    }
}

/// Counts an operation that has ended.
fn ended(kind: OperationType, outcome: Outcome) {
    let operations = Operations::of(kind);
    let counter = match outcome {
        Outcome::Success => &operations.success,
        Outcome::Errors => &operations.errors,
        Outcome::Refused => &operations.refused,
    };
    counter.increment(1);
}

/// Notes what an operation costs that is about to be executed, by the guard's measure.
pub(super) fn cost(cost: usize) {
    COST.record(u32::try_from(cost).unwrap_or(u32::MAX));
}

/// Counts an operation that is executed at once, and how long that takes. A stream lasts as long as its client wants, so it is
/// not measured.
pub(super) async fn of_execution(
    kind: OperationType,
    executing: impl Future<Output = Response>,
) -> Response {
    let started = Instant::now();
    let response = executing.await;
    Operations::of(kind).seconds.record(started.elapsed());
    ended(kind, outcome(&response));
    response
}

/// The same answers; the operation is counted once, when their stream is dropped.
pub(super) fn of_stream(
    kind: OperationType,
    answers: BoxStream<'static, Response>,
) -> BoxStream<'static, Response> {
    let mut worst = Worst { kind, outcome: Outcome::Success };
    answers.inspect(move |answer| worst.note(outcome(answer))).boxed()
}

/// The worst outcome of the answers of one operation so far.
struct Worst {
    kind: OperationType,
    outcome: Outcome,
}

impl Worst {
    /// A method, so that a closure takes the whole: of its fields alone, it would take copies.
    fn note(&mut self, outcome: Outcome) {
        self.outcome = self.outcome.max(outcome);
    }
}

impl Drop for Worst {
    fn drop(&mut self) {
        ended(self.kind, self.outcome);
    }
}
