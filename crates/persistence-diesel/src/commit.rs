//! How changes are written: they wait in a queue, and a writer takes all that wait at a moment into
//! one transaction. What meets a lock of another session goes on alone.

pub(crate) mod lane;
pub(crate) mod limits;
pub(crate) mod queue;
pub(crate) mod replies;
pub(crate) mod writer;
