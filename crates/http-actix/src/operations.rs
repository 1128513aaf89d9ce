//! The operations on events, on the management port: extract, ask the use case, answer. The main
//! port has none of this.

mod overview;
mod parked;
mod replays;
mod skipped;

use actix_web::{HttpMessage as _, HttpRequest, web};
use order_app::operations::Operations;

use crate::edge;
use crate::management::Management;
use crate::problem::{Code, Problem};
use crate::server::App;

pub(crate) use overview::*;
pub(crate) use parked::*;
pub(crate) use replays::*;
pub(crate) use skipped::*;

/// The use cases, for a request without a body, which takes its place here.
fn operations(
    request: &HttpRequest,
    app: &web::Data<App>,
    management: &Management,
) -> Result<Operations, Problem> {
    let slot = edge::take_place(app).map_err(edge::no_place)?;
    request.extensions_mut().insert(slot);
    wired(management)
}

/// The use cases, for a request that has its place already.
fn wired(management: &Management) -> Result<Operations, Problem> {
    let missing = || Problem::new(Code::NotFound, "There are no events to operate on.");
    management.operations.clone().ok_or_else(missing)
}
