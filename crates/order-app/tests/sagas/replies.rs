//! Replies: each is taken once, whatever happens to the store, to the order, and to other replies.

use order_app::ports::{Conflict, StoreError};
use order_app::saga::{ReplyOutcome, SagaState};
use order_domain::{CancelReason, OrderStatus};
use order_events::saga::{CommandType, Verdict};
use order_testkit::Method;
use order_testkit::examples::an_origin;
use uuid::Uuid;

use crate::world::{World, kinds, reply, unavailable};

#[tokio::test]
async fn an_order_is_confirmed_when_stock_and_payment_are_there() {
    let world = World::new();
    let reserve = world.place().await;
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Applied);
    assert_eq!(world.order(1).await.version().get(), 1);
    let authorize = world.sent().await;
    assert_eq!(kinds(&authorize), [CommandType::Authorize]);
    assert_eq!(authorize[0].causation, Some(reply(&reserve[0], Verdict::Done).id));
    assert_eq!(world.answer(&authorize[0], Verdict::Done).await, ReplyOutcome::Applied);
    let order = world.order(1).await;
    assert_eq!((order.status(), order.version().get()), (OrderStatus::Confirmed, 2));
    let confirmed = world.events(1).await.pop().unwrap();
    assert_eq!(confirmed.kind.as_str(), "order.confirmed");
    assert!(confirmed.context.contains(&an_origin().correlation_id), "{}", confirmed.context);
    assert_eq!(world.stored(1).await.unwrap().stored.saga_revision, 3);
    assert_eq!(world.sent().await, []);
    assert!(
        world
            .sagas
            .stats()
            .steps()
            .any(|step| { step.kind.as_str() == "order.confirmed" && step.count == 1 })
    );
}

#[tokio::test]
async fn an_order_without_stock_is_cancelled() {
    let world = World::new();
    let reserve = world.place().await;
    assert_eq!(world.answer(&reserve[0], Verdict::Rejected).await, ReplyOutcome::Applied);
    let order = world.order(1).await;
    assert_eq!(order.status(), OrderStatus::Cancelled);
    assert_eq!(order.snapshot().cancel_reason, Some(CancelReason::OutOfStock));
    assert_eq!(world.state(1).await, SagaState::Compensated);
    assert_eq!(world.sent().await, []);
}

#[tokio::test]
async fn a_failure_is_recorded_and_changes_nothing_else() {
    let world = World::new();
    let reserve = world.place().await;
    let mut failed = reply(&reserve[0], Verdict::Failed);
    failed.detail = Some("disk full".to_owned());
    assert_eq!(world.sagas.reply(&failed).await.unwrap(), ReplyOutcome::Applied);
    let saga = world.saga(1).await;
    assert_eq!(saga.state, SagaState::Running);
    assert_eq!(saga.exchanges[&CommandType::Reserve].last_error.as_deref(), Some("disk full"));
    assert_eq!(world.sent().await, []);
}

#[tokio::test]
async fn the_same_reply_again_changes_nothing() {
    let world = World::new();
    let reserve = world.place().await;
    world.answer(&reserve[0], Verdict::Done).await;
    let before = world.stored(1).await;
    world.sent().await;
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Known);
    assert_eq!(world.stored(1).await, before);
    assert_eq!(world.sent().await, []);
    assert_eq!(world.answer(&reserve[0], Verdict::Rejected).await, ReplyOutcome::Contradiction);
    assert!(world.stored(1).await.unwrap().saga.attention);
}

#[tokio::test]
async fn a_reply_that_no_saga_waits_for_is_passed() {
    let world = World::new();
    let reserve = world.place().await;
    let mut other = reserve[0].clone();
    other.id = Uuid::from_u128(7);
    assert_eq!(world.answer(&other, Verdict::Done).await, ReplyOutcome::Unknown);
    let unknown_order = order_app::ports::Command {
        order_id: order_testkit::examples::an_order_id(99),
        ..reserve[0].clone()
    };
    assert_eq!(world.answer(&unknown_order, Verdict::Done).await, ReplyOutcome::Unknown);
    let broken = |saga| order_app::ports::SagaWrite { document: "{".to_owned(), ..saga };
    world.rewrite(1, broken).await;
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Unknown);
    assert_eq!(world.stored(1).await.unwrap().saga.document, "{");
}

#[tokio::test]
async fn a_reply_is_given_again_when_the_store_does_not_answer() {
    let world = World::new();
    let reserve = world.place().await;
    for method in [Method::Saga, Method::Commit] {
        world.faults.before(method).once().fails(unavailable);
        let result = world.sagas.reply(&reply(&reserve[0], Verdict::Done)).await;
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
        assert_eq!(world.sent().await, []);
    }
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Applied);
    assert_eq!(kinds(&world.sent().await), [CommandType::Authorize]);
}

#[tokio::test]
async fn what_follows_is_sent_when_the_answer_to_a_commit_is_lost() {
    for has_landed in [true, false] {
        let world = World::new();
        let reserve = world.place().await;
        let lost = || StoreError::OutcomeUnknown("the connection is gone".into());
        let fault = if has_landed {
            world.faults.after(Method::Commit)
        } else {
            world.faults.before(Method::Commit)
        };
        fault.once().fails(lost);
        let outcome = world.answer(&reserve[0], Verdict::Done).await;
        assert_eq!(outcome, ReplyOutcome::Applied, "{has_landed}");
        assert_eq!(kinds(&world.sent().await), [CommandType::Authorize]);
        assert_eq!(world.stored(1).await.unwrap().stored.saga_revision, 2);
    }
}

/// As a store does it that has lost the connection at COMMIT: it writes again, and finds another revision.
#[tokio::test]
async fn a_reply_whose_commit_conflicts_with_itself_was_applied() {
    let world = World::new();
    let reserve = world.place().await;
    let conflict = || StoreError::Conflict(Conflict::Version);
    world.faults.after(Method::Commit).once().fails(conflict);
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Applied);
    assert_eq!(kinds(&world.sent().await), [CommandType::Authorize]);
    assert_eq!(world.stored(1).await.unwrap().stored.saga_revision, 2);
}

#[tokio::test]
async fn what_follows_is_sent_when_another_change_came_after_a_commit_in_doubt() {
    let world = World::new();
    let reserve = world.place().await;
    let other = std::sync::Mutex::new(Some((World::over(&world.memory, true), reserve[0].clone())));
    world.faults.after(Method::Commit).once().runs(move |_| {
        let (other, mut command) = other.lock().unwrap().take().unwrap();
        Box::pin(async move {
            command.id = other.saga(1).await.exchanges[&CommandType::Authorize].command;
            other.answer(&command, Verdict::Failed).await;
            Err(StoreError::OutcomeUnknown("the connection is gone".into()))
        })
    });
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Known);
    assert_eq!(kinds(&world.sent().await), [CommandType::Authorize]);
}

#[tokio::test]
async fn a_doubt_stays_a_doubt_when_nothing_can_be_read() {
    let world = World::new();
    let reserve = world.place().await;
    let lost = || StoreError::OutcomeUnknown("the connection is gone".into());
    world.faults.after(Method::Commit).once().fails(lost);
    let mut reads = 0;
    let second = move |_: &_| {
        reads += 1;
        reads == 2
    };
    world.faults.before(Method::Saga).when(second).fails(unavailable);
    let result = world.sagas.reply(&reply(&reserve[0], Verdict::Done)).await;
    assert!(matches!(result, Err(StoreError::OutcomeUnknown(_))), "{result:?}");
}

#[tokio::test]
async fn a_reply_that_can_never_be_taken_is_passed() {
    let world = World::new();
    let reserve = world.place().await;
    world.faults.before(Method::Saga).fails(|| StoreError::Corrupt("no order".into()));
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Unknown);
}

#[tokio::test]
async fn a_cancellation_that_comes_first_wins() {
    let world = World::new();
    let reserve = world.place().await;
    let other = std::sync::Mutex::new(Some(World::over(&world.memory, true)));
    world.faults.before(Method::Commit).once().runs(move |_| {
        let other = other.lock().unwrap().take().unwrap();
        Box::pin(async move {
            other.change(1, OrderStatus::Cancelled).await.unwrap();
            Ok(())
        })
    });
    assert_eq!(world.answer(&reserve[0], Verdict::Done).await, ReplyOutcome::Late);
    assert_eq!(world.order(1).await.status(), OrderStatus::Cancelled);
    // The other instance has sent the undo.
    assert_eq!(world.sent().await, []);
    assert_eq!(world.state(1).await, SagaState::Compensating);
}

#[tokio::test]
async fn replies_and_commands_are_counted() {
    let world = World::new();
    let reserve = world.place().await;
    world.answer(&reserve[0], Verdict::Done).await;
    world.answer(&reserve[0], Verdict::Done).await;
    let stats = world.sagas.stats();
    let replies: Vec<_> = stats.replies().filter(|reply| reply.count > 0).collect();
    let counted = |outcome| {
        replies
            .iter()
            .filter(|reply| reply.outcome == outcome)
            .map(|reply| reply.count)
            .sum::<u64>()
    };
    assert!(replies.iter().all(|reply| reply.command == CommandType::Reserve), "{replies:?}");
    assert_eq!((counted(ReplyOutcome::Applied), counted(ReplyOutcome::Known)), (1, 1));
    let commands: Vec<_> = stats.commands().filter(|command| command.count > 0).collect();
    let kinds: Vec<_> = commands.iter().map(|command| (command.command, command.again)).collect();
    assert_eq!(kinds, [(CommandType::Reserve, false), (CommandType::Authorize, false)]);
}
