//! What has to be true after the faults.

use std::time::{Duration, Instant};

use order_testkit::audit::{Finding, Tables, audit};
use order_testkit::databases::Scratch;
use order_testkit::tables;

use crate::cluster::Topic;
use crate::fleet::Fleet;
use crate::load::Load;

/// Enough for a backlog of hundreds of thousands of events on a busy machine.
const DRAINED_WITHIN: Duration = Duration::from_mins(10);

/// Waits until every committed event is published.
pub(crate) fn wait_until_drained(fleet: &Fleet) {
    let begin = Instant::now();
    while fleet.backlog() > 0 {
        assert!(begin.elapsed() < DRAINED_WITHIN, "{} events still wait", fleet.backlog());
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// What is wrong with tables and topic now.
pub(crate) fn findings(scratch: &Scratch, topic: &Topic) -> Vec<Finding> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    audit(&runtime.block_on(tables::read(&scratch.url)).unwrap(), &topic.read()).findings
}

/// Audits tables, topic and the answers of clients. Returns the counts as text.
pub(crate) fn nothing_is_amiss(scratch: &Scratch, topic: &Topic, load: &Load) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tables: Tables = runtime.block_on(tables::read(&scratch.url)).unwrap();
    let messages = topic.read();
    let audit = audit(&tables, &messages);
    let some = &audit.findings[..audit.findings.len().min(20)];
    assert!(some.is_empty(), "{} findings, such as {some:?}", audit.findings.len());
    let is_delivered = |version, status: &str| (version, status) == (4, "DELIVERED");
    let amiss = tables.orders.iter().find(|order| !is_delivered(order.version, &order.status));
    assert_eq!(amiss, None);
    let orders: Vec<_> = tables.orders.iter().map(|order| order.id).collect();
    assert!(orders == load.orders(), "the tables have exactly the delivered orders");
    assert_eq!(tables.events.len(), orders.len() * 4);
    format!(
        "{} orders, {} events, {} messages, {} of them repetitions",
        orders.len(),
        tables.events.len(),
        messages.len(),
        audit.repetitions
    )
}
