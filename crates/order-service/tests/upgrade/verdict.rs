//! What has to be true in the end, and on the way.

use order_testkit::audit::{OrderRow, audit};
use order_testkit::tables;
use serde_json::Value;

use crate::shop::{Release, Shop};
use crate::support::Service;

/// Both instances read every acknowledged order, whichever release wrote it, as it was acknowledged.
pub(crate) fn both_read_all(instances: &[(Release, &Service)], orders: &[Value]) {
    for (release, service) in instances {
        for order in orders {
            let read: Value = service.get(&format!("/orders/{}", order["id"])).json().unwrap();
            assert_eq!(read, *order, "{} reads it", release.name());
        }
    }
}

/// Audits tables, journal and topic, and compares the table of orders with what was acknowledged. Returns the counts as text.
pub(crate) fn nothing_is_amiss(shop: &Shop, orders: &[Value]) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tables = runtime.block_on(tables::read(&shop.scratch.url)).unwrap();
    let messages = shop.topic.read();
    let audit = audit(&tables, &messages);
    let some = &audit.findings[..audit.findings.len().min(20)];
    assert!(some.is_empty(), "{} findings, such as {some:?}", audit.findings.len());
    let acknowledged: Vec<_> = orders.iter().map(row).collect();
    assert_eq!(tables.orders.len(), acknowledged.len());
    let amiss = tables.orders.iter().zip(&acknowledged).find(|(stored, known)| stored != known);
    assert_eq!(amiss, None, "the table has exactly what was acknowledged");
    assert_eq!(runtime.block_on(tables::sagas(&shop.scratch.url)).unwrap(), [], "no saga began");
    format!(
        "{} orders, {} events, {} messages, {} of them repetitions",
        tables.orders.len(),
        tables.events.len(),
        messages.len(),
        audit.repetitions
    )
}

fn row(order: &Value) -> OrderRow {
    OrderRow {
        id: order["id"].as_i64().unwrap(),
        version: order["version"].as_i64().unwrap(),
        status: order["status"].as_str().unwrap().to_owned(),
    }
}
