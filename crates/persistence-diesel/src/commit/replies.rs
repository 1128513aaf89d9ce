//! Replies to callers. Callers whose requests shared a batch get their replies together: they wait on runtimes
//! of one thread each, and every message to such a thread from outside takes a system call to wake it.

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

/// Where a reply is to go: to a caller, and to the runtime on which it waits.
pub(crate) struct ReplyTo<A> {
    reply: oneshot::Sender<A>,
    runtime: Option<Handle>,
}

/// A way for a reply to the caller of this function.
pub(crate) fn reply_channel<A>() -> (ReplyTo<A>, oneshot::Receiver<A>) {
    let (reply, receiver) = oneshot::channel();
    (ReplyTo { reply, runtime: Handle::try_current().ok() }, receiver)
}

impl<A> ReplyTo<A> {
    pub(crate) fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }

    fn runtime(&self) -> Option<Id> {
        self.runtime.as_ref().map(Handle::id)
    }

    /// Sends the reply to the caller, who may be gone.
    pub(crate) fn send(self, reply: A) {
        let _ = self.reply.send(reply);
    }
}

/// Sends several replies and wakes each runtime once.
pub(crate) fn reply_all<A: Send + 'static>(replies: impl IntoIterator<Item = (ReplyTo<A>, A)>) {
    let mut groups: Vec<Vec<(ReplyTo<A>, A)>> = Vec::new();
    for (to, reply) in replies {
        let on_same_runtime = |group: &&mut Vec<(ReplyTo<A>, A)>| {
            group.first().is_some_and(|(other, _)| other.runtime() == to.runtime())
        };
        match groups.iter_mut().find(on_same_runtime) {
            Some(group) => group.push((to, reply)),
            None => groups.push(vec![(to, reply)]),
        }
    }
    for group in groups {
        let runtime = group.first().and_then(|(to, _)| to.runtime.clone());
        match runtime {
            // On the callers' own thread, waking them only puts them into a queue.
            Some(runtime) if group.len() > 1 => drop(runtime.spawn(async { send_each(group) })),
            _ => send_each(group),
        }
    }
}

fn send_each<A>(group: Vec<(ReplyTo<A>, A)>) {
    for (to, reply) in group {
        to.send(reply);
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn one_thread() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    fn callers(
        runtime: &Runtime,
        count: usize,
    ) -> (Vec<ReplyTo<usize>>, Vec<oneshot::Receiver<usize>>) {
        let _entered = runtime.enter();
        (0..count).map(|_| reply_channel()).unzip()
    }

    #[test]
    fn each_caller_gets_its_own_reply_on_whatever_runtime_it_waits() {
        let (one, other) = (one_thread(), one_thread());
        let (mut asked, mut theirs) = callers(&one, 3);
        let (more, last) = callers(&other, 1);
        let (nowhere, unbound) = reply_channel();
        asked.extend(more);
        asked.push(nowhere);
        // One has gone away.
        drop(theirs.remove(1));
        assert_eq!(
            asked.iter().map(ReplyTo::is_gone).collect::<Vec<_>>(),
            [false, true, false, false, false]
        );
        reply_all(asked.into_iter().zip(10..));
        let mut replies: Vec<_> =
            theirs.into_iter().map(|reply| one.block_on(reply).unwrap()).collect();
        replies.extend(last.into_iter().map(|reply| other.block_on(reply).unwrap()));
        replies.push(unbound.blocking_recv().unwrap());
        assert_eq!(replies, [10, 12, 13, 14]);
    }

    #[test]
    fn callers_on_a_runtime_that_has_ended_learn_that_no_reply_will_come() {
        let runtime = one_thread();
        let (asked, mut answered) = callers(&runtime, 2);
        drop(runtime);
        reply_all(asked.into_iter().zip(10..));
        let closed = Err(TryRecvError::Closed);
        assert!(answered.iter_mut().all(|answered| answered.try_recv() == closed));
    }

    #[test]
    fn several_replies_are_sent_on_the_callers_runtime_and_a_single_one_at_once() {
        let runtime = one_thread();
        let (asked, mut several) = callers(&runtime, 50);
        reply_all(asked.into_iter().zip(0..));
        assert!(several.iter_mut().all(|answered| answered.try_recv() == Err(TryRecvError::Empty)));
        runtime.block_on(tokio::task::yield_now());
        let told: Vec<_> =
            several.iter_mut().map(|answered| answered.try_recv().unwrap()).collect();
        assert!(told.into_iter().eq(0..50));

        let (asked, mut alone) = callers(&runtime, 1);
        reply_all(asked.into_iter().zip(7..));
        assert_eq!(alone[0].try_recv(), Ok(7));
    }
}
