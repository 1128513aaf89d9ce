//! Telling callers what came of what they asked. Those who asked together are told together: they
//! wait on runtimes of a thread each, and to wake such a thread takes a system call for each message,
//! however many come at once.

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

/// Who waits for an answer, and where.
pub(crate) struct Caller<A> {
    answer: oneshot::Sender<A>,
    runtime: Option<Handle>,
}

/// Makes a caller of whoever calls this, and what it waits for.
pub(crate) fn caller<A>() -> (Caller<A>, oneshot::Receiver<A>) {
    let (answer, answered) = oneshot::channel();
    (Caller { answer, runtime: Handle::try_current().ok() }, answered)
}

impl<A> Caller<A> {
    pub(crate) fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    fn runtime(&self) -> Option<Id> {
        self.runtime.as_ref().map(Handle::id)
    }

    /// Tells one, who may be gone.
    pub(crate) fn tell(self, answer: A) {
        let _ = self.answer.send(answer);
    }
}

/// Tells several, and wakes each runtime once for it.
pub(crate) fn tell_all<A: Send + 'static>(answers: impl IntoIterator<Item = (Caller<A>, A)>) {
    let mut groups: Vec<Vec<(Caller<A>, A)>> = Vec::new();
    for (caller, answer) in answers {
        let with_it = |group: &&mut Vec<(Caller<A>, A)>| {
            group.first().is_some_and(|(other, _)| other.runtime() == caller.runtime())
        };
        match groups.iter_mut().find(with_it) {
            Some(group) => group.push((caller, answer)),
            None => groups.push(vec![(caller, answer)]),
        }
    }
    for group in groups {
        let runtime = group.first().and_then(|(caller, _)| caller.runtime.clone());
        match runtime {
            // On their own thread, waking them is a matter of a queue.
            Some(runtime) if group.len() > 1 => drop(runtime.spawn(async { tell_each(group) })),
            _ => tell_each(group),
        }
    }
}

fn tell_each<A>(group: Vec<(Caller<A>, A)>) {
    for (caller, answer) in group {
        caller.tell(answer);
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
    ) -> (Vec<Caller<usize>>, Vec<oneshot::Receiver<usize>>) {
        let _entered = runtime.enter();
        (0..count).map(|_| caller()).unzip()
    }

    #[test]
    fn each_is_told_its_own_wherever_it_waits() {
        let (one, other) = (one_thread(), one_thread());
        let (mut asked, mut theirs) = callers(&one, 3);
        let (more, last) = callers(&other, 1);
        let (nowhere, unbound) = caller();
        asked.extend(more);
        asked.push(nowhere);
        // One has gone away.
        drop(theirs.remove(1));
        assert_eq!(
            asked.iter().map(Caller::is_gone).collect::<Vec<_>>(),
            [false, true, false, false, false]
        );
        tell_all(asked.into_iter().zip(10..));
        let mut told = Vec::new();
        for answered in theirs {
            told.push(one.block_on(answered).unwrap());
        }
        for answered in last {
            told.push(other.block_on(answered).unwrap());
        }
        told.push(unbound.blocking_recv().unwrap());
        assert_eq!(told, [10, 12, 13, 14]);
    }

    #[test]
    fn who_waits_for_a_runtime_that_has_ended_learns_that_nobody_will_answer() {
        let runtime = one_thread();
        let (asked, mut answered) = callers(&runtime, 2);
        drop(runtime);
        tell_all(asked.into_iter().zip(10..));
        let closed = Err(TryRecvError::Closed);
        assert!(answered.iter_mut().all(|answered| answered.try_recv() == closed));
    }

    #[test]
    fn several_of_one_runtime_are_told_there_and_one_at_once() {
        let runtime = one_thread();
        let (asked, mut several) = callers(&runtime, 50);
        tell_all(asked.into_iter().zip(0..));
        assert!(several.iter_mut().all(|answered| answered.try_recv() == Err(TryRecvError::Empty)));
        runtime.block_on(tokio::task::yield_now());
        let told: Vec<_> =
            several.iter_mut().map(|answered| answered.try_recv().unwrap()).collect();
        assert!(told.into_iter().eq(0..50));

        let (asked, mut alone) = callers(&runtime, 1);
        tell_all(asked.into_iter().zip(7..));
        assert_eq!(alone[0].try_recv(), Ok(7));
    }
}
