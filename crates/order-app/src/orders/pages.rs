//! How many pages are read at a time. A page may have a mebibyte, and is checked and written on the thread of its request; with
//! one for each request in flight, others would wait for memory and for that thread.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use crate::ports::{Deadline, StoreError};

/// The most pages that are read at a time: several times those of two statements that read eight lists each, so that
/// statements do not wait for lists.
const MOST: usize = 64;

/// See the head of the file.
pub(super) struct PagesUnderWay(Semaphore);

impl Default for PagesUnderWay {
    fn default() -> Self {
        Self(Semaphore::new(MOST))
    }
}

impl PagesUnderWay {
    /// A place for one page, held while it is read. The wait counts as a part of the read.
    pub(super) async fn take(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, StoreError> {
        if let Ok(place) = self.0.try_acquire() {
            return Ok(place);
        }
        match timeout_at(deadline, self.0.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(closed)) => Err(StoreError::Unavailable(closed.into())),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }
}
