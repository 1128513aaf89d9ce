//! Decides what a saga does. Each decision takes in its input, lets the saga go as far as order and answers allow, issues the
//! commands that are wanted there, and works out attention and due time anew.

use chrono::{DateTime, SubsecRound as _, Utc};
use order_domain::{CancelReason, Order, OrderStatus};
use order_events::saga::CommandType;
use uuid::Uuid;

use super::sending::{LOOK_AGAIN, later};
use super::steps::{
    Action, Attention, AttentionReason, Exchange, ExchangeState, Intervention, MAX_INTERVENTIONS,
    ReplyOutcome, Saga, SagaState, StepName,
};
use super::{Decision, Input, Moment, NotNow, OrderStep, Verdict};
use crate::events::Origin;
use crate::ports::Command;

/// The saga of an order that is placed in the same commit.
#[must_use]
pub fn begin(order: &Order, origin: &Origin, at: &Moment<'_>) -> Decision {
    let now = at.now.trunc_subsecs(6);
    let deadline = at.times.deadline;
    let saga = Saga {
        order_id: order.id(),
        state: SagaState::Running,
        origin: origin.clone(),
        deadline: (!deadline.is_zero()).then(|| later(now, deadline)),
        due_at: None,
        attention: None,
        exchanges: [].into(),
        interventions: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    Work::new(saga, order, at).finish(None)
}

/// What follows from an input.
#[must_use]
pub fn decide(saga: &Saga, order: &Order, input: &Input, at: &Moment<'_>) -> Decision {
    let mut work = Work::new(saga.clone(), order, at);
    let reply = match input {
        Input::OrderChanged => None,
        Input::Reply { of, verdict } => Some(work.take_in(*of, verdict)),
        Input::Due { transport_since } => {
            work.transport_since = *transport_since;
            // First the order: what it has been through decides what is due.
            work.go_on();
            work.due();
            None
        }
    };
    Decision { reply, ..work.finish(Some(saga)) }
}

/// What follows from an operator's action, which is recorded with who did it and why. Its `at` is set here. Where commands cannot be
/// sent now, the action makes them due at once, and the sweep of an instance with a transport sends them.
///
/// # Errors
/// [`NotNow`], each case by its name.
pub fn intervene(
    saga: &Saga,
    order: &Order,
    by: &Intervention,
    at: &Moment<'_>,
    can_send: bool,
) -> Result<Decision, NotNow> {
    let mut work = Work { can_send, ..Work::new(saga.clone(), order, at) };
    work.go_on();
    match by.action {
        Action::Retry(_) | Action::Skip(_) if work.saga.is_held(order) => {
            return Err(NotNow::LinesChanged);
        }
        Action::Retry(step) => {
            let wanted = work.saga.wanted();
            let kinds: Vec<_> =
                wanted.filter(|kind| step.is_none_or(|it| it == StepName::of(*kind))).collect();
            if kinds.into_iter().filter(|kind| work.retry(*kind)).count() == 0 {
                return Err(NotNow::NothingToRetry);
            }
        }
        Action::Skip(step) => {
            let (command, undo) = step.commands();
            let wanted: Vec<_> = work.saga.wanted().collect();
            let mut kinds = [Some(command), undo].into_iter().flatten();
            if !kinds.any(|kind| work.skip(kind, wanted.contains(&kind))) {
                return Err(NotNow::NothingToSkip(step));
            }
        }
        Action::Confirm if work.saga.state == SagaState::Running => work.confirm_now(),
        Action::Confirm => return Err(NotNow::NotRunning(work.saga.state)),
    }
    let actor = clip(&by.actor, 64);
    let kept = Intervention { actor, reason: clip(&by.reason, 500), at: work.now, ..by.clone() };
    let before = &mut work.saga.interventions;
    before.drain(..before.len().saturating_sub(MAX_INTERVENTIONS.saturating_sub(1)));
    before.push(kept);
    Ok(work.finish(Some(saga)))
}

/// A decision that is being made.
struct Work<'a> {
    saga: Saga,
    order: &'a Order,
    /// The status of the order, with what is decided of it.
    status: OrderStatus,
    at: &'a Moment<'a>,
    now: DateTime<Utc>,
    transport_since: Option<DateTime<Utc>>,
    /// Whether what is decided to be sent can leave.
    can_send: bool,
    step: Option<OrderStep>,
    send: Vec<Command>,
}

impl<'a> Work<'a> {
    fn new(saga: Saga, order: &'a Order, at: &'a Moment<'a>) -> Self {
        let now = at.now.trunc_subsecs(6);
        let status = order.status();
        let (step, send) = (None, Vec::new());
        let transport_since = None;
        Self { saga, order, status, at, now, transport_since, can_send: true, step, send }
    }

    /// Records a verdict.
    fn take_in(&mut self, of: Uuid, verdict: &Verdict) -> ReplyOutcome {
        use ExchangeState::{Done, Open, Rejected, Skipped};
        let (is_over, now) = (self.saga.state.is_final(), self.now);
        let wanted: Vec<_> = self.saga.wanted().collect();
        let mut exchanges = self.saga.exchanges.iter_mut();
        let Some((kind, exchange)) = exchanges.find(|(_, exchange)| exchange.command == of) else {
            return ReplyOutcome::Unknown;
        };
        match (exchange.state, verdict) {
            (Skipped, _) | (Done | Rejected, Verdict::Failed { .. }) => return ReplyOutcome::Late,
            (Open, _) if is_over => return ReplyOutcome::Late,
            (Open, Verdict::Done { reference }) => {
                exchange.state = Done;
                exchange.answered_at = Some(now);
                exchange.reference = reference.as_deref().map(|text| clip(text, 200));
            }
            (Open, Verdict::Rejected { reason }) => {
                exchange.state = Rejected;
                exchange.answered_at = Some(now);
                exchange.reason = reason.as_deref().map(|text| clip(text, 100));
            }
            (Open, Verdict::Failed { detail }) => {
                exchange.last_error = Some(clip(detail.as_deref().unwrap_or("failed"), 500));
            }
            (Done, Verdict::Done { .. }) | (Rejected, Verdict::Rejected { .. }) => {
                return ReplyOutcome::Known;
            }
            (Done, Verdict::Rejected { reason: said })
            | (Rejected, Verdict::Done { reference: said }) => {
                exchange.contradicted = true;
                let other = if exchange.state == Done { "rejected" } else { "done" };
                let said = said.as_deref().unwrap_or("nothing more");
                exchange.last_error = Some(clip(&format!("also answered {other}: {said}"), 500));
                return ReplyOutcome::Contradiction;
            }
        }
        if wanted.contains(kind) { ReplyOutcome::Applied } else { ReplyOutcome::Late }
    }

    /// Lets an order expire, or sends again what is due.
    fn due(&mut self) {
        let Some(since) = self.transport_since else { return };
        if self.has_expired(since) {
            self.cancel(CancelReason::Expired);
            self.go_on();
        }
        for kind in self.saga.unanswered(self.order) {
            if self.saga.resend_at(kind, self.at.times).is_some_and(|at| at <= self.now) {
                self.send(kind);
            }
        }
    }

    /// The deadline counts when the transport has worked for two intervals, and what is unanswered was sent since it works.
    fn has_expired(&self, since: DateTime<Utc>) -> bool {
        let tried = later(since, self.at.times.resend_after.saturating_mul(2));
        let sent = |kind| self.saga.exchanges.get(kind).is_none_or(|it| it.last_sent >= since);
        self.expires().is_some_and(|deadline| deadline <= self.now)
            && tried <= self.now
            && self.saga.unanswered(self.order).iter().all(sent)
    }

    /// The deadline, while the order can expire.
    fn expires(&self) -> Option<DateTime<Utc>> {
        let may = self.saga.state == SagaState::Running && self.status == OrderStatus::Pending;
        self.saga.deadline.filter(|_| may)
    }

    fn cancel(&mut self, reason: CancelReason) {
        self.step = Some(OrderStep::Cancel(reason));
        self.status = OrderStatus::Cancelled;
    }

    fn confirm(&mut self) {
        if self.status == OrderStatus::Pending {
            self.step = Some(OrderStep::Confirm);
            self.status = OrderStatus::Confirmed;
        }
        self.saga.state = SagaState::Ready;
    }

    fn confirm_now(&mut self) {
        for exchange in self.saga.exchanges.values_mut() {
            if exchange.state == ExchangeState::Open {
                exchange.state = ExchangeState::Skipped;
            }
        }
        self.confirm();
    }

    /// Sends an unanswered command again, or issues a rejected one anew.
    fn retry(&mut self, kind: CommandType) -> bool {
        match self.saga.stands(kind) {
            Some(ExchangeState::Open) => self.send(kind),
            Some(ExchangeState::Rejected) => self.issue(kind),
            Some(ExchangeState::Done | ExchangeState::Skipped) | None => return false,
        }
        true
    }

    /// Settles a command that is wanted; and a contradiction, wanted or not.
    fn skip(&mut self, kind: CommandType, is_wanted: bool) -> bool {
        let Some(exchange) = self.saga.exchanges.get_mut(&kind) else { return false };
        let was_contradicted = std::mem::take(&mut exchange.contradicted);
        let is_unsettled = matches!(exchange.state, ExchangeState::Open | ExchangeState::Rejected);
        // Rejected, and done: the effect may be there also after a person has looked, so its undo goes on.
        let may_be_there = was_contradicted && exchange.state == ExchangeState::Rejected;
        if (is_wanted && is_unsettled) || may_be_there {
            exchange.state = ExchangeState::Skipped;
        }
        was_contradicted || (is_wanted && is_unsettled)
    }

    /// Lets the saga go as far as order and answers allow. States only follow each other, so this ends.
    fn go_on(&mut self) {
        use OrderStatus::{Cancelled, Delivered, InProgress, Pending};
        loop {
            let is_settled = !self.saga.is_held(self.order)
                && self.saga.wanted().all(|kind| self.saga.is_settled(kind));
            match (self.saga.state, self.status) {
                (SagaState::Running | SagaState::Ready, Cancelled) => {
                    self.saga.state = SagaState::Compensating;
                }
                (SagaState::Running, Pending) if let Some(reason) = self.refusal() => {
                    self.cancel(reason);
                }
                (SagaState::Running, _) if is_settled => {
                    self.confirm();
                }
                (SagaState::Ready, InProgress | Delivered) => {
                    self.saga.state = SagaState::Fulfilling;
                }
                (SagaState::Fulfilling, _) if is_settled => self.saga.state = SagaState::Completed,
                (SagaState::Compensating, _) if is_settled => {
                    self.saga.state = SagaState::Compensated;
                }
                _ => break,
            }
        }
    }

    fn issue_wanted(&mut self) {
        let wanted = self.saga.wanted().filter(|kind| self.saga.stands(*kind).is_none());
        for kind in wanted.filter(|_| !self.saga.is_held(self.order)).collect::<Vec<_>>() {
            self.issue(kind);
        }
    }

    /// Why a step that was rejected ends the order.
    fn refusal(&self) -> Option<CancelReason> {
        let is_rejected = |kind| self.saga.stands(kind) == Some(ExchangeState::Rejected);
        let stock = is_rejected(CommandType::Reserve).then_some(CancelReason::OutOfStock);
        stock.or(is_rejected(CommandType::Authorize).then_some(CancelReason::PaymentFailed))
    }

    fn issue(&mut self, kind: CommandType) {
        let bits = self.at.entropy.bits().to_be_bytes();
        let exchange = Exchange {
            command: uuid::Builder::from_random_bytes(bits).into_uuid(),
            state: ExchangeState::Open,
            causation: self.at.cause.map(|cause| clip(cause, 200)),
            attempts: 0,
            first_sent: self.now,
            last_sent: self.now,
            answered_at: None,
            reason: None,
            reference: None,
            last_error: None,
            asked_at: None,
            contradicted: false,
        };
        self.saga.exchanges.insert(kind, exchange);
        self.send(kind);
    }

    fn send(&mut self, kind: CommandType) {
        let Some(exchange) = self.saga.exchanges.get_mut(&kind) else { return };
        exchange.asked_at = (!self.can_send).then_some(self.now);
        // A first attempt is counted all the same: attempts begin with 1.
        if self.can_send || exchange.attempts == 0 {
            exchange.attempts = exchange.attempts.saturating_add(1);
            exchange.last_sent = self.now;
        }
        if self.can_send {
            self.send.extend(self.saga.command(kind, self.order));
        }
    }

    fn attention(&self) -> Option<AttentionReason> {
        use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress, Pending};
        let is_rejected = |kind| self.saga.stands(kind) == Some(ExchangeState::Rejected);
        if self.saga.exchanges.values().any(|exchange| exchange.contradicted) {
            return Some(AttentionReason::Contradiction);
        }
        match (self.saga.state, self.status) {
            (SagaState::Completed | SagaState::Compensated, _) => return None,
            (SagaState::Running, Pending)
            | (SagaState::Ready, Confirmed)
            | (SagaState::Fulfilling, InProgress | Delivered)
            | (SagaState::Compensating, Cancelled) => {}
            _ => return Some(AttentionReason::OrderDiffers),
        }
        if self.saga.is_held(self.order) {
            Some(AttentionReason::LinesChanged)
        } else if self.saga.wanted().any(is_rejected) {
            Some(AttentionReason::Rejected)
        } else {
            self.is_overdue().then_some(AttentionReason::Overdue)
        }
    }

    /// Begins only when it is due and the transport has worked that long. Ends with the answer.
    fn is_overdue(&self) -> bool {
        let was = self.saga.attention.is_some_and(|it| it.reason == AttentionReason::Overdue);
        let unanswered = self.saga.unanswered(self.order);
        let first = unanswered.iter().filter_map(|kind| self.saga.exchanges.get(kind));
        let Some(first) = first.map(|exchange| exchange.first_sent).min() else { return false };
        let since = self.transport_since.map(|since| since.max(first)).or(was.then_some(first));
        let is_late = |since| later(since, self.at.times.attention_after) <= self.now;
        self.expires().is_none() && since.is_some_and(is_late)
    }

    fn due_at(&self) -> Option<DateTime<Utc>> {
        if self.saga.state.is_final() {
            return None;
        }
        let resend = self.saga.unanswered(self.order).into_iter();
        let resend = resend.filter_map(|kind| self.saga.resend_at(kind, self.at.times));
        // A deadline that has passed waits for the transport.
        let again = later(self.now, self.at.times.resend_after);
        let expiry = self.expires().map(|at| if at > self.now { at } else { again });
        resend.chain(expiry).min().or(Some(later(self.now, LOOK_AGAIN)))
    }

    fn finish(mut self, before: Option<&Saga>) -> Decision {
        self.go_on();
        self.issue_wanted();
        let since = self.saga.attention.map_or(self.now, |it| it.since);
        self.saga.attention = self.attention().map(|reason| Attention { since, reason });
        if before != Some(&self.saga) || self.saga.due_at.is_none_or(|at| at <= self.now) {
            self.saga.due_at = self.due_at();
        }
        let is_changed = before != Some(&self.saga);
        self.saga.updated_at = self.saga.updated_at.max(self.now);
        let Self { saga, step: order, send, .. } = self;
        Decision { saga: is_changed.then_some(saga), order, send, reply: None }
    }
}

/// The first characters of a text, without control characters.
fn clip(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}
