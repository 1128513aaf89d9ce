//! What a saga does, case by case.

use std::time::Duration;

use order_app::saga::{
    Action, AttentionReason, ExchangeState, Input, MAX_INTERVENTIONS, NotNow, OrderStep,
    ReplyOutcome, SagaState, SagaTimes, StepName, Verdict,
};
use order_domain::{CancelReason, Currency, OrderStatus};
use order_events::Word;
use order_events::saga::{CommandType, Earlier, Payment, Task};
use order_testkit::examples::{a_customer, a_line, an_amount, an_origin, noon, relined};
use uuid::Uuid;

use crate::world::{Led, TIMES, done, failed, kinds, rejected};
use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};

const HALF_MINUTE: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_mins(1);
const QUARTER: Duration = Duration::from_mins(15);
const DAY: Duration = Duration::from_hours(24);

/// One whose order the customer has cancelled before any answer.
fn cancelled() -> Led {
    let mut led = Led::new();
    led.moves(OrderStatus::Cancelled);
    led
}

/// One whose order is in progress.
fn fulfilling() -> Led {
    let mut led = Led::ready();
    led.moves(OrderStatus::InProgress);
    led
}

#[test]
fn a_saga_goes_from_stock_over_payment_to_its_end() {
    let mut led = Led::new();
    assert_eq!(led.saga.deadline, Some(noon() + QUARTER));
    assert_eq!(led.due_in(), HALF_MINUTE);
    let issued = &led.saga.exchanges[&Reserve];
    assert_eq!((issued.causation.as_deref(), issued.attempts), (Some("placed"), 1));

    let reserved = led.answer(Reserve, Verdict::Done { reference: Some("R-1".to_owned()) });
    let [authorize] = &reserved.send[..] else { panic!("one command: {:?}", reserved.send) };
    let (customer_id, amount) = (a_customer(42), an_amount("150.07"));
    let payment = Payment { customer_id, amount, currency: Word::Known(Currency::USD) };
    assert_eq!(authorize.task, Task::Authorize(payment));
    assert_eq!(authorize.causation.as_deref(), Some("a reply"));
    assert_eq!((&authorize.origin, authorize.expires_at), (&an_origin(), led.saga.deadline));

    let authorized = led.answer(Authorize, done());
    assert_eq!((authorized.order, authorized.send), (Some(OrderStep::Confirm), vec![]));
    assert_eq!((led.state(), led.due_in()), (SagaState::Ready, DAY));
    assert_eq!(led.after(DAY).send, []);
    assert_eq!(led.due_in(), DAY);

    let started = led.moves(OrderStatus::InProgress);
    assert_eq!(kinds(&started), [Commit, Capture]);
    let of = led.saga.exchanges[&Reserve].command;
    let earlier = Task::Commit(Earlier { of, reference: Some("R-1".to_owned()) });
    assert_eq!((&started.send[0].task, started.send[0].expires_at), (&earlier, None));
    led.answer(Commit, done());
    led.slips(OrderStatus::Delivered);
    led.answer(Capture, done());
    assert_eq!((led.state(), led.saga.due_at, led.attention()), (SagaState::Completed, None, None));
}

#[test]
fn lost_stock_cancels_the_order_and_leaves_nothing_to_undo() {
    let mut led = Led::new();
    let decision = led.answer(Reserve, rejected("OUT_OF_STOCK"));
    assert_eq!(decision.order, Some(OrderStep::Cancel(CancelReason::OutOfStock)));
    assert_eq!((decision.send, led.state()), (vec![], SagaState::Compensated));
    assert_eq!(led.saga.exchanges[&Reserve].reason.as_deref(), Some("OUT_OF_STOCK"));
}

#[test]
fn a_refused_payment_cancels_the_order_and_releases_the_stock() {
    let mut led = Led::new();
    led.answer(Reserve, Verdict::Done { reference: Some("R-1".to_owned()) });
    let decision = led.answer(Authorize, rejected("PAYMENT_FAILED"));
    assert_eq!(decision.order, Some(OrderStep::Cancel(CancelReason::PaymentFailed)));
    assert_eq!(kinds(&decision), [Release]);
    let of = led.saga.exchanges[&Reserve].command;
    let reference = Some("R-1".to_owned());
    assert_eq!(decision.send[0].task, Task::Release(Earlier { of, reference }));
    led.answer(Release, done());
    assert_eq!(led.state(), SagaState::Compensated);
}

#[test]
fn an_order_expires_and_what_was_never_answered_is_undone_too() {
    let mut led = Led::new();
    for attempt in 2..=30 {
        let decision = led.after(HALF_MINUTE);
        assert_eq!(decision.send[0].attempt, attempt);
        assert_eq!(led.due_in(), HALF_MINUTE, "until the deadline the pauses are even");
    }
    let decision = led.after(HALF_MINUTE);
    assert_eq!(decision.order, Some(OrderStep::Cancel(CancelReason::Expired)));
    assert_eq!(kinds(&decision), [Release]);
    assert_eq!(led.status(), (OrderStatus::Cancelled, Some(CancelReason::Expired)));
}

#[test]
fn no_order_expires_before_its_commands_could_be_sent() {
    let mut led = Led::new();
    led.transport = None;
    led.now += QUARTER * 4;
    assert_eq!(led.tell(&Input::Due { transport_since: None }).saga, None);
    // The transport works, but the command was not sent since; then not for long enough.
    led.transport = Some(led.now);
    assert_eq!(kinds(&led.after(MINUTE)), [Reserve]);
    led.transport = Some(led.now);
    assert_eq!(kinds(&led.after(HALF_MINUTE)), [Reserve]);
    assert_eq!(led.attention(), None);
    assert!(led.after(HALF_MINUTE).order.is_some());
}

#[test]
fn without_a_deadline_an_order_never_expires_but_a_person_looks() {
    let mut led = Led::with(SagaTimes { deadline: Duration::ZERO, ..TIMES });
    led.after(QUARTER);
    assert_eq!((led.saga.deadline, led.attention()), (None, Some(AttentionReason::Overdue)));
    assert_eq!(led.after(DAY * 365).order, None);
    led.answer(Reserve, done());
    assert_eq!((led.state(), led.attention()), (SagaState::Running, None));
}

#[test]
fn pauses_of_what_must_be_answered_grow_to_five_minutes() {
    let mut led = cancelled();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        pauses.push(led.due_in().as_secs());
        assert_eq!(kinds(&led.after(led.due_in())), [Release]);
    }
    assert_eq!(pauses, [30, 60, 120, 240, 300, 300]);
    led.now -= MINUTE;
    assert_eq!(led.after(MINUTE).saga, None, "what is not due is not sent");
}

#[test]
fn a_customer_who_cancels_a_confirmed_order_gets_everything_back() {
    let mut led = Led::ready();
    assert_eq!(kinds(&led.moves(OrderStatus::Cancelled)), [Release, Void]);
    led.answer(Void, done());
    assert_eq!(kinds(&led.after(HALF_MINUTE)), [Release], "each undo is repeated by itself");
    led.answer(Release, done());
    assert_eq!((led.state(), led.attention()), (SagaState::Compensated, None));
}

#[test]
fn an_answer_that_comes_after_the_cancellation_is_recorded() {
    let mut led = cancelled();
    let late = Verdict::Done { reference: Some("R-1".to_owned()) };
    assert_eq!(led.outcome(Reserve, late.clone()), ReplyOutcome::Late);
    assert_eq!(led.outcome(Reserve, late), ReplyOutcome::Known);
    assert!(!led.saga.exchanges.contains_key(&Authorize));
    // The undo names what is known by now.
    let of = led.saga.exchanges[&Reserve].command;
    let reference = Some("R-1".to_owned());
    assert_eq!(led.after(HALF_MINUTE).send[0].task, Task::Release(Earlier { of, reference }));
}

#[test]
fn a_command_that_is_rejected_after_its_undo_needs_no_undo() {
    let mut led = cancelled();
    assert_eq!(led.outcome(Reserve, rejected("undone already")), ReplyOutcome::Late);
    assert_eq!(led.state(), SagaState::Compensated);
    let over = led.answer(Release, done());
    assert_eq!((over.reply, over.saga), (Some(ReplyOutcome::Late), None));
}

#[test]
fn a_failure_is_no_outcome() {
    let mut led = Led::new();
    let due = led.saga.due_at;
    let decision = led.answer(Reserve, failed("the database is away"));
    assert_eq!(
        (decision.order, decision.send, decision.reply),
        (None, vec![], Some(ReplyOutcome::Applied))
    );
    assert_eq!((led.saga.due_at, led.state()), (due, SagaState::Running));
    let exchange = &led.saga.exchanges[&Reserve];
    assert_eq!(exchange.last_error.as_deref(), Some("the database is away"));
    assert_eq!((exchange.state, exchange.answered_at), (ExchangeState::Open, None));
}

#[test]
fn a_second_verdict_changes_nothing_and_is_looked_at() {
    for end in [false, true] {
        let mut led = Led::ready();
        if end {
            led.moves(OrderStatus::Cancelled);
            led.answer(Release, done());
            led.answer(Void, done());
        }
        let (state, sent) = (led.state(), led.answer(Authorize, rejected("NO_FUNDS")));
        assert_eq!(
            (sent.reply, sent.order, sent.send),
            (Some(ReplyOutcome::Contradiction), None, vec![])
        );
        assert_eq!((led.state(), led.attention()), (state, Some(AttentionReason::Contradiction)));
        let exchange = &led.saga.exchanges[&Authorize];
        assert_eq!(exchange.last_error.as_deref(), Some("also answered rejected: NO_FUNDS"));
        assert_eq!(led.answer(Authorize, rejected("NO_FUNDS")).saga, None);
        led.act(Action::Skip(StepName::Authorize)).unwrap();
        assert_eq!((led.state(), led.attention()), (state, None));
    }
}

#[test]
fn of_two_verdicts_the_one_that_needs_an_undo_counts() {
    let mut led = Led::new();
    led.answer(Reserve, done());
    led.moves(OrderStatus::Cancelled);
    led.answer(Authorize, rejected("NO_FUNDS"));
    assert!(led.saga.exchanges.contains_key(&Void), "it was issued before the answer");

    let mut led = Led::new();
    led.answer(Reserve, done());
    led.answer(Authorize, rejected("NO_FUNDS"));
    assert_eq!(kinds(&led.answer(Authorize, done())), [Void]);
    assert_eq!(led.attention(), Some(AttentionReason::Contradiction));
    // A person has looked: what may be there is undone all the same.
    led.act(Action::Skip(StepName::Authorize)).unwrap();
    led.answer(Release, done());
    assert_eq!((led.state(), led.attention()), (SagaState::Compensating, None));
    assert_eq!(kinds(&led.after(HALF_MINUTE)), [Void]);
    led.answer(Void, done());
    assert_eq!(led.state(), SagaState::Compensated);
}

#[test]
fn an_undo_that_is_rejected_waits_for_a_person() {
    let mut led = cancelled();
    let first = led.saga.exchanges[&Release].command;
    led.answer(Release, rejected("no such reservation"));
    assert_eq!((led.attention(), led.due_in()), (Some(AttentionReason::Rejected), DAY));
    assert_eq!(led.after(DAY).send, []);
    let retried = led.act(Action::Retry(None)).unwrap();
    assert_eq!((kinds(&retried), retried.send[0].attempt), (vec![Release], 1));
    assert_ne!(retried.send[0].id, first, "the participant would repeat its answer");
    assert_eq!(led.attention(), None);
    let again = Input::Reply { of: first, verdict: rejected("no such reservation") };
    assert_eq!(led.tell(&again).reply, Some(ReplyOutcome::Unknown));
    led.act(Action::Skip(StepName::Reserve)).unwrap();
    assert_eq!(led.state(), SagaState::Compensated);
    assert_eq!(led.outcome(Release, done()), ReplyOutcome::Late);
}

#[test]
fn a_rejected_capture_is_not_sent_again_and_does_not_hold_up_the_commit() {
    let mut led = fulfilling();
    led.answer(Capture, rejected("NO_FUNDS"));
    led.moves(OrderStatus::Delivered);
    assert_eq!(
        (led.state(), led.attention()),
        (SagaState::Fulfilling, Some(AttentionReason::Rejected))
    );
    assert_eq!(kinds(&led.after(HALF_MINUTE)), [Commit]);
    led.answer(Commit, done());
    led.act(Action::Skip(StepName::Capture)).unwrap();
    assert_eq!((led.state(), led.attention()), (SagaState::Completed, None));
}

#[test]
fn attention_for_silence_begins_when_it_is_due_and_ends_with_the_answer() {
    let mut led = fulfilling();
    led.transport = Some(noon() + MINUTE);
    led.after(QUARTER);
    assert_eq!(led.attention(), None, "the transport works for 14 minutes");
    led.transport = None;
    led.after(DAY);
    assert_eq!(led.attention(), None);
    led.transport = Some(noon());
    led.after(HALF_MINUTE);
    let since = led.saga.attention.map(|attention| attention.since);
    assert_eq!((led.attention(), since), (Some(AttentionReason::Overdue), Some(led.now)));
    led.answer(Commit, done());
    assert_eq!(led.attention(), Some(AttentionReason::Overdue), "the other is still silent");
    led.after(MINUTE * 5);
    assert_eq!(led.saga.attention.map(|attention| attention.since), since);
    led.answer(Capture, done());
    assert_eq!(led.attention(), None);
}

#[test]
fn an_order_that_was_cancelled_without_a_decision_is_found_at_the_next_input() {
    let mut led = Led::ready();
    led.slips(OrderStatus::Cancelled);
    assert_eq!(kinds(&led.after(DAY)), [Release, Void]);

    let mut led = Led::new();
    led.slips(OrderStatus::Cancelled);
    let decision = led.answer(Reserve, done());
    assert_eq!((kinds(&decision), decision.order), (vec![Release], None));
}

#[test]
fn an_order_that_moved_past_its_saga_is_looked_at_while_the_saga_follows() {
    let mut led = Led::new();
    led.slips(OrderStatus::Confirmed);
    led.after(HALF_MINUTE);
    assert_eq!(led.attention(), Some(AttentionReason::OrderDiffers));
    led.slips(OrderStatus::InProgress);
    led.answer(Reserve, done());
    let decision = led.answer(Authorize, done());
    assert_eq!((kinds(&decision), decision.order), (vec![Commit, Capture], None));
    assert_eq!((led.state(), led.attention()), (SagaState::Fulfilling, None));
}

#[test]
fn an_order_that_others_have_confirmed_is_not_cancelled() {
    let mut led = Led::new();
    led.slips(OrderStatus::Confirmed);
    assert_eq!(led.answer(Reserve, rejected("OUT_OF_STOCK")).order, None);
    assert_eq!(led.after(DAY).order, None);
    assert_eq!(
        (led.state(), led.attention()),
        (SagaState::Running, Some(AttentionReason::OrderDiffers))
    );
    led.act(Action::Skip(StepName::Reserve)).unwrap();
    led.answer(Authorize, done());
    assert_eq!((led.state(), led.attention()), (SagaState::Ready, None));
}

#[test]
fn nothing_is_sent_for_lines_that_were_replaced() {
    let mut led = Led::new();
    led.order = relined(&led.order, vec![a_line(9, 1, "1.00")], noon()).order;
    assert_eq!(led.answer(Reserve, done()).send, []);
    assert_eq!(led.attention(), Some(AttentionReason::LinesChanged));
    for action in [Action::Retry(None), Action::Skip(StepName::Reserve)] {
        assert_eq!(led.act(action), Err(NotNow::LinesChanged));
    }
    let expired = led.after(QUARTER);
    assert_eq!(
        (expired.order, kinds(&expired)),
        (Some(OrderStep::Cancel(CancelReason::Expired)), vec![Release])
    );

    let mut led = Led::new();
    led.order = relined(&led.order, vec![a_line(9, 1, "1.00")], noon()).order;
    assert_eq!(led.after(HALF_MINUTE).send, []);
    assert_eq!(led.act(Action::Confirm).unwrap().order, Some(OrderStep::Confirm));
    assert_eq!((led.state(), led.attention()), (SagaState::Ready, None));
}

#[test]
fn a_person_confirms_an_order_whose_participants_are_silent() {
    let mut led = Led::new();
    let decision = led.act(Action::Confirm).unwrap();
    assert_eq!((decision.order, led.state()), (Some(OrderStep::Confirm), SagaState::Ready));
    assert_eq!(led.saga.stands(Reserve), Some(ExchangeState::Skipped));
    assert_eq!(led.outcome(Reserve, rejected("OUT_OF_STOCK")), ReplyOutcome::Late);
    // The reservation may be there; the payment was never asked for.
    assert_eq!(kinds(&led.moves(OrderStatus::InProgress)), [Commit]);
    led.answer(Commit, done());
    assert_eq!(led.state(), SagaState::Completed);
}

#[test]
fn what_was_skipped_is_undone_nevertheless() {
    let mut led = Led::new();
    assert_eq!(kinds(&led.act(Action::Skip(StepName::Reserve)).unwrap()), [Authorize]);
    led.answer(Authorize, done());
    assert_eq!(led.state(), SagaState::Ready);
    assert_eq!(kinds(&led.moves(OrderStatus::Cancelled)), [Release, Void]);
}

#[test]
fn actions_are_refused_where_they_mean_nothing() {
    let mut led = Led::ready();
    let nothing = NotNow::NothingToSkip(StepName::Reserve);
    assert_eq!(led.act(Action::Skip(StepName::Reserve)), Err(nothing));
    assert_eq!(led.act(Action::Retry(None)), Err(NotNow::NothingToRetry));
    assert_eq!(led.act(Action::Confirm), Err(NotNow::NotRunning(SagaState::Ready)));
    led.moves(OrderStatus::InProgress);
    let retry = |step| Action::Retry(Some(step));
    assert_eq!(led.act(retry(StepName::Reserve)), Err(NotNow::NothingToRetry));
    assert_eq!(kinds(&led.act(retry(StepName::Capture)).unwrap()), [Capture]);
    assert_eq!(led.saga.exchanges[&Capture].attempts, 2);
}

#[test]
fn actions_are_kept_with_who_and_why_up_to_a_bound() {
    let mut led = fulfilling();
    led.act(Action::Retry(Some(StepName::Commit))).unwrap();
    led.now += MINUTE;
    for _ in 1..=MAX_INTERVENTIONS {
        led.act(Action::Retry(None)).unwrap();
    }
    let kept = &led.saga.interventions;
    assert_eq!((kept.len(), kept[0].action), (MAX_INTERVENTIONS, Action::Retry(None)));
    assert_eq!((kept[0].actor.as_str(), kept[0].at), ("ada", led.now));
}

#[test]
fn texts_of_others_are_cut_and_cleaned() {
    let mut led = Led::new();
    led.cause = "c".repeat(1_000);
    led.answer(Reserve, failed(&format!("\u{7}{}", "ä".repeat(1_000))));
    assert_eq!(led.saga.exchanges[&Reserve].last_error, Some("ä".repeat(500)));
    led.answer(Reserve, Verdict::Done { reference: Some("r".repeat(1_000)) });
    assert_eq!(led.saga.exchanges[&Reserve].reference, Some("r".repeat(200)));
    led.answer(Authorize, rejected(&"n".repeat(1_000)));
    assert_eq!(led.saga.exchanges[&Authorize].reason, Some("n".repeat(100)));
    assert_eq!(led.saga.exchanges[&Release].causation, Some("c".repeat(200)));
}

#[test]
fn a_reply_to_no_command_of_the_saga_changes_nothing() {
    let mut led = Led::new();
    let decision = led.tell(&Input::Reply { of: Uuid::nil(), verdict: done() });
    assert_eq!((decision.saga, decision.reply), (None, Some(ReplyOutcome::Unknown)));
}
