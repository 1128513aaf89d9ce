//! How changes are written: they wait in a queue, and a writer takes all that wait at a moment into
//! one transaction. `commit/writer.rs` is compiled as a part of each backend.

pub(crate) mod limits;
pub(crate) mod queue;
pub(crate) mod replies;
