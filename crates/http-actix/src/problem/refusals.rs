//! The problem that each error of the use cases becomes.

use order_app::caller::{Authority, Forbidden};
use order_app::currencies::CurrencyNotEnabled;
use order_app::feed::{Gone, SubscribeError};
use order_app::operations::{RedriveError, SkipError, StartError};
use order_app::orders::{
    ChangeError, FindError, LinesRefused, ListError, PlaceError, WriteFailure,
};
use order_app::ports::StoreError;
use order_app::sagas::{FindSagaError, InterveneError};
use order_domain::{
    InvalidTransition, LinesError, OrderLines, OrderStatus, ReplaceLinesError, TotalMismatch,
};
use serde_json::Value;

use super::mismatch::contradicted;
use super::{Code, FieldError, Problem};
use crate::management::RefreshRefused;

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Forbidden(error) => error.into(),
            PlaceError::CurrencyNotEnabled(error) => error.into(),
            PlaceError::Lines(error) => error.into(),
            PlaceError::TotalMismatch(error) => error.into(),
            PlaceError::DuplicateClientReference { existing } => Self::new(
                Code::DuplicateClientReference,
                format!("Order {existing} of this customer has this client reference."),
            )
            .member("existingOrderId", existing.get()),
            PlaceError::Write(failure) => failure.into(),
        }
    }
}

impl<R> From<ChangeError<R>> for Problem
where
    R: std::error::Error + Into<Problem> + 'static,
{
    fn from(error: ChangeError<R>) -> Self {
        match error {
            ChangeError::Forbidden(error) => error.into(),
            ChangeError::NotFound => order_not_found(),
            ChangeError::VersionMismatch { current } => {
                Self::new(Code::VersionMismatch, format!("The order has version {current} now."))
                    .member("currentVersion", current.get())
            }
            ChangeError::Contradicted { claims, order } => contradicted(&claims, &order),
            ChangeError::ConcurrentUpdate => Self::new(
                Code::ConcurrentUpdate,
                "Other changes came first. Nothing was changed by this request; try again.",
            ),
            ChangeError::SagaInProgress => Self::new(
                Code::SagaInProgress,
                "Stock and payment of the order are being arranged. It is confirmed when both are there; to change its \
                 lines, cancel it and place it anew.",
            ),
            ChangeError::Refused(refused) => refused.into(),
            ChangeError::Write(failure) => failure.into(),
        }
    }
}

impl From<InvalidTransition> for Problem {
    fn from(error: InvalidTransition) -> Self {
        let InvalidTransition { current, requested } = error;
        let detail = format!("An order that is {current} cannot become {requested}.");
        invalid_transition(current, detail).member("requestedStatus", requested.as_str())
    }
}

impl From<LinesRefused> for Problem {
    fn from(error: LinesRefused) -> Self {
        match error {
            LinesRefused::Lines(error) => error.into(),
            LinesRefused::Order(ReplaceLinesError::TotalMismatch(error)) => error.into(),
            LinesRefused::Order(ReplaceLinesError::NotPending { current }) => {
                let detail = format!(
                    "The lines of an order can change only while it is PENDING, not {current}."
                );
                // The request names no status; PENDING is the one that it needs.
                invalid_transition(current, detail)
                    .member("requestedStatus", OrderStatus::Pending.as_str())
            }
        }
    }
}

impl From<LinesError> for Problem {
    fn from(error: LinesError) -> Self {
        match &error {
            LinesError::Count { .. } => {
                let message = format!("must have 1 to {} entries", OrderLines::MAX);
                let error = FieldError::pointer("/items", "out_of_range", message);
                Self::new(Code::ValidationFailed, "A field is wrong.").errors(vec![error])
            }
            LinesError::TooManyDecimals { positions, currency } => {
                let most = currency.decimals();
                let message = format!("must have at most {most} decimals in {currency}");
                let errors = at_each(positions, "unitPrice", "too_many_decimals", &message);
                Self::new(Code::ValidationFailed, "Fields are wrong.").errors(errors)
            }
            LinesError::DuplicateProduct { positions } => {
                let message = "an earlier line has this product";
                let errors = at_each(positions, "productId", "duplicate_product", message);
                let detail = "Each product may stand in one line only.";
                Self::new(Code::DuplicateProduct, detail).errors(errors)
            }
            LinesError::TotalTooLarge => amount_overflow(),
        }
    }
}

impl From<TotalMismatch> for Problem {
    fn from(error: TotalMismatch) -> Self {
        let expected = error.expected.display(error.currency);
        let message = format!("must be {expected}");
        let field = FieldError::pointer("/totalAmount", "total_mismatch", message);
        Self::new(
            Code::TotalMismatch,
            format!("The total of the lines is {expected} {}.", error.currency),
        )
        .errors(vec![field])
        .amount("expectedTotalAmount", expected)
    }
}

impl From<CurrencyNotEnabled> for Problem {
    fn from(error: CurrencyNotEnabled) -> Self {
        let message = format!("must be one of {}", error.enabled.join(", "));
        let field = FieldError::pointer("/currency", "currency_not_enabled", message);
        let detail = format!("Orders in {} are not accepted here.", error.requested);
        Self::new(Code::CurrencyNotEnabled, detail)
            .errors(vec![field])
            .member("enabledCurrencies", error.enabled)
    }
}

impl From<Forbidden> for Problem {
    fn from(Forbidden(authority): Forbidden) -> Self {
        let detail = match authority {
            Authority::Any => "The caller may not do this with orders of this customer.",
            _ => "The caller may not do this.",
        };
        Self::new(Code::Forbidden, detail).lacking(authority)
    }
}

impl From<FindSagaError> for Problem {
    fn from(error: FindSagaError) -> Self {
        match error {
            FindSagaError::Forbidden(error) => error.into(),
            FindSagaError::OrderNotFound => order_not_found(),
            FindSagaError::NotFound => saga_not_found(),
            FindSagaError::Unreadable => saga_unreadable(&error),
            FindSagaError::Store(error) => error.into(),
        }
    }
}

impl From<InterveneError> for Problem {
    fn from(error: InterveneError) -> Self {
        match error {
            InterveneError::OrderNotFound => order_not_found(),
            InterveneError::NotFound => saga_not_found(),
            InterveneError::Unreadable => saga_unreadable(&error),
            InterveneError::RevisionMismatch { current } => {
                let detail = format!(
                    "The saga has revision {current} now. Nothing was changed; look at it again."
                );
                Self::new(Code::RevisionMismatch, detail).member("currentRevision", current)
            }
            InterveneError::NotNow(reason) => {
                Self::new(Code::SagaNotPossible, format!("Nothing was changed: {reason}."))
            }
            InterveneError::Store(error @ StoreError::OutcomeUnknown(_)) => {
                let detail = "The action may or may not have had its effect. Look at the saga: its interventions tell.";
                Self::new(Code::OutcomeUnknown, detail).caused_by(&error)
            }
            InterveneError::Store(error) => error.into(),
        }
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Forbidden(error) => error.into(),
            ListError::Store(error) => error.into(),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Forbidden(error) => error.into(),
            FindError::NotFound => order_not_found(),
            FindError::Store(error) => error.into(),
        }
    }
}

impl From<RedriveError> for Problem {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::NotParked(_) => order_not_parked(),
            RedriveError::Store(error) => error.into(),
        }
    }
}

impl From<SkipError> for Problem {
    fn from(error: SkipError) -> Self {
        match error {
            SkipError::NotParked(_) => order_not_parked(),
            SkipError::NotFirst { first, .. } => {
                let detail = format!("The first event that waits is {first}. Nothing was skipped.");
                Self::new(Code::AnotherEventWaits, detail).member("waitingSequence", first.get())
            }
            SkipError::UnderWay(_) => Self::new(
                Code::RedriveInProgress,
                "It is not known yet what comes of publishing the order again. Nothing was \
                 skipped; look again in a moment.",
            ),
            SkipError::Store(error) => error.into(),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Running(id) => {
                let detail = format!("Replay {id} is running; one at a time is.");
                Self::new(Code::ReplayInProgress, detail).member("replayId", id.to_string())
            }
            StartError::Elsewhere => Self::new(
                Code::ReplayInProgress,
                "Another instance or a command line runs a replay, or was killed while it did, \
                 within the last 10 s; one at a time is.",
            ),
            StartError::Store(error) => error.into(),
            StartError::NoBrokers => Self::new(
                Code::NoBrokers,
                "This instance has no brokers to replay to; a dry run is possible.",
            ),
            StartError::Stopping => {
                Self::new(Code::Draining, "This instance is stopping; ask another one.")
            }
        }
    }
}

impl From<RefreshRefused> for Problem {
    fn from(refused: RefreshRefused) -> Self {
        match refused {
            RefreshRefused::Running => {
                let detail = "A refresh is running already. Nothing was done; try again.";
                Self::new(Code::RefreshInProgress, detail)
            }
            RefreshRefused::Invalid(problems) => {
                let detail = "The new settings are wrong. The old ones still apply, all of them.";
                Self::new(Code::RefreshRefused, detail).member("problems", problems)
            }
            RefreshRefused::Unavailable(cause) => {
                let detail = "The settings cannot be read now. The old ones still apply.";
                Self::new(Code::Unavailable, detail).caused_by(&*cause)
            }
        }
    }
}

impl From<SubscribeError> for Problem {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Forbidden(error) => error.into(),
            SubscribeError::TooMany => Self::new(
                Code::Overloaded,
                "As many clients listen to events as may do so at once. Try again.",
            ),
            SubscribeError::Ahead { .. } => Self::new(
                Code::InvalidParameter,
                "No event has this id yet: it is not from here, or from another database.",
            ),
            SubscribeError::Gone(Gone { through }) => Self::new(
                Code::EventsPurged,
                format!(
                    "Events after this id have been purged. A stream that goes on after {through} misses \
                     nothing else; each order's newest event can be read with the order's events."
                ),
            )
            .member("purgedThrough", through),
            SubscribeError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        WriteFailure::from(error).into()
    }
}

impl From<WriteFailure> for Problem {
    fn from(failure: WriteFailure) -> Self {
        let (code, detail) = match &failure {
            WriteFailure::InProgress => (
                Code::IdempotencyInProgress,
                "The first request with this idempotency key is still running.",
            ),
            WriteFailure::KeyReused => {
                (Code::IdempotencyKeyReused, "This idempotency key was used for another request.")
            }
            WriteFailure::Unavailable(_) => (
                Code::Unavailable,
                "The database cannot be asked now. Nothing was changed; try again.",
            ),
            WriteFailure::OutcomeUnknown(_) => (
                Code::OutcomeUnknown,
                "The change may or may not have been made. Try again with the same \
                 idempotency key, or look at the order first.",
            ),
            WriteFailure::Unreadable(order) => {
                let detail = "The order is stored in a form that has no clear meaning. Only a correction of its row helps.";
                let problem = Self::new(Code::OrderUnreadable, detail)
                    .member("orderId", order.id)
                    .member("column", order.column);
                return problem.caused_by(&failure);
            }
            WriteFailure::Internal(_) => return Self::internal(&failure),
        };
        Self::new(code, detail).caused_by(&failure)
    }
}

/// Total above the largest amount.
pub(crate) fn amount_overflow() -> Problem {
    let detail = "The total is above 999999999999999.9999.";
    let message = "must not be above 999999999999999.9999";
    let error = FieldError::pointer("/totalAmount", "out_of_range", message);
    Problem::new(Code::AmountOverflow, detail).errors(vec![error])
}

fn order_not_parked() -> Problem {
    Problem::new(Code::OrderNotParked, "This order is not parked, or not any more.")
}

fn order_not_found() -> Problem {
    Problem::new(Code::OrderNotFound, "There is no order with this id.")
}

fn saga_not_found() -> Problem {
    Problem::new(Code::SagaNotFound, "The order has no saga, or none any more.")
}

fn saga_unreadable(error: &(dyn std::error::Error + 'static)) -> Problem {
    let detail = "The saga is stored in a form that this release cannot read.";
    Problem::new(Code::InternalError, detail).caused_by(error)
}

fn invalid_transition(current: OrderStatus, detail: String) -> Problem {
    let allowed: Vec<Value> =
        current.allowed_transitions().map(|status| status.as_str().into()).collect();
    Problem::new(Code::InvalidTransition, detail)
        .member("currentStatus", current.as_str())
        .member("allowedTransitions", allowed)
}

fn at_each(positions: &[usize], field: &str, code: &'static str, message: &str) -> Vec<FieldError> {
    let error = |position: &usize| {
        FieldError::pointer(format!("/items/{position}/{field}"), code, message.to_owned())
    };
    positions.iter().map(error).collect()
}
