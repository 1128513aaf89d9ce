//! How many pages are read at a time. A page that the database has given waits in memory until its request goes on, and it
//! may have a mebibyte; without a bound there would be one for each request in flight.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use crate::ports::{Deadline, StoreError};

/// The most pages that are asked for and not taken. More would not be read faster: a database reads few at a time.
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
