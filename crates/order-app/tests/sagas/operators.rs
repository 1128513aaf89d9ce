//! What operators may ask about sagas, and do about them.

use order_app::actions::{Actor, Reason};
use order_app::caller::{Access, Authorities, Authority, Caller, CallerName};
use order_app::ports::{
    Conflict, OrderStore as _, SagaChange, SagaStore as _, SagaWrite, StoreError, StoredSaga,
};
use order_app::saga::{Action, AttentionReason, NotNow, Saga, SagaState, StepName};
use order_app::sagas::{FindSagaError, Intervene, InterveneError};
use order_domain::{CustomerId, OrderStatus};
use order_events::saga::{CommandType, Verdict};
use order_testkit::Method;
use order_testkit::examples::{an_order_id, anyone, noon, soon};

use crate::world::{World, kinds};

fn by_ada(id: i64, action: Action, revision: i64) -> Intervene {
    let actor = Actor::new("ada").unwrap();
    let reason = Reason::new("the warehouse called").unwrap();
    Intervene { id: an_order_id(id), action, actor, reason, revision }
}

fn caller(access: Access, authorities: &[Authority]) -> Caller {
    let name = CallerName::new("someone").unwrap();
    Caller::new(name, access, authorities.iter().copied().collect(), None)
}

#[tokio::test]
async fn a_reader_sees_the_saga_of_an_order_within_reach() {
    let world = World::new();
    world.place().await;
    let view = world.sagas.find(anyone(), an_order_id(1)).await.unwrap();
    assert_eq!((view.revision, view.saga.state), (1, SagaState::Running));
    assert_eq!(view.order, world.order(1).await);
    let own = |customer| {
        let customer = CustomerId::new(customer).unwrap();
        caller(Access::Customer(customer), &[Authority::Read])
    };
    let operator = world.sagas.operator(anyone()).unwrap();
    operator.intervene(by_ada(1, Action::Retry(None), 1)).await.unwrap();
    let everything = world.sagas.find(anyone(), an_order_id(1)).await.unwrap();
    assert_eq!(everything.saga.interventions.len(), 1);
    let seen = world.sagas.find(&own(42), an_order_id(1)).await.unwrap();
    assert_eq!(seen.saga.interventions, [], "what operators wrote is for operators");
    let other = world.sagas.find(&own(43), an_order_id(1)).await;
    assert!(matches!(other, Err(FindSagaError::OrderNotFound)), "{other:?}");
    let unknown = world.sagas.find(anyone(), an_order_id(2)).await;
    assert!(matches!(unknown, Err(FindSagaError::OrderNotFound)), "{unknown:?}");
    let forbidden = world.sagas.find(&caller(Access::Everything, &[]), an_order_id(1)).await;
    assert!(matches!(forbidden, Err(FindSagaError::Forbidden(_))), "{forbidden:?}");
    let without = World::over(&world.memory, false);
    without.place().await;
    let none = without.sagas.find(anyone(), an_order_id(2)).await;
    assert!(matches!(none, Err(FindSagaError::NotFound)), "{none:?}");
}

#[tokio::test]
async fn only_operators_operate() {
    let world = World::new();
    let others: Authorities =
        Authority::ALL.into_iter().filter(|each| *each != Authority::Admin).collect();
    let name = CallerName::new("someone").unwrap();
    assert!(world.sagas.operator(&Caller::new(name, Access::Everything, others, None)).is_err());
    assert!(world.sagas.operator(&caller(Access::Nothing, &[Authority::Admin])).is_ok());
}

#[tokio::test]
async fn flagged_sagas_are_listed_with_their_reasons_page_by_page() {
    let world = World::new();
    let operator = world.sagas.operator(anyone()).unwrap();
    assert_eq!(operator.flagged(None).await.unwrap().sagas, []);
    for id in 1..=60 {
        let reserve = world.place().await;
        if id != 7 {
            world.answer(&reserve[0], Verdict::Done).await;
            world.answer(&reserve[0], Verdict::Rejected).await;
        }
        world.sent().await;
    }
    let broken = |saga| SagaWrite { document: "{".to_owned(), ..saga };
    world.rewrite(9, broken).await;
    let first = operator.flagged(None).await.unwrap();
    let second = operator.flagged(first.next).await.unwrap();
    assert_eq!((first.sagas.len(), second.sagas.len(), second.next), (50, 9, None));
    let all: Vec<_> = first.sagas.into_iter().chain(second.sagas).collect();
    for flagged in all {
        let Some((state, attention)) = flagged.saga else {
            assert_eq!(flagged.order, an_order_id(9));
            continue;
        };
        assert_eq!(state, SagaState::Running);
        assert_eq!(attention.unwrap().reason, AttentionReason::Contradiction);
    }
}

#[tokio::test]
async fn a_command_is_sent_again_at_once_on_request() {
    let world = World::new();
    let first = world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    let view = operator.intervene(by_ada(1, Action::Retry(None), 1)).await.unwrap();
    assert_eq!(view.revision, 2);
    let kept = &view.saga.interventions[0];
    assert_eq!((&*kept.actor, &*kept.reason), ("ada", "the warehouse called"));
    let again = world.sent().await;
    assert_eq!((again[0].id, again[0].attempt), (first[0].id, 2));
    assert_eq!(operator.show(an_order_id(1)).await.unwrap(), view);
}

#[tokio::test]
async fn what_cannot_be_sent_on_request_is_due_at_once() {
    let world = World::new();
    let first = world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    world.commands.works_since(None);
    let view = operator.intervene(by_ada(1, Action::Retry(None), 1)).await.unwrap();
    assert_eq!(view.saga.exchanges[&CommandType::Reserve].attempts, 1, "nothing was sent");
    assert_eq!(world.sent().await, []);
    world.commands.works_since(Some(noon()));
    assert_eq!(world.sweep(1).look().await.unwrap(), 1);
    let again = world.sent().await;
    assert_eq!((again[0].id, again[0].attempt), (first[0].id, 2));
    assert_eq!(world.sweep(1).look().await.unwrap(), 0);
}

#[tokio::test]
async fn an_action_that_may_have_landed_before_another_change_is_not_refused() {
    let world = World::new();
    let first = world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    let memory = world.memory.clone();
    world.faults.after(Method::Commit).once().runs(move |_| {
        let memory = memory.clone();
        async move {
            let id = an_order_id(1);
            let StoredSaga { stored, saga } = memory.saga(id, soon()).await?.unwrap();
            let mut saga = Saga::from_document(&saga.document).unwrap();
            saga.exchanges.values_mut().for_each(|it| it.last_error = Some("sick".to_owned()));
            let saga = saga.to_write().unwrap();
            let change = SagaChange { id, seen: stored.seen(), saga };
            memory.commit(change.into(), soon()).await?;
            Err(StoreError::OutcomeUnknown("lost".into()))
        }
    });
    let unknown = operator.intervene(by_ada(1, Action::Retry(None), 1)).await;
    let is_unknown = matches!(unknown, Err(InterveneError::Store(StoreError::OutcomeUnknown(_))));
    assert!(is_unknown, "{unknown:?}");
    let sent = world.sent().await;
    assert_eq!((sent[0].id, sent[0].attempt), (first[0].id, 2), "it may not have been sent");
}

#[tokio::test]
async fn an_order_without_a_saga_is_told_from_one_that_there_is_not() {
    let world = World::over(&std::sync::Arc::default(), false);
    world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    let (none, unknown) = (an_order_id(1), an_order_id(2));
    assert!(matches!(operator.show(none).await, Err(FindSagaError::NotFound)));
    assert!(matches!(operator.show(unknown).await, Err(FindSagaError::OrderNotFound)));
    let none = operator.intervene(by_ada(1, Action::Confirm, 1)).await;
    assert!(matches!(none, Err(InterveneError::NotFound)), "{none:?}");
    let unknown = operator.intervene(by_ada(2, Action::Confirm, 1)).await;
    assert!(matches!(unknown, Err(InterveneError::OrderNotFound)), "{unknown:?}");
}

#[tokio::test]
async fn an_action_whose_answer_is_lost_has_its_effect_once() {
    let world = World::new();
    world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    let conflict = || StoreError::Conflict(Conflict::Version);
    world.faults.after(Method::Commit).once().fails(conflict);
    let view = operator.intervene(by_ada(1, Action::Retry(None), 1)).await.unwrap();
    assert_eq!((view.revision, view.saga.interventions.len()), (2, 1));
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn an_operator_confirms_an_order_by_hand() {
    let world = World::new();
    world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    let view = operator.intervene(by_ada(1, Action::Confirm, 1)).await.unwrap();
    assert_eq!((view.order.status(), view.saga.state), (OrderStatus::Confirmed, SagaState::Ready));
    assert_eq!(world.order(1).await, view.order);
    assert_eq!(world.events(1).await.pop().unwrap().kind.as_str(), "order.confirmed");
}

#[tokio::test]
async fn an_operator_skips_a_step_that_a_person_has_done() {
    let world = World::new();
    world.place().await;
    let operator = world.sagas.operator(anyone()).unwrap();
    operator.intervene(by_ada(1, Action::Skip(StepName::Reserve), 1)).await.unwrap();
    assert_eq!(kinds(&world.sent().await), [CommandType::Authorize]);
}

#[tokio::test]
async fn an_action_counts_for_the_revision_that_was_looked_at() {
    let world = World::new();
    let reserve = world.place().await;
    world.answer(&reserve[0], Verdict::Done).await;
    let operator = world.sagas.operator(anyone()).unwrap();
    let stale = operator.intervene(by_ada(1, Action::Confirm, 1)).await;
    assert!(matches!(stale, Err(InterveneError::RevisionMismatch { current: 2 })), "{stale:?}");
    let not_now = operator.intervene(by_ada(1, Action::Skip(StepName::Capture), 2)).await;
    let Err(InterveneError::NotNow(reason)) = not_now else { panic!("{not_now:?}") };
    assert_eq!(reason, NotNow::NothingToSkip(StepName::Capture));
    let unknown = operator.intervene(by_ada(2, Action::Confirm, 1)).await;
    assert!(matches!(unknown, Err(InterveneError::OrderNotFound)), "{unknown:?}");
    assert_eq!(world.stored(1).await.unwrap().stored.saga_revision, 2);
}
