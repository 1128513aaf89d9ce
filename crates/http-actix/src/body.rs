//! Bodies: JSON in, JSON out. What comes in is declared once for each body, and read field by field so
//! that everything wrong is told at once (`declaration.rs`). Rules that need more than the body are
//! the domain's.

mod change_status;
mod claims;
mod declaration;
mod digest;
mod events;
mod lines;
mod malformed;
pub mod operations;
mod order;
mod place;
mod reader;
mod replace_lines;
mod saga;
mod stream;
mod values;

use order_app::orders::PlaceOrder;
use order_domain::OrderLine;
use serde_json::{Map, Value};

use declaration::Body;
use replace_lines::NewLines;

pub(crate) use change_status::read as change_status;
pub(crate) use digest::{Digest, Digested, fingerprint};
pub(crate) use events::{EventBody, batch as event_batch};
pub(crate) use order::{OrderBody, OrderPageBody, etag, order, page as order_page};
pub(crate) use place::read as place_order;
pub(crate) use replace_lines::read as replace_lines;
pub(crate) use saga::{SagaBody, saga};
pub(crate) use stream::EventStream;
pub(crate) use values::time;

/// The schemas of the bodies that the main port reads.
pub(crate) fn schemas() -> Map<String, Value> {
    let mut line = OrderLine::schema();
    claims::describe_line(&mut line);
    [
        ("ChangeStatus", change_status::schema()),
        (OrderLine::NAME, line),
        (PlaceOrder::NAME, place::schema()),
        (NewLines::NAME, replace_lines::schema()),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}
