//! The operations on events, on the management port: extract, ask the use case, answer. The main
//! port has none of this.

mod overview;
mod parked;
mod replays;
mod skipped;

use actix_web::{HttpRequest, web};
use order_app::operations::Operations;

use crate::app::App;
use crate::edge;
use crate::management::Management;
use crate::problem::{Code, Problem};

pub(crate) use overview::*;
pub(crate) use parked::*;
pub(crate) use replays::*;
pub(crate) use skipped::*;

/// The use cases, for a request without a body, which takes its permit here.
fn operations(
    request: &HttpRequest,
    app: &web::Data<App>,
    management: &Management,
) -> Result<Operations, Problem> {
    edge::take_permit(request, app)?;
    wired(management)
}

/// The use cases, for a request that has its permit already.
fn wired(management: &Management) -> Result<Operations, Problem> {
    let missing = || Problem::new(Code::NotFound, "There are no events to operate on.");
    management.operations.clone().ok_or_else(missing)
}
