//! The endpoints of orders and of their events, one file each.

mod answer;
mod change_status;
mod find;
mod history;
mod list;
mod place;
mod replace_lines;
mod saga;
mod stream;

use actix_web::{HttpMessage as _, HttpRequest};
use order_app::idempotency::{Answer, Operation, Recorded};
use order_app::orders::{Once, WriteRequest};
use order_domain::{Order, OrderId};

use crate::body::{Digested, fingerprint};
use crate::edge::{self, Trace};

pub(crate) use answer::created;
pub(crate) use change_status::*;
pub(crate) use find::*;
pub(crate) use history::*;
pub(crate) use list::*;
pub(crate) use place::*;
pub(crate) use replace_lines::*;
pub(crate) use saga::*;
pub(crate) use stream::*;

/// What a write carries beside its command.
fn write_request(
    request: &HttpRequest,
    key: Option<String>,
    operation: Operation,
    order: Option<OrderId>,
    body: &impl Digested,
    encode: fn(&Order) -> Answer,
) -> WriteRequest {
    let trace = request.extensions().get::<Trace>().map(Trace::origin);
    WriteRequest {
        origin: trace.unwrap_or_default(),
        once: key.map(|key| {
            let fingerprint = fingerprint(operation, order, body);
            Once { key, fingerprint, recorded: Recorded::Answer }
        }),
        encode,
        permit: edge::permit_of(request),
    }
}
