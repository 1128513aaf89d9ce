//! The verdict finds what is planted: each trial changes one fact of a run without a fault, and names what has to be found.

use libtest_mimic::Trial;
use order_testkit::audit::{EventRow, OrderRow};
use order_testkit::tables::SagaRow;
use serde_json::json;

use crate::trial;
use crate::verdict::{Effects, Facts, Finding, Keeper, findings, ledger, notices, worth_a_notice};

/// Orders of a run without a fault, by how they ended.
const READY: i64 = 1;
const COMPLETED: i64 = 2;
const DELIVERED: i64 = 3;
/// Cancelled when both were held.
const RETURNED: i64 = 4;
/// Cancelled before anything was held.
const NEVER_HELD: i64 = 5;

const HELD: Effects = Effects { held: 1, returned: 0, made_final: 0 };
const FINAL: Effects = Effects { held: 1, returned: 0, made_final: 1 };
const GIVEN_BACK: Effects = Effects { held: 1, returned: 1, made_final: 0 };

/// An order with its events, its saga and what the clients and customers were told.
fn add(facts: &mut Facts, id: i64, state: &str, path: &[&str], effects: Option<Effects>) {
    let status = path.last().copied().unwrap_or("PENDING").to_owned();
    let version = i64::try_from(path.len()).unwrap() + 1;
    facts.tables.orders.push(OrderRow { id, version, status });
    let kinds = std::iter::once("created".to_owned()).chain(path.iter().map(|s| s.to_lowercase()));
    for (sequence, kind) in (1..).zip(kinds) {
        facts.tables.events.push(EventRow {
            id: format!("{id}-{sequence}"),
            order: id,
            sequence,
            kind: format!("order.{kind}"),
            body: 0,
        });
    }
    facts.sagas.push(SagaRow { order: id, state: state.to_owned(), attention: false });
    facts.told.insert(id, None);
    if let Some(effects) = effects {
        facts.stock.insert(id, effects);
        facts.money.insert(id, effects);
    }
}

fn without_fault() -> Facts {
    let mut facts = Facts::default();
    add(&mut facts, READY, "READY", &["CONFIRMED"], Some(HELD));
    add(&mut facts, COMPLETED, "COMPLETED", &["CONFIRMED", "IN_PROGRESS"], Some(FINAL));
    let path = ["CONFIRMED", "IN_PROGRESS", "DELIVERED"];
    add(&mut facts, DELIVERED, "COMPLETED", &path, Some(FINAL));
    facts.told.insert(DELIVERED, Some("DELIVERED"));
    add(&mut facts, RETURNED, "COMPENSATED", &["CONFIRMED", "CANCELLED"], Some(GIVEN_BACK));
    facts.told.insert(RETURNED, Some("CANCELLED"));
    add(&mut facts, NEVER_HELD, "COMPENSATED", &["CANCELLED"], None);
    facts.notices = worth_a_notice(&facts.tables);
    facts
}

fn saga(facts: &mut Facts, order: i64) -> &mut SagaRow {
    facts.sagas.iter_mut().find(|saga| saga.order == order).unwrap()
}

fn order(facts: &mut Facts, id: i64) -> &mut OrderRow {
    facts.tables.orders.iter_mut().find(|order| order.id == id).unwrap()
}

/// What a trial changes, and what has to be found.
type Plant = (&'static str, fn(&mut Facts), &'static [Finding]);

const PLANTS: &[Plant] = &[
    ("nothing", |_| {}, &[]),
    (
        "an_order_that_a_client_knows_is_gone",
        |facts| {
            facts.told.insert(99, None);
        },
        &[Finding::Lost(99)],
    ),
    (
        "an_order_that_no_client_has_placed",
        |facts| {
            facts.told.remove(&READY);
        },
        &[Finding::OfNobody(READY)],
    ),
    (
        "an_answer_that_does_not_last",
        |facts| {
            facts.told.insert(COMPLETED, Some("DELIVERED"));
        },
        &[Finding::OtherStatus(COMPLETED)],
    ),
    (
        "an_order_without_a_saga",
        |facts| facts.sagas.retain(|saga| saga.order != READY),
        &[Finding::NoSaga(READY)],
    ),
    (
        "a_saga_without_an_order",
        |facts| {
            let (state, attention) = ("COMPENSATED".to_owned(), false);
            facts.sagas.push(SagaRow { order: 99, state, attention });
        },
        &[Finding::SagaOfNothing(99)],
    ),
    (
        "a_saga_that_waits_for_ever",
        |facts| "COMPENSATING".clone_into(&mut saga(facts, NEVER_HELD).state),
        &[Finding::Unfinished(NEVER_HELD)],
    ),
    (
        "a_saga_that_needs_a_person",
        |facts| saga(facts, READY).attention = true,
        &[Finding::Attention(READY)],
    ),
    (
        "a_saga_that_stands_elsewhere_than_its_order",
        |facts| "PENDING".clone_into(&mut order(facts, READY).status),
        &[Finding::Disagreement(READY)],
    ),
    (
        "stock_that_was_never_held",
        |facts| {
            facts.stock.remove(&READY);
        },
        &[Finding::WrongEffects(Keeper::Stock, READY)],
    ),
    (
        "money_that_was_never_taken",
        |facts| {
            facts.money.insert(DELIVERED, HELD);
        },
        &[Finding::WrongEffects(Keeper::Money, DELIVERED)],
    ),
    (
        "money_of_a_cancelled_order_that_is_kept",
        |facts| {
            facts.money.insert(RETURNED, HELD);
        },
        &[Finding::WrongEffects(Keeper::Money, RETURNED)],
    ),
    (
        "money_of_a_cancelled_order_that_is_taken",
        |facts| {
            facts.money.insert(RETURNED, FINAL);
        },
        &[Finding::WrongEffects(Keeper::Money, RETURNED)],
    ),
    (
        "stock_that_is_taken_out_too_early",
        |facts| {
            facts.stock.insert(READY, FINAL);
        },
        &[Finding::WrongEffects(Keeper::Stock, READY)],
    ),
    (
        "stock_that_is_held_twice",
        |facts| {
            facts.stock.insert(RETURNED, Effects { held: 2, returned: 2, made_final: 0 });
        },
        &[Finding::Unbalanced(Keeper::Stock, RETURNED)],
    ),
    (
        "money_that_is_given_back_and_taken",
        |facts| {
            facts.money.insert(COMPLETED, Effects { held: 1, returned: 1, made_final: 1 });
        },
        &[
            Finding::WrongEffects(Keeper::Money, COMPLETED),
            Finding::Unbalanced(Keeper::Money, COMPLETED),
        ],
    ),
    (
        "effects_without_an_order",
        |facts| {
            facts.stock.insert(99, GIVEN_BACK);
        },
        &[Finding::EffectsOfNothing(Keeper::Stock, 99)],
    ),
    (
        "a_customer_who_was_not_told",
        |facts| facts.notices.retain(|notice| notice.0 != RETURNED || notice.1 != 3),
        &[Finding::NotTold(RETURNED, 3)],
    ),
    (
        "a_customer_who_was_told_twice",
        |facts| facts.notices.push((READY, 2, "confirmed".to_owned())),
        &[Finding::NotTold(READY, 2)],
    ),
    (
        "a_customer_who_was_told_what_did_not_happen",
        |facts| facts.notices.push((READY, 3, "cancelled".to_owned())),
        &[Finding::ToldOfNothing(READY, 3)],
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let planted = PLANTS.iter().map(|(name, plant, expected)| {
        trial(format!("verdict::{name}"), move || {
            let mut facts = without_fault();
            plant(&mut facts);
            assert_eq!(findings(&facts), *expected);
        })
    });
    planted.chain([trial("verdict::audits_of_participants_are_read", audits_are_read)]).collect()
}

/// In the form that `order-participants audit` prints.
fn audits_are_read() {
    let orders = json!({"orders": [{"orderId": 7, "held": 1, "returned": 0, "final": 1}]});
    assert_eq!(ledger(&orders), [(7, FINAL)].into());
    let told =
        json!({"notices": [{"orderId": 7, "version": 2, "what": "confirmed", "reason": null}]});
    assert_eq!(notices(&told), [(7, 2, "confirmed".to_owned())]);
}
