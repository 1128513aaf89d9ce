//! Bodies: JSON in, read field by field so that everything wrong is told at once; JSON out. Each
//! body's file also says how the OpenAPI document describes it. Rules that need more than the body
//! are the domain's.

mod change_status;
mod digest;
mod events;
mod fields;
mod lines;
pub(crate) mod operations;
mod order;
mod place;
mod reader;
mod replace_lines;
mod stream;
mod time;

pub(crate) use change_status::{
    CancelBody, ChangeStatusBody, MoveBody, fingerprint as status_fingerprint,
    read as change_status,
};
pub(crate) use digest::Digest;
pub(crate) use events::{EventBody, batch as event_batch};
pub(crate) use lines::LineBody;
pub(crate) use order::{LineOutBody, OrderBody, OrderPageBody, etag, order, page as order_page};
pub(crate) use place::{PlaceOrderBody, fingerprint as place_fingerprint, read as place_order};
pub(crate) use replace_lines::{
    ReplaceLinesBody, fingerprint as replace_fingerprint, read as replace_lines,
};
pub(crate) use stream::EventStream;
pub(crate) use time::read as time;
