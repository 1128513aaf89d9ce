//! Callers of the journal that go away, and deadlines that pass.

use std::time::Duration;

use order_app::ports::{Deadline, Duty, Leased, Progress};
use tokio::task::JoinSet;

use super::super::interruption::{CALLERS, follow_a_while, promptly};
use super::super::steps::in_time;
use super::Instance;
use super::steps::{
    ALL, LONG, a_name, an_order_on, ask, assert_complete, assign, entries_after, last_position,
    some_orders, take,
};

pub(super) async fn dropped_calls_do_no_harm([one, other]: [Instance; 2]) {
    let (ids, events) = some_orders(&one, 40).await;
    let lease = take(&one, Duty::Sequence).await;
    let shard = take(&one, Duty::Publish(0)).await;
    let mut tasks = JoinSet::new();
    for number in 0..CALLERS {
        let instance = if number % 2 == 0 { one.clone() } else { other.clone() };
        tasks.spawn(async move {
            let journal = &instance.journal;
            match number % 5 {
                0 | 1 => follow_a_while(journal.assign_positions(&lease, 3, in_time())).await,
                2 => {
                    let progress = Progress::default();
                    follow_a_while(journal.advance(&shard, &progress, in_time())).await;
                }
                3 => follow_a_while(journal.lease(shard.duty, a_name(), LONG, in_time())).await,
                _ => follow_a_while(journal.entries_after(0, None, 10, in_time())).await,
            }
        });
    }
    tasks.join_all().await;
    assign(&other, &lease, ALL).await;
    let read = entries_after(&other, 0, None, ALL).await;
    assert_eq!(read.len(), events);
    assert_complete(&one, &read, &ids).await;
    assert_eq!(ask(&one, shard.duty, shard.instance, LONG).await, Some(shard));
}

pub(super) async fn a_deadline_in_the_past_is_answered_promptly([one, _]: [Instance; 2]) {
    let past: Deadline =
        Deadline::now().checked_sub(Duration::from_millis(1)).unwrap_or_else(Deadline::now);
    let order = an_order_on(&one).await.id();
    let lease = take(&one, Duty::Sequence).await;
    let shard = take(&one, Duty::Publish(0)).await;
    let unused = take(&one, Duty::Publish(2)).await;
    let journal = &one.journal;
    for _ in 0..20 {
        let assigned = promptly(journal.assign_positions(&lease, ALL, past)).await;
        assert!(assigned != Some(Leased::Lost));
        promptly(journal.advance(&shard, &Progress::default(), past)).await;
        promptly(journal.lease(Duty::Publish(1), a_name(), LONG, past)).await;
        promptly(journal.release(&unused, past)).await;
        promptly(journal.heartbeat(a_name(), LONG, past)).await;
        promptly(journal.entries_after(0, None, ALL, past)).await;
        promptly(journal.last_position(past)).await;
        promptly(journal.parked(None, ALL, past)).await;
        promptly(journal.redrive(order, None, past)).await;
        promptly(journal.backlog(past)).await;
    }
    assert!(last_position(&one).await <= 1, "there is one event");
}
