//! Replies and their partitions, on a real broker: it does not matter in which one a reply is, and none is lost when partitions go
//! to another instance and come back while the database is out.

use std::collections::BTreeSet;

use order_app::ports::StoreError;
use order_app::saga::SagaState;
use order_events::saga::{Command, CommandType, Verdict};
use order_testkit::{Faults, Method};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::rig::{broker, read, until};
use super::sagas::{PARTITIONS, PATIENCE, World};

/// The database does not answer.
fn is_out(faults: &Faults) {
    for method in [Method::Saga, Method::Ping] {
        faults.before(method).fails(|| StoreError::Unavailable("down".into()));
    }
}

/// How many partitions of the replies each member of the group has, the most first; `None` while they are shared anew.
fn shares(world: &World) -> Option<Vec<i32>> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", broker()).create().unwrap();
    let groups = consumer.fetch_group_list(Some(&world.topics.replies), PATIENCE).unwrap();
    let group = groups.groups().first().filter(|group| group.state() == "Stable")?;
    let members = group.members().iter();
    let mut shares: Vec<_> =
        members.map(|member| partitions(member.assignment().unwrap_or_default())).collect();
    shares.sort_unstable_by(|one, other| other.cmp(one));
    Some(shares)
}

/// How many partitions an assignment has: a version, the number of topics, and for the one topic its name and the partitions, each
/// after its length.
fn partitions(assignment: &[u8]) -> i32 {
    let Some((_, rest)) = assignment.split_first_chunk::<2>() else { return 0 };
    let Some((topics, rest)) = rest.split_first_chunk::<4>() else { return 0 };
    if i32::from_be_bytes(*topics) == 0 {
        return 0;
    }
    let (name, rest) = rest.split_first_chunk::<2>().unwrap();
    let rest = &rest[usize::from(u16::from_be_bytes(*name))..];
    i32::from_be_bytes(*rest.first_chunk().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_go_and_come_back_while_the_database_is_out_lose_no_reply() {
    let world = World::new();
    let first = world.instance(&broker()).await;
    first.place(30).await;
    let reserve = world.all_sent(CommandType::Reserve, 30).await;
    is_out(first.store.faults());
    world.answer(reserve.values(), Verdict::Done).await;
    assert!(until(|| first.store.faults().count(Method::Ping) >= 2, PATIENCE).await);
    // All partitions of the first one are paused. The second one takes a part of them, and its database does not answer either.
    let servers = broker();
    let second = world.instance_with(&servers, is_out).await;
    assert!(until(|| second.store.faults().count(Method::Ping) >= 2, PATIENCE).await);
    assert!(until(|| shares(&world) == Some(vec![2, 1]), PATIENCE).await, "{:?}", shares(&world));
    second.stop().await;
    assert!(until(|| shares(&world) == Some(vec![3]), PATIENCE).await, "{:?}", shares(&world));
    // It is told by the first one's next heartbeat, before it tries the database again and again.
    let tried = first.store.faults().count(Method::Ping);
    assert!(until(|| first.store.faults().count(Method::Ping) >= tried + 2, PATIENCE).await);
    assert_eq!(world.committed(), 0);
    first.store.faults().clear();
    world.all_sent(CommandType::Authorize, 30).await;
    assert!(until(|| world.committed() == 30, PATIENCE).await, "{}", world.committed());
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_taken_in_whichever_partition_it_is() {
    let world = World::new();
    let [first, second] = [world.instance(&broker()).await, world.instance(&broker()).await];
    first.place(20).await;
    let partitions = i32::from(PARTITIONS);
    // The replies of an order are in two partitions: by its key, at least one of them would be in another one.
    let begins = |command: &Command| i32::try_from(command.order_id.get()).unwrap() % partitions;
    let next = |command: &Command| Some((begins(command) + 1) % partitions);
    let reserve = world.all_sent(CommandType::Reserve, 20).await;
    world.answer_in(reserve.values(), Verdict::Done, |command| Some(begins(command))).await;
    let authorize = world.all_sent(CommandType::Authorize, 20).await;
    world.answer_in(authorize.values(), Verdict::Done, next).await;
    world.all_are(SagaState::Ready, 1..=20).await;
    let replies = read(&broker(), &world.topics.replies);
    for order in reserve.keys() {
        let of_order = replies.iter().filter(|reply| reply.key == order.to_string());
        let partitions: BTreeSet<_> = of_order.map(|reply| reply.partition).collect();
        assert_eq!(partitions.len(), 2, "{order}");
    }
    assert!(until(|| world.committed() == 40, PATIENCE).await, "{}", world.committed());
    first.stop().await;
    second.stop().await;
}
