//! The operations on events and sagas, on the management port alone. What they answer is in `body/operations.rs`.

mod overview;
mod parked;
mod replays;
mod sagas;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use order_app::operations::Operator;

use crate::app::App;
use crate::edge;
use crate::management::Management;
use crate::problem::{Code, Problem};
use crate::request::{self, Query, integer};

pub(crate) use overview::*;
pub(crate) use parked::*;
pub(crate) use replays::*;
pub(crate) use sagas::*;

/// The most entries of a page, and how many it has when the request does not say.
const PAGE: (i64, i64) = (500, 100);

/// A request for an operation, with what answers it.
pub(crate) struct Call {
    request: HttpRequest,
    app: web::Data<App>,
    management: web::Data<Management>,
}

impl FromRequest for Call {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = web::Data::from_request(request, payload).into_inner();
        let management = web::Data::from_request(request, payload).into_inner();
        let request = request.clone();
        ready(app.and_then(|app| management.map(|management| Self { request, app, management })))
    }
}

impl Call {
    /// An id in the path of an operation without parameters in the query.
    fn id<T: std::str::FromStr<Err = order_domain::InvalidId>>(
        &self,
        name: &'static str,
    ) -> Result<T, Problem> {
        Query::refuse_any(&self.request)?;
        request::id(&self.request, name)
    }

    async fn body(&self) -> Result<Vec<u8>, Problem> {
        request::json(&self.request, &self.app).await
    }

    /// The use cases of events, for a request that has a permit. One without a body takes it here.
    async fn operations(&self) -> Result<Operator, Problem> {
        edge::take_permit(&self.request, &self.app).await?;
        let missing = || Problem::new(Code::NotFound, "There are no events to operate on.");
        let operations = self.management.operations.as_ref().ok_or_else(missing)?;
        Ok(operations.of(&edge::caller(&self.request)?)?)
    }

    /// Asks a use case of events.
    async fn ask<T, E>(
        &self,
        work: impl AsyncFnOnce(Operator) -> Result<T, E> + 'static,
    ) -> Result<T, Problem>
    where
        T: 'static,
        E: 'static,
        Problem: From<E>,
    {
        let operations = self.operations().await?;
        edge::run_to_end(&self.request, async move { work(operations).await }).await
    }
}

/// The size of the page that a query asks for.
fn limit(query: &mut Query) -> u32 {
    let (most, usual) = PAGE;
    let limit = query.one("limit", |text| integer(text, 1, most)).unwrap_or(usual);
    u32::try_from(limit).unwrap_or(1)
}
