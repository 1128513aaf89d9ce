//! The threads of the process beside the HTTP server's own, which work on requests.

use std::thread;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

/// The main runtime: the store with its writer, and what goes on in the background.
pub(crate) fn main() -> anyhow::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    threads(cores.clamp(2, 8), "main")
}

/// One thread for the relay. It turns a backlog into messages for half a millisecond at a time, and
/// on the main runtime requests would wait for that.
pub(crate) fn relay() -> anyhow::Result<Runtime> {
    threads(1, "relay")
}

fn threads(number: usize, name: &str) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(number).thread_name(name).enable_all();
    builder.build().context("the runtime does not start")
}
