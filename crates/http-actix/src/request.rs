//! The parts of a request beside its body's fields: path, query, headers, and the bytes of the
//! body. Everything wrong in a part is refused.

mod cursor;
mod etag;
mod idempotency;
mod page;
mod path;
mod payload;
mod query;
mod stream;

pub(crate) use cursor::{next as next_cursor, read as read_cursor};
pub(crate) use etag::{expected_revision, expected_versions, is_unmodified};
pub(crate) use idempotency::{bare as bare_key, key};
pub(crate) use page::{Page, history_page};
pub(crate) use path::id;
pub(crate) use payload::json;
pub(crate) use query::{Query, integer};
pub(crate) use stream::stream;
