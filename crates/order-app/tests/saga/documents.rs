//! Documents as releases have written them. The files are never changed: a new form gets new ones beside them.

use std::time::Duration;

use order_app::saga::{
    Action, AttentionReason, DocumentError, ExchangeState, MAX_DOCUMENT_BYTES, MAX_INTERVENTIONS,
    Saga, SagaState, StepName,
};
use order_domain::OrderStatus;
use order_events::saga::CommandType;
use serde_json::{Value, json};

use crate::world::{Found, Led, by_ada, done};

/// Each document with the order that it was stored beside.
const CORPUS: [(&str, Found); 11] = [
    (include_str!("documents/1-running.json"), Found::Pending),
    (include_str!("documents/1-running-after-failures.json"), Found::Pending),
    (include_str!("documents/1-running-moved-past.json"), Found::Confirmed),
    (include_str!("documents/1-running-lines-changed.json"), Found::Relined),
    (include_str!("documents/1-ready.json"), Found::Confirmed),
    (include_str!("documents/1-ready-by-hand.json"), Found::Confirmed),
    (include_str!("documents/1-fulfilling-not-paid.json"), Found::Delivered),
    (include_str!("documents/1-completed.json"), Found::Delivered),
    (include_str!("documents/1-compensating-overdue.json"), Found::Cancelled),
    (include_str!("documents/1-compensating-contradicted.json"), Found::Cancelled),
    (include_str!("documents/1-compensated.json"), Found::Cancelled),
];

/// Participants answer, the order goes on, and a person helps where nothing else does.
fn run_to_its_end(led: &mut Led) {
    for _ in 0..12 {
        if led.state().is_final() {
            return;
        }
        let mut sent = led.after(Duration::from_hours(1)).send;
        let is_silent = sent.is_empty();
        while let Some(command) = sent.pop() {
            sent.extend(led.answer(command.task.kind(), done()).send);
        }
        if led.state() == SagaState::Ready {
            led.moves(OrderStatus::InProgress);
        } else if is_silent && led.attention().is_some() {
            let skipped = StepName::ALL.iter().filter(|step| led.act(Action::Skip(**step)).is_ok());
            assert_ne!(skipped.count(), 0, "{:#?}", led.saga);
        }
    }
    panic!("no end: {:#?}", led.saga);
}

#[test]
fn sagas_of_every_released_form_are_run_to_their_end() {
    for (text, found) in CORPUS {
        let saga = Saga::from_document(text).unwrap();
        let now = saga.updated_at;
        let mut led = Led::from(saga, found.order(), now);
        run_to_its_end(&mut led);
        let is_cancelled = led.order.status() == OrderStatus::Cancelled;
        let end = if is_cancelled { SagaState::Compensated } else { SagaState::Completed };
        assert_eq!(led.state(), end);
    }
}

#[test]
fn documents_of_this_form_are_written_as_they_were() {
    for (text, _) in CORPUS {
        let again = Saga::from_document(text).unwrap().to_document().unwrap();
        let [was, is] = [text, &again].map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(was, is);
    }
}

#[test]
fn the_corpus_has_every_name_that_a_document_may_have() {
    let all: String = CORPUS.iter().map(|(text, _)| *text).collect();
    let states = SagaState::ALL.iter().map(|name| name.as_str());
    let names = states
        .chain(CommandType::ALL.iter().map(|name| name.as_str()))
        .chain(ExchangeState::ALL.iter().map(|name| name.as_str()))
        .chain(AttentionReason::ALL.iter().map(|name| name.as_str()))
        .chain(["retry", "skip", "confirm", "reserve", "traceparent", "causation", "deadline"])
        .chain(["contradicted", "lastError", "reference", "answeredAt", "dueAt", "interventions"]);
    let missing: Vec<_> = names.filter(|name| !all.contains(&format!("\"{name}\""))).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn documents_of_other_forms_are_refused() {
    let text = Led::ready().saga.to_document().unwrap();
    let with = |change: fn(&mut Value)| {
        let mut document = serde_json::from_str(&text).unwrap();
        change(&mut document);
        Saga::from_document(&document.to_string()).unwrap_err()
    };
    let newer = with(|document| document["form"] = json!(2));
    assert!(matches!(newer, DocumentError::UnknownForm(2)), "{newer}");
    let unreadable = [
        with(|document| drop(document.as_object_mut().unwrap().remove("form"))),
        with(|document| document["state"] = json!("PAUSED")),
        with(|document| document["orderId"] = json!(0)),
        with(|document| document["exchanges"]["payment.refund"] = json!({})),
    ];
    for error in unreadable {
        assert!(matches!(error, DocumentError::Unreadable(_)), "{error}");
    }
    let large = Saga::from_document(&" ".repeat(MAX_DOCUMENT_BYTES + 1)).unwrap_err();
    assert!(matches!(large, DocumentError::TooLarge(_)), "{large}");
}

#[test]
fn the_longest_texts_make_no_document_that_is_too_large() {
    let mut saga = Led::ready().saga;
    let some = |characters| Some("\u{1d11e}".repeat(characters));
    let mut exchange = saga.exchanges[&CommandType::Reserve].clone();
    (exchange.reason, exchange.last_error) = (some(100), some(500));
    (exchange.reference, exchange.causation) = (some(200), some(200));
    saga.exchanges = CommandType::ALL.iter().map(|kind| (*kind, exchange.clone())).collect();
    let mut kept = by_ada(Action::Confirm);
    (kept.actor, kept.reason) = (some(64).unwrap(), some(500).unwrap());
    saga.interventions = vec![kept; MAX_INTERVENTIONS];
    let document = saga.to_document().unwrap();
    assert_eq!(Saga::from_document(&document).unwrap(), saga);
}
