//! What has to be true after the storm, of orders, sagas, the ledgers of stock and money, the notices to customers, and what the
//! clients were told. `planted.rs` shows that each of these findings is made.

use std::collections::{BTreeMap, BTreeSet};

use order_testkit::audit::Tables;
use order_testkit::tables::SagaRow;
use serde_json::Value;

/// Who keeps a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    Stock,
    Money,
}

/// How often something was held for an order, given back, and made final.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) held: u64,
    pub(crate) returned: u64,
    pub(crate) made_final: u64,
}

/// The effects of a participant, by order.
pub(crate) type Ledger = BTreeMap<i64, Effects>;

/// What a customer was told: the order, its version, and what happened to it.
pub(crate) type Notice = (i64, i64, String);

/// Everything that is compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Orders and their events.
    pub(crate) tables: Tables,
    pub(crate) sagas: Vec<SagaRow>,
    pub(crate) stock: Ledger,
    pub(crate) money: Ledger,
    pub(crate) notices: Vec<Notice>,
    /// The orders that clients know of, each with the last status that was answered to a change.
    pub(crate) told: BTreeMap<i64, Option<&'static str>>,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A client was told that the order is placed, and there is none.
    Lost(i64),
    /// No client has placed the order.
    OfNobody(i64),
    /// The order stands elsewhere than its client was told.
    OtherStatus(i64),
    /// The order has no saga.
    NoSaga(i64),
    /// There is no order to the saga.
    SagaOfNothing(i64),
    /// The saga is neither over nor waits for its order.
    Unfinished(i64),
    /// A person should look at the saga, though every participant has kept its contract.
    Attention(i64),
    /// The saga has not led to where the order stands.
    Disagreement(i64),
    /// The effects on stock or money are not those of the saga's end.
    WrongEffects(Keeper, i64),
    /// Something was held more than once, or given back or made final without being held.
    Unbalanced(Keeper, i64),
    /// There is no order to effects.
    EffectsOfNothing(Keeper, i64),
    /// A customer was not told of the version, or told twice.
    NotTold(i64, i64),
    /// A customer was told what did not happen.
    ToldOfNothing(i64, i64),
}

/// The ledger in the audit of a participant.
pub(crate) fn ledger(audit: &Value) -> Ledger {
    let count = |order: &Value, name: &str| order[name].as_u64().unwrap();
    let orders = audit["orders"].as_array().unwrap().iter();
    let effects = |order: &Value| {
        let [held, returned, made_final] =
            ["held", "returned", "final"].map(|name| count(order, name));
        (order["orderId"].as_i64().unwrap(), Effects { held, returned, made_final })
    };
    orders.map(effects).collect()
}

/// The notices in the audit of notification.
pub(crate) fn notices(audit: &Value) -> Vec<Notice> {
    let notices = audit["notices"].as_array().unwrap().iter();
    let notice = |notice: &Value| {
        let [order, version] = ["orderId", "version"].map(|name| notice[name].as_i64().unwrap());
        (order, version, notice["what"].as_str().unwrap().to_owned())
    };
    notices.map(notice).collect()
}

/// What a customer is told of: these events, and no others.
pub(crate) fn worth_a_notice(tables: &Tables) -> Vec<Notice> {
    let what = |kind: &str| match kind {
        "order.confirmed" => Some("confirmed"),
        "order.cancelled" => Some("cancelled"),
        "order.delivered" => Some("delivered"),
        _ => None,
    };
    let events = tables.events.iter();
    events
        .filter_map(|event| Some((event.order, event.sequence, what(&event.kind)?.to_owned())))
        .collect()
}

/// Everything that is wrong.
pub(crate) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let statuses: BTreeMap<i64, &str> =
        facts.tables.orders.iter().map(|order| (order.id, order.status.as_str())).collect();
    let sagas: BTreeMap<i64, &SagaRow> = facts.sagas.iter().map(|row| (row.order, row)).collect();
    for (order, last) in &facts.told {
        match statuses.get(order) {
            None => found.push(Finding::Lost(*order)),
            Some(status) if last.is_some_and(|last| last != *status) => {
                found.push(Finding::OtherStatus(*order));
            }
            Some(_) => {}
        }
    }
    for (order, status) in &statuses {
        if !facts.told.contains_key(order) {
            found.push(Finding::OfNobody(*order));
        }
        match sagas.get(order) {
            None => found.push(Finding::NoSaga(*order)),
            Some(saga) => of_saga(saga, status, facts, &mut found),
        }
    }
    let of_nothing = sagas.keys().filter(|order| !statuses.contains_key(order));
    found.extend(of_nothing.copied().map(Finding::SagaOfNothing));
    for (keeper, ledger) in [(Keeper::Stock, &facts.stock), (Keeper::Money, &facts.money)] {
        for (order, effects) in ledger {
            if !statuses.contains_key(order) {
                found.push(Finding::EffectsOfNothing(keeper, *order));
            }
            if effects.held > 1 || effects.returned + effects.made_final > effects.held {
                found.push(Finding::Unbalanced(keeper, *order));
            }
        }
    }
    of_notices(facts, &mut found);
    found
}

fn of_saga(saga: &SagaRow, status: &str, facts: &Facts, found: &mut Vec<Finding>) {
    let order = saga.order;
    if saga.attention {
        found.push(Finding::Attention(order));
    }
    let (is_there, effects): (bool, fn(&Effects) -> bool) = match saga.state.as_str() {
        // Both were held, and still are.
        "READY" => {
            (status == "CONFIRMED", |of| *of == Effects { held: 1, returned: 0, made_final: 0 })
        }
        "COMPLETED" => (matches!(status, "IN_PROGRESS" | "DELIVERED"), |of| {
            *of == Effects { held: 1, returned: 0, made_final: 1 }
        }),
        // What was held is given back; each may never have been held.
        "COMPENSATED" => (status == "CANCELLED", |of| of.made_final == 0 && of.held == of.returned),
        _ => return found.push(Finding::Unfinished(order)),
    };
    if !is_there {
        found.push(Finding::Disagreement(order));
    }
    for (keeper, ledger) in [(Keeper::Stock, &facts.stock), (Keeper::Money, &facts.money)] {
        if !effects(&ledger.get(&order).copied().unwrap_or_default()) {
            found.push(Finding::WrongEffects(keeper, order));
        }
    }
}

/// Customers were told of each event once, and of nothing else.
fn of_notices(facts: &Facts, found: &mut Vec<Finding>) {
    let events: BTreeSet<Notice> = worth_a_notice(&facts.tables).into_iter().collect();
    let mut times: BTreeMap<&Notice, usize> = BTreeMap::new();
    for notice in &facts.notices {
        *times.entry(notice).or_default() += 1;
    }
    for event in &events {
        if times.remove(event) != Some(1) {
            found.push(Finding::NotTold(event.0, event.1));
        }
    }
    found.extend(times.into_keys().map(|(order, version, _)| {
        // One that is there in another version, or of an order that is not there.
        Finding::ToldOfNothing(*order, *version)
    }));
}
