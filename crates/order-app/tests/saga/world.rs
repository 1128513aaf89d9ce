//! What the tests of the saga share: orders, times, a saga that is led by hand, and the laws of each decision.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::ports::Command;
use order_app::saga::{
    Action, AttentionReason, Decision, Exchange, ExchangeState, Input, Intervention, Moment,
    NotNow, OrderStep, ReplyOutcome, Saga, SagaState, SagaTimes, Verdict, begin, decide, intervene,
};
use order_domain::{CancelReason, Decision as Changed, Order, OrderStatus, StatusChange, Version};
use order_events::saga::CommandType;
use order_testkit::SequentialEntropy;
use order_testkit::examples::{a_line, an_order, an_origin, moved, noon, relined};

pub(crate) const TIMES: SagaTimes = SagaTimes {
    deadline: Duration::from_mins(15),
    resend_after: Duration::from_secs(30),
    attention_after: Duration::from_mins(15),
};

/// How an order may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Found {
    Pending,
    /// `PENDING`, with other lines than at first.
    Relined,
    Confirmed,
    InProgress,
    Delivered,
    Cancelled,
}

impl Found {
    pub(crate) const ALL: [Self; 6] = [
        Self::Pending,
        Self::Relined,
        Self::Confirmed,
        Self::InProgress,
        Self::Delivered,
        Self::Cancelled,
    ];

    pub(crate) fn order(self) -> &'static Order {
        static ORDERS: LazyLock<[Order; 6]> = LazyLock::new(|| {
            let go = |order: &Order, to| moved(order, to, noon()).order;
            let placed = an_order(1);
            let lines = relined(&placed, vec![a_line(9, 1, "1.00")], noon()).order;
            let confirmed = go(&placed, OrderStatus::Confirmed);
            let in_progress = go(&confirmed, OrderStatus::InProgress);
            let delivered = go(&in_progress, OrderStatus::Delivered);
            let cancelled = go(&placed, OrderStatus::Cancelled);
            [placed, lines, confirmed, in_progress, delivered, cancelled]
        });
        &ORDERS[Self::ALL.iter().position(|found| *found == self).unwrap()]
    }

    pub(crate) fn of(order: &Order) -> Self {
        match order.status() {
            OrderStatus::Pending if order.version() == Version::FIRST => Self::Pending,
            OrderStatus::Pending => Self::Relined,
            OrderStatus::Confirmed => Self::Confirmed,
            OrderStatus::InProgress => Self::InProgress,
            OrderStatus::Delivered => Self::Delivered,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

pub(crate) const fn done() -> Verdict {
    Verdict::Done { reference: None }
}

pub(crate) fn rejected(reason: &str) -> Verdict {
    Verdict::Rejected { reason: Some(reason.to_owned()) }
}

pub(crate) fn failed(detail: &str) -> Verdict {
    Verdict::Failed { detail: Some(detail.to_owned()) }
}

pub(crate) fn by_ada(action: Action) -> Intervention {
    let (actor, reason) = ("ada".to_owned(), "the participant has said so".to_owned());
    Intervention { action, actor, reason, at: noon() }
}

/// What a commit leaves behind, if the decision keeps to the laws.
pub(crate) fn follow(
    before: Option<&Saga>,
    order: &Order,
    decision: &Decision,
    by_hand: bool,
) -> (Saga, Order) {
    let after = decision.saga.as_ref().or(before).unwrap().clone();
    if decision.saga.is_none() {
        assert_eq!((decision.order, decision.send.as_slice()), (None, [].as_slice()));
    }
    let order = decision.order.map_or_else(|| order.clone(), |step| changed(order, step));
    assert_eq!(after.due_at.is_none(), after.state.is_final(), "what is open is due, only that");
    if decision.order == Some(OrderStep::Confirm) {
        for kind in [CommandType::Reserve, CommandType::Authorize] {
            let stands = after.stands(kind);
            let is_settled = matches!(stands, Some(ExchangeState::Done | ExchangeState::Skipped));
            assert!(
                is_settled || (by_hand && stands.is_none()),
                "confirmed with {kind:?} {stands:?}"
            );
        }
    }
    if let Some(before) = before {
        follow_exchanges(before, &after, by_hand);
        assert!(goes_to(before.state).contains(&after.state), "{:?}", (before.state, after.state));
        assert!(before.updated_at <= after.updated_at);
    }
    if before.is_none_or(|before| before.state != after.state) {
        follow_ends(&after);
    }
    for command in &decision.send {
        follow_command(&after, command);
    }
    let contradicted = after.exchanges.values().any(|exchange| exchange.contradicted);
    let reason = after.attention.map(|attention| attention.reason);
    assert_eq!(contradicted, reason == Some(AttentionReason::Contradiction));
    (after, order)
}

fn changed(order: &Order, step: OrderStep) -> Order {
    let change = match step {
        OrderStep::Confirm => StatusChange::new(OrderStatus::Confirmed, None, None),
        OrderStep::Cancel(why) => StatusChange::new(OrderStatus::Cancelled, Some(why), None),
    };
    match order.change_status(change.unwrap(), noon()) {
        Ok(Changed::Changed(event)) => event.order,
        other => panic!("{step:?} of an order that is {}: {other:?}", order.status()),
    }
}

/// The states that one decision may lead to.
const fn goes_to(state: SagaState) -> &'static [SagaState] {
    use SagaState::{Compensated, Compensating, Completed, Fulfilling, Ready, Running};
    match state {
        Running => SagaState::ALL,
        Ready => &[Ready, Fulfilling, Completed, Compensating, Compensated],
        Fulfilling => &[Fulfilling, Completed],
        Compensating => &[Compensating, Compensated],
        Completed => &[Completed],
        Compensated => &[Compensated],
    }
}

/// Outcomes stay, and a command keeps its id. Only an operator may issue a rejected one anew.
fn follow_exchanges(before: &Saga, after: &Saga, by_hand: bool) {
    for (kind, was) in &before.exchanges {
        let is = &after.exchanges[kind];
        let is_anew = is.command != was.command;
        assert!(!is_anew || (by_hand && was.state == ExchangeState::Rejected), "{kind:?}");
        let stays = match was.state {
            ExchangeState::Open => true,
            ExchangeState::Done | ExchangeState::Skipped => is.state == was.state,
            ExchangeState::Rejected => {
                is_anew || is.state == was.state || (by_hand && is.state == ExchangeState::Skipped)
            }
        };
        assert!(stays, "{kind:?} was {:?} and is {:?}", was.state, is.state);
        assert!(is_anew || is.attempts >= was.attempts);
    }
}

/// Each step that was issued is undone, or made final, unless it is known to have no effect.
fn follow_ends(after: &Saga) {
    use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};
    let pairs = match after.state {
        SagaState::Compensated => [(Reserve, Release), (Authorize, Void)],
        SagaState::Completed => [(Reserve, Commit), (Authorize, Capture)],
        _ => return,
    };
    for (first, second) in pairs {
        let no_effect = |it: &Exchange| it.state == ExchangeState::Rejected && !it.contradicted;
        let settled =
            |it: &Exchange| matches!(it.state, ExchangeState::Done | ExchangeState::Skipped);
        let is_over = after.exchanges.get(&first).is_none_or(no_effect)
            || after.exchanges.get(&second).is_some_and(settled);
        assert!(is_over, "{:?} with {first:?} but not {second:?}", after.state);
    }
}

/// What is sent was written before, and belongs to the state.
fn follow_command(after: &Saga, command: &Command) {
    use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};
    let exchange = &after.exchanges[&command.task.kind()];
    assert_eq!(exchange.state, ExchangeState::Open);
    assert_eq!((exchange.command, exchange.attempts), (command.id, command.attempt));
    let state = match command.task.kind() {
        Reserve | Authorize => SagaState::Running,
        Release | Void => SagaState::Compensating,
        Commit | Capture => SagaState::Fulfilling,
    };
    assert_eq!(after.state, state, "{:?} is sent", command.task.kind());
}

/// One saga, led from input to input.
pub(crate) struct Led {
    pub(crate) saga: Saga,
    pub(crate) order: Order,
    pub(crate) now: DateTime<Utc>,
    pub(crate) times: SagaTimes,
    /// Since when commands can be sent.
    pub(crate) transport: Option<DateTime<Utc>>,
    pub(crate) cause: String,
    entropy: SequentialEntropy,
}

impl Led {
    pub(crate) fn new() -> Self {
        Self::with(TIMES)
    }

    pub(crate) fn with(times: SagaTimes) -> Self {
        let (order, entropy) = (an_order(1), SequentialEntropy::default());
        let at = Moment { now: noon(), entropy: &entropy, times: &times, cause: Some("placed") };
        let decision = begin(&order, &an_origin(), &at);
        let (saga, order) = follow(None, &order, &decision, false);
        let (transport, cause) = (Some(noon()), "a reply".to_owned());
        Self { saga, order, now: noon(), times, transport, cause, entropy }
    }

    /// Takes up a saga whose order is found so.
    pub(crate) fn from(saga: Saga, order: &Order, now: DateTime<Utc>) -> Self {
        let transport = Some(now);
        Self { saga, order: order.clone(), now, transport, ..Self::new() }
    }

    /// One that waits for its order to go on.
    pub(crate) fn ready() -> Self {
        let mut led = Self::new();
        led.answer(CommandType::Reserve, Verdict::Done { reference: Some("R-1".to_owned()) });
        led.answer(CommandType::Authorize, Verdict::Done { reference: Some("A-1".to_owned()) });
        led
    }

    fn commit(&mut self, decision: &Decision, by_hand: bool) {
        let (saga, order) = follow(Some(&self.saga), &self.order, decision, by_hand);
        let document = saga.to_document().unwrap();
        assert_eq!(Saga::from_document(&document).unwrap(), saga);
        (self.saga, self.order) = (saga, order);
    }

    pub(crate) fn tell(&mut self, input: &Input) -> Decision {
        let Self { now, times, entropy, .. } = &*self;
        let at = Moment { now: *now, entropy, times, cause: Some(&self.cause) };
        let decision = decide(&self.saga, &self.order, input, &at);
        self.commit(&decision, false);
        decision
    }

    pub(crate) fn answer(&mut self, kind: CommandType, verdict: Verdict) -> Decision {
        let of = self.saga.exchanges[&kind].command;
        self.tell(&Input::Reply { of, verdict })
    }

    /// How a reply is taken.
    pub(crate) fn outcome(&mut self, kind: CommandType, verdict: Verdict) -> ReplyOutcome {
        self.answer(kind, verdict).reply.unwrap()
    }

    /// A time passes, and then the saga is looked at.
    pub(crate) fn after(&mut self, wait: Duration) -> Decision {
        self.now += wait;
        self.tell(&Input::Due { transport_since: self.transport })
    }

    /// The order is changed in the same commit.
    pub(crate) fn moves(&mut self, to: OrderStatus) -> Decision {
        self.slips(to);
        self.tell(&Input::OrderChanged)
    }

    /// The order is changed without a decision.
    pub(crate) fn slips(&mut self, to: OrderStatus) {
        self.order = moved(&self.order, to, self.now).order;
    }

    pub(crate) fn act(&mut self, action: Action) -> Result<Decision, NotNow> {
        let Self { now, times, entropy, .. } = &*self;
        let at = Moment { now: *now, entropy, times, cause: None };
        let decision = intervene(&self.saga, &self.order, &by_ada(action), &at, true)?;
        self.commit(&decision, true);
        Ok(decision)
    }

    pub(crate) fn state(&self) -> SagaState {
        self.saga.state
    }

    pub(crate) fn attention(&self) -> Option<AttentionReason> {
        self.saga.attention.map(|attention| attention.reason)
    }

    pub(crate) fn status(&self) -> (OrderStatus, Option<CancelReason>) {
        (self.order.status(), self.order.snapshot().cancel_reason)
    }

    /// The time from now until the saga is due.
    pub(crate) fn due_in(&self) -> Duration {
        (self.saga.due_at.unwrap() - self.now).to_std().unwrap()
    }
}

/// The kinds of commands that a decision sends.
pub(crate) fn kinds(decision: &Decision) -> Vec<CommandType> {
    decision.send.iter().map(|command| command.task.kind()).collect()
}
