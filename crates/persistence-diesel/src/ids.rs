//! Order ids: blocks of ids are reserved in the database and given from memory. The statement that
//! reserves a block is in `sql/statements.rs`.

use std::ops::Range;

use order_app::ports::StoreError;
use order_domain::OrderId;
use tokio::sync::Mutex;

/// The size of the first block; each next one is twice as large, up to [`LARGEST_BLOCK`]. A quiet
/// instance skips few ids when it stops, a busy one reserves rarely.
const FIRST_BLOCK: i64 = 16;
/// The largest block.
const LARGEST_BLOCK: i64 = 4_096;

/// The ids that this process may still give.
#[derive(Debug)]
pub(crate) struct OrderIds(Mutex<Block>);

#[derive(Debug)]
struct Block {
    next: i64,
    end: i64,
    size: i64,
}

impl OrderIds {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Block { next: 0, end: 0, size: FIRST_BLOCK }))
    }

    /// The next id. `reserve(n)` returns about n ids that no other process has, at least one; one call runs at a
    /// time, and a caller that goes away loses only ids.
    pub(crate) async fn next<F>(
        &self,
        reserve: impl FnOnce(i64) -> F,
    ) -> Result<OrderId, StoreError>
    where
        F: Future<Output = Result<Range<i64>, StoreError>>,
    {
        let mut block = self.0.lock().await;
        if block.next >= block.end {
            let reserved = reserve(block.size).await?;
            block.next = reserved.start;
            block.end = reserved.end;
            block.size = block.size.saturating_mul(2).min(LARGEST_BLOCK);
        }
        let id = OrderId::new(block.next).map_err(|error| StoreError::Corrupt(error.into()))?;
        block.next = block.next.saturating_add(1);
        Ok(id)
    }

    /// Drops the rest of the block, because another program uses its ids.
    pub(crate) async fn forget(&self) {
        let mut block = self.0.lock().await;
        block.next = block.end;
    }
}
