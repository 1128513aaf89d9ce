//! A model of the saga and the world around it, searched breadth first: every world that can be reached is looked at, not a
//! sample.
//!
//! A command that was issued may be delivered at any time, any number of times, or never; so may the answer that a ledger has
//! given. This one rule is a network that loses, doubles and reorders, and also every crash: of the service between commit and
//! sending, of a participant between its effect and its reply. From every world two runs begin in which all that is under way
//! is lost and faults stop, and each must end.
//!
//! The four searches look at about 22,000 worlds and 580,000 decisions.
//!
//! Times stand still, so that there is an end of worlds: after each decision all are set back to noon, and the due input comes
//! both before and after the deadline.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::ports::Command;
use order_app::saga::{
    Action, Attention, AttentionReason, Decision, ExchangeState, Input, Moment, Saga, SagaState,
    StepName, begin, decide, intervene,
};
use order_events::saga::{CommandType, Task};
use order_testkit::SeededEntropy;
use order_testkit::examples::{an_origin, noon};
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::world::{Found, TIMES, by_ada, done, failed, follow, rejected};
use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};

/// Who else takes part. Without any of them, participants keep their contract and only this release runs.
#[derive(Debug, Clone, Copy, Default)]
struct Cast {
    /// Operators do anything at any time.
    operators: bool,
    /// An older instance changes the order without a decision.
    older: bool,
    /// Participants reject undos and contradict themselves.
    rogues: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    saga: Saga,
    order: Found,
    /// The commands ever issued, with the command that each is about.
    issued: BTreeMap<Uuid, (CommandType, Option<Uuid>)>,
    inventory: Ledger,
    payment: Ledger,
    /// An operator has decided something in the place of a participant.
    by_hand: bool,
}

/// A world that must be found, by its name.
type Rare = (&'static str, fn(&World) -> bool);

impl World {
    fn begin() -> Self {
        let (order, entropy) = (Found::Pending, SeededEntropy::new(0));
        let at = Moment { now: noon(), entropy: &entropy, times: &TIMES, cause: None };
        let decision = begin(order.order(), &an_origin(), &at);
        let (saga, _) = follow(None, order.order(), &decision, false);
        let (issued, ledger) = (BTreeMap::new(), Ledger::default());
        let (inventory, payment) = (ledger.clone(), ledger);
        let mut world = Self { saga, order, issued, inventory, payment, by_hand: false };
        world.note(&decision.send);
        world
    }

    /// The commands are on the network from now on.
    fn note(&mut self, commands: &[Command]) {
        for Command { id, task, .. } in commands {
            let of = match task {
                Task::Reserve(_) | Task::Authorize(_) => None,
                Task::Release(earlier)
                | Task::Commit(earlier)
                | Task::Void(earlier)
                | Task::Capture(earlier) => Some(earlier.of),
            };
            self.issued.insert(*id, (task.kind(), of));
        }
    }

    fn commit(&mut self, decision: &Decision, by_hand: bool) {
        let (saga, order) = follow(Some(&self.saga), self.order.order(), decision, by_hand);
        (self.saga, self.order) = (saga, Found::of(&order));
        self.note(&decision.send);
    }

    fn tell(&mut self, now: DateTime<Utc>, input: &Input) -> Vec<Command> {
        let entropy = SeededEntropy::new(self.issued.len().try_into().unwrap());
        let at = Moment { now, entropy: &entropy, times: &TIMES, cause: None };
        let decision = decide(&self.saga, self.order.order(), input, &at);
        self.commit(&decision, false);
        decision.send
    }

    fn act(&mut self, action: Action) -> bool {
        let entropy = SeededEntropy::new(self.issued.len().try_into().unwrap());
        let at = Moment { now: late(), entropy: &entropy, times: &TIMES, cause: None };
        let acted = intervene(&self.saga, self.order.order(), &by_ada(action), &at, true);
        let Ok(decision) = acted else { return false };
        self.commit(&decision, true);
        self.by_hand |= !matches!(action, Action::Retry(_));
        true
    }

    fn ledger(&mut self, kind: CommandType) -> &mut Ledger {
        match kind {
            Reserve | Release | Commit => &mut self.inventory,
            Authorize | Void | Capture => &mut self.payment,
        }
    }

    fn answer(&self, id: Uuid) -> Option<bool> {
        self.inventory.answers.get(&id).or(self.payment.answers.get(&id)).copied()
    }

    /// Without times, and without what never decides anything.
    fn still(mut self) -> Self {
        for exchange in self.saga.exchanges.values_mut() {
            (exchange.first_sent, exchange.last_sent) = (noon(), noon());
            exchange.answered_at = exchange.answered_at.map(|_| noon());
            (exchange.attempts, exchange.last_error) = (1, None);
        }
        self.saga.due_at = self.saga.due_at.map(|_| noon());
        self.saga.attention = self.saga.attention.map(|it| Attention { since: noon(), ..it });
        self.saga.updated_at = noon();
        self.saga.interventions.clear();
        self
    }

    /// Every world that is one event away.
    fn next(&self, cast: Cast) -> Vec<Self> {
        let mut next = Vec::new();
        let mut branch = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            next.push(world.still());
        };
        for (id, (kind, of)) in &self.issued {
            let is_undo = matches!(kind, Release | Void);
            branch(&|world| world.ledger(*kind).take(*id, *kind, *of, true));
            if !is_undo || cast.rogues {
                branch(&|world| world.ledger(*kind).take(*id, *kind, *of, false));
            }
            let mut verdicts = vec![failed("no database")];
            if let Some(is_done) = self.answer(*id) {
                let both = [rejected("NO"), done()];
                verdicts.extend(both.into_iter().enumerate().filter_map(|(said, verdict)| {
                    (cast.rogues || is_done == (said == 1)).then_some(verdict)
                }));
            }
            for verdict in verdicts {
                let input = Input::Reply { of: *id, verdict };
                branch(&|world| drop(world.tell(late(), &input)));
            }
        }
        let (early, long) = (noon() + Duration::from_mins(10), noon() - Duration::from_hours(1));
        let just_now = late() - Duration::from_secs(10);
        let due =
            [(early, Some(long)), (late(), Some(long)), (late(), Some(just_now)), (late(), None)];
        for (now, transport_since) in due {
            branch(&|world| drop(world.tell(now, &Input::Due { transport_since })));
        }
        for &to in self.moves() {
            branch(&|world| {
                world.order = to;
                world.tell(late(), &Input::OrderChanged);
            });
            if cast.older {
                branch(&|world| world.order = to);
            }
        }
        if cast.older && self.order == Found::Pending {
            branch(&|world| world.order = Found::Relined);
            branch(&|world| world.order = Found::Confirmed);
        }
        if cast.operators {
            for action in actions() {
                // A retry of a rejected command is a new one, so the worlds would have no end without a bound.
                let is_first = self.issued.len() == self.saga.exchanges.len();
                if is_first || !matches!(action, Action::Retry(_)) {
                    branch(&|world| {
                        world.act(action);
                    });
                }
            }
        }
        next
    }

    /// Where the customer and the warehouse may move the order.
    const fn moves(&self) -> &'static [Found] {
        match self.order {
            Found::Pending | Found::Relined => &[Found::Cancelled],
            Found::Confirmed => &[Found::Cancelled, Found::InProgress],
            Found::InProgress => &[Found::Delivered],
            Found::Delivered | Found::Cancelled => &[],
        }
    }

    /// What holds in every world.
    fn check(&self, cast: Cast) {
        let ledgers = [(&self.inventory, Reserve), (&self.payment, Authorize)];
        let has = |kind| self.saga.exchanges.contains_key(&kind);
        assert!(!((has(Release) || has(Void)) && (has(Commit) || has(Capture))), "{self:#?}");
        for (ledger, kind) in ledgers {
            let (held, taken) = ledger.holds();
            assert!(self.order != Found::Cancelled || taken == 0, "cancelled and taken {self:#?}");
            assert!(taken <= 1, "taken twice {self:#?}");
            if cast.rogues || self.by_hand {
                continue;
            }
            let is_there = held + taken == 1;
            assert!(held + taken <= 1, "{self:#?}");
            let promised = match self.saga.state {
                SagaState::Ready | SagaState::Fulfilling => true,
                SagaState::Completed => taken == 1,
                SagaState::Running | SagaState::Compensating => is_there,
                SagaState::Compensated => {
                    // Also what is still under way has no effect any more.
                    let mut all = self.issued.iter().filter(|(_, (of, _))| *of == kind);
                    assert!(
                        all.all(|(id, _)| {
                            ledger.undone.contains(id) || ledger.answers.get(id) == Some(&false)
                        }),
                        "{self:#?}"
                    );
                    is_there
                }
            };
            assert!(promised == is_there, "{self:#?}");
            let is_confirmed =
                matches!(self.order, Found::Confirmed | Found::InProgress | Found::Delivered);
            assert!(
                cast.older || !is_confirmed || is_there,
                "confirmed without {kind:?} {self:#?}"
            );
        }
    }

    /// All that is under way is lost and faults stop: the saga ends, and the ledgers balance.
    fn end(mut self, cast: Cast, cancel: bool) {
        let start = self.clone();
        for round in 1..=12 {
            if self.saga.state.is_final() {
                break;
            }
            let now = late() + Duration::from_mins(10) * round;
            let due = Input::Due { transport_since: Some(noon() - Duration::from_hours(1)) };
            let mut under_way = VecDeque::from(self.tell(now, &due));
            let is_silent = under_way.is_empty();
            while let Some(command) = under_way.pop_front() {
                let (kind, of) = self.issued[&command.id];
                self.ledger(kind).take(command.id, kind, of, true);
                let verdict =
                    if self.answer(command.id) == Some(true) { done() } else { rejected("NO") };
                under_way.extend(self.tell(now, &Input::Reply { of: command.id, verdict }));
            }
            if self.saga.state == SagaState::Ready && self.order == Found::Confirmed {
                self.order = if cancel { Found::Cancelled } else { Found::InProgress };
                self.tell(now, &Input::OrderChanged);
            } else if is_silent
                && self.saga.attention.is_some_and(|it| it.reason != AttentionReason::Overdue)
            {
                // What is only overdue must end by itself.
                let acted = StepName::ALL.iter().filter(|step| self.act(Action::Skip(**step)));
                assert_ne!(acted.count(), 0, "a person cannot help {self:#?}");
            }
        }
        assert!(self.saga.state.is_final(), "no end from {start:#?} to {self:#?}");
        let contradicted = self.saga.attention.map(|it| it.reason);
        assert!(contradicted.is_none() || cast.rogues);
        if !cast.rogues && !self.by_hand {
            let balance = if self.saga.state == SagaState::Completed { (0, 1) } else { (0, 0) };
            assert_eq!(
                (self.inventory.holds(), self.payment.holds()),
                (balance, balance),
                "{self:#?}"
            );
        }
    }

    fn stands(&self, kind: CommandType, state: ExchangeState) -> bool {
        self.saga.stands(kind) == Some(state)
    }

    fn asks_for_attention(&self, reason: AttentionReason) -> bool {
        self.saga.attention.is_some_and(|attention| attention.reason == reason)
    }
}

fn late() -> DateTime<Utc> {
    noon() + Duration::from_mins(20)
}

fn actions() -> impl Iterator<Item = Action> {
    let steps = StepName::ALL.iter().copied();
    steps.map(Action::Skip).chain([Action::Retry(None), Action::Confirm])
}

/// Looks at every world, and demands that each of the rare ones is among them.
fn search(cast: Cast, rare: &[Rare]) {
    let (mut seen, mut next) = (HashSet::new(), VecDeque::from([World::begin()]));
    let mut found = BTreeSet::new();
    while let Some(world) = next.pop_front() {
        if !seen.insert(world.clone()) {
            continue;
        }
        world.check(cast);
        found.extend(rare.iter().filter(|(_, is)| is(&world)).map(|(name, _)| *name));
        for cancel in [false, true] {
            world.clone().end(cast, cancel);
        }
        next.extend(world.next(cast).into_iter().filter(|world| !seen.contains(world)));
    }
    let missing = rare.iter().map(|(name, _)| *name).filter(|name| !found.contains(name));
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "not among {} worlds: {missing:?}", seen.len());
}

#[test]
fn stock_and_money_are_taken_once_or_given_back_whatever_is_lost() {
    search(
        Cast::default(),
        &[
            ("confirmed", |world| world.order == Found::Confirmed),
            ("cancelled by its customer when all was there", |world| {
                world.saga.state == SagaState::Compensating
                    && world.stands(Authorize, ExchangeState::Done)
            }),
            ("the undo came first", |world| {
                let unanswered = world.payment.answers.len() == 1;
                unanswered && !world.payment.undone.is_empty()
            }),
            ("done and undone, and the saga knows only the undo", |world| {
                world.saga.state == SagaState::Compensated
                    && world.stands(Reserve, ExchangeState::Open)
                    && world.inventory.answers.values().filter(|is_done| **is_done).count() == 2
            }),
            ("the do was done after all when it was being undone", |world| {
                world.saga.state == SagaState::Compensating
                    && world.stands(Reserve, ExchangeState::Done)
                    && world.stands(Release, ExchangeState::Open)
                    && world.saga.stands(Authorize).is_none()
            }),
            ("the tombstone's rejection ends the undo", |world| {
                world.saga.state == SagaState::Compensated
                    && world.stands(Reserve, ExchangeState::Rejected)
                    && world.stands(Release, ExchangeState::Open)
            }),
            ("expired while the payment was taken", |world| {
                world.saga.state == SagaState::Compensating
                    && world.stands(Authorize, ExchangeState::Open)
                    && world.payment.holds() == (1, 0)
            }),
            ("overdue", |world| world.asks_for_attention(AttentionReason::Overdue)),
            ("delivered, not paid", |world| {
                world.order == Found::Delivered
                    && world.asks_for_attention(AttentionReason::Rejected)
            }),
            ("completed", |world| world.saga.state == SagaState::Completed),
        ],
    );
}

#[test]
fn operators_never_make_an_order_both_cancelled_and_paid() {
    search(
        Cast { operators: true, ..Cast::default() },
        &[
            ("confirmed while stock was rejected", |world| {
                world.order == Found::Confirmed
                    && world.inventory.answers.values().any(|done| !done)
            }),
            ("confirmed without a payment", |world| {
                world.order == Found::Confirmed && world.saga.stands(Authorize).is_none()
            }),
            ("captured at the second request", |world| {
                world.saga.state == SagaState::Completed && world.payment.answers.len() == 3
            }),
            ("an undo was skipped", |world| world.stands(Void, ExchangeState::Skipped)),
        ],
    );
}

#[test]
fn an_older_instance_beside_it_costs_a_look_and_no_stock() {
    search(
        Cast { older: true, ..Cast::default() },
        &[
            ("cancelled, and the saga does not know", |world| {
                world.order == Found::Cancelled && world.saga.state == SagaState::Ready
            }),
            ("delivered before the stock was there", |world| {
                world.order == Found::Delivered && world.saga.state == SagaState::Running
            }),
            ("moved past", |world| world.asks_for_attention(AttentionReason::OrderDiffers)),
            ("relined", |world| world.asks_for_attention(AttentionReason::LinesChanged)),
            ("caught up", |world| world.saga.state == SagaState::Completed),
        ],
    );
}

#[test]
fn participants_that_break_their_contract_are_looked_at() {
    search(
        Cast { rogues: true, ..Cast::default() },
        &[
            ("contradicted", |world| world.asks_for_attention(AttentionReason::Contradiction)),
            ("contradicted at its end", |world| {
                world.saga.state.is_final()
                    && world.asks_for_attention(AttentionReason::Contradiction)
            }),
            ("undo rejected", |world| world.stands(Release, ExchangeState::Rejected)),
            ("rejected and undone", |world| {
                world.stands(Authorize, ExchangeState::Rejected)
                    && world.stands(Void, ExchangeState::Done)
            }),
        ],
    );
}
