//! The decision has an answer for every document, also one that no run leads to, every order and every input, and each answer
//! keeps the laws.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::saga::{
    Action, Attention, AttentionReason, Exchange, ExchangeState, Input, Moment, Saga, SagaState,
    StepName, decide, intervene,
};
use order_domain::Order;
use order_events::saga::CommandType;
use order_testkit::SequentialEntropy;
use order_testkit::examples::{an_order_id, an_origin, noon};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::world::{Found, TIMES, by_ada, done, failed, follow, rejected};

/// Documents for each state and order; every input meets each.
const DOCUMENTS: u32 = 48;

fn times() -> impl Strategy<Value = DateTime<Utc>> {
    (-7_200..3_600_i64).prop_map(|seconds| noon() + chrono::TimeDelta::seconds(seconds))
}

fn texts() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~äöü\"\\\\]{0,12}")
}

fn exchanges(kind: CommandType) -> impl Strategy<Value = Option<(CommandType, Exchange)>> {
    let states = select(ExchangeState::ALL);
    let sent = (prop_oneof![1..40_u32, Just(u32::MAX)], times(), times());
    let asked = prop::option::weighted(0.15, times());
    let more = (asked, prop::bool::weighted(0.15));
    let rest = (prop::option::of(times()), texts(), texts(), texts(), more);
    prop::option::weighted(0.7, (any::<u128>(), states, sent, rest)).prop_map(move |some| {
        some.map(|(id, state, (attempts, first_sent, last_sent), rest)| {
            let (answered_at, reason, reference, last_error, (asked_at, contradicted)) = rest;
            let command = Uuid::from_u128(id);
            let exchange = Exchange {
                command,
                state,
                causation: reason.clone(),
                attempts,
                first_sent,
                last_sent,
                answered_at,
                reason,
                reference,
                last_error,
                asked_at,
                contradicted,
            };
            (kind, exchange)
        })
    })
}

fn documents(state: SagaState) -> impl Strategy<Value = Saga> {
    let kinds: Vec<_> = CommandType::ALL.map(exchanges).into();
    let reasons = (times(), select(AttentionReason::ALL));
    let attention = reasons.prop_map(|(since, reason)| Attention { since, reason });
    let some = (prop::option::of(times()), prop::option::of(times()), prop::option::of(attention));
    let acted = prop::collection::vec(select(actions()).prop_map(by_ada), 0..22);
    (kinds, some, acted, times(), times()).prop_map(
        move |(kinds, some, interventions, from, to)| {
            let (deadline, due_at, attention) = some;
            Saga {
                order_id: an_order_id(1),
                state,
                origin: an_origin(),
                deadline,
                due_at: due_at.filter(|_| !state.is_final()),
                attention,
                exchanges: kinds.into_iter().flatten().collect::<BTreeMap<_, _>>(),
                interventions,
                created_at: from,
                updated_at: to,
            }
        },
    )
}

fn actions() -> Vec<Action> {
    let steps = StepName::ALL.iter();
    let each = steps.flat_map(|step| [Action::Retry(Some(*step)), Action::Skip(*step)]);
    each.chain([Action::Retry(None), Action::Confirm]).collect()
}

fn inputs(saga: &Saga) -> Vec<Input> {
    let ids = saga.exchanges.values().map(|exchange| exchange.command).chain([Uuid::nil()]);
    let verdicts = [done(), rejected("OUT_OF_STOCK"), failed("no database")];
    let replies = ids.flat_map(|of| verdicts.clone().map(|verdict| Input::Reply { of, verdict }));
    let since =
        [None, Some(noon() - Duration::from_hours(4)), Some(noon() - Duration::from_secs(9))];
    let due = since.map(|transport_since| Input::Due { transport_since });
    replies.chain(due).chain([Input::OrderChanged]).collect()
}

/// Gives a saga every input, and each one that is no action twice.
fn meet(saga: &Saga, order: &Order) {
    let entropy = SequentialEntropy::default();
    let at = Moment { now: noon(), entropy: &entropy, times: &TIMES, cause: Some("a cause") };
    let read = Saga::from_document(&saga.to_document().unwrap()).unwrap();
    assert_eq!(&read, saga);
    for input in inputs(saga) {
        let decision = decide(saga, order, &input, &at);
        let (next, moved) = follow(Some(saga), order, &decision, false);
        let again = decide(&next, &moved, &input, &at);
        assert_eq!((again.saga, again.order, again.send), (None, None, vec![]), "twice {input:?}");
    }
    for action in actions() {
        let Ok(decision) = intervene(saga, order, &by_ada(action), &at, true) else { continue };
        let (next, moved) = follow(Some(saga), order, &decision, true);
        assert_eq!(next.interventions.last(), Some(&by_ada(action)));
        let is_retry = matches!(action, Action::Retry(_));
        assert!(!is_retry || !decision.send.is_empty(), "a retry sends");
        if !is_retry {
            let again = intervene(&next, &moved, &by_ada(action), &at, true);
            let acknowledged = saga.exchanges.values().any(|exchange| exchange.contradicted);
            assert!(again.is_err() || acknowledged, "{action:?} twice");
        }
    }
}

#[test]
fn every_document_order_and_input_has_an_answer_that_keeps_the_laws() {
    for state in SagaState::ALL {
        for found in Found::ALL {
            let config = ProptestConfig {
                cases: DOCUMENTS,
                failure_persistence: None,
                ..ProptestConfig::default()
            };
            let met = TestRunner::new(config).run(&documents(*state), |saga| {
                meet(&saga, found.order());
                Ok(())
            });
            met.unwrap_or_else(|error| panic!("{state:?}, {found:?}: {error}"));
        }
    }
}

#[test]
fn names_are_spelled_in_documents_as_everywhere_else() {
    for kind in CommandType::ALL {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
    }
    for step in StepName::ALL {
        let action = serde_json::to_value(Action::Skip(*step)).unwrap();
        assert_eq!(action, serde_json::json!({"action": "skip", "step": step.as_str()}));
        let (command, undo) = step.commands();
        assert!(
            [Some(command), undo].into_iter().flatten().all(|kind| StepName::of(kind) == *step)
        );
    }
}
