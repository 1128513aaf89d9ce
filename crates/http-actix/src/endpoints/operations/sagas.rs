//! `/actuator/sagas`: sagas that need a person, and what an operator does about them. Each action names the revision of the
//! saga that its operator has looked at, who acts, and why; the saga keeps it.

use actix_web::HttpResponse;
use order_app::caller::CallerName;
use order_app::saga::SagaTimes;
use order_app::sagas::{Intervene, SagaOperator};
use order_domain::{MAX_ID, OrderId, Version};

use super::Call;
use crate::body::operations::{self as body, Asked, FlaggedSagas, SagaBody};
use crate::edge;
use crate::endpoints::orders::{current_saga, whole_saga};
use crate::problem::{Code, Problem};
use crate::request::{self, Query, integer};
use crate::schema::{IfNoneMatch, IfRevision, SagaPath, SagasQuery};

/// List the sagas that need a person, by the ids of their orders
///
/// At most 50. A saga whose document cannot be read is listed as unreadable.
#[utoipa::path(
    get,
    path = "/actuator/sagas",
    operation_id = "listSagas",
    tag = "sagas",
    params(SagasQuery),
    responses((status = 200, description = "One page of sagas.", body = FlaggedSagas)),
)]
pub(crate) async fn sagas(call: Call) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&call.request)?;
    query.one("attention", |text| match text {
        "true" => Ok(()),
        _ => Err("must be true: only sagas that need a person are listed".to_owned()),
    });
    let after = query.one("after", |text| integer(text, 0, MAX_ID));
    query.finish()?;
    let after = after.and_then(|after| OrderId::new(after).ok());
    let (page, _) = call.ask_sagas(async move |all| all.flagged(after).await).await?;
    Ok(HttpResponse::Ok().json(FlaggedSagas::from(&page)))
}

/// Look at a saga
///
/// The same as `GET /orders/{id}/saga` on the main port.
#[utoipa::path(
    get,
    path = "/actuator/sagas/{orderId}",
    operation_id = "inspectSaga",
    tag = "sagas",
    params(SagaPath, IfNoneMatch),
    responses(
        (
            status = 200,
            description = "The saga.",
            body = SagaBody,
            headers(("ETag" = String, description = "The saga's revision.")),
        ),
        (
            status = 304,
            description = "The client has this revision already.",
            headers(("ETag" = String, description = "The saga's revision.")),
        ),
    ),
)]
pub(crate) async fn inspect_saga(call: Call) -> Result<HttpResponse, Problem> {
    let order: OrderId = call.id("orderId")?;
    let (view, times) = call.ask_sagas(async move |all| all.show(order).await).await?;
    current_saga(&call.request, &view, &times)
}

/// Send commands again at once
///
/// Those that are unanswered. One that was rejected is issued anew, under a new id, so its participant decides again.
#[utoipa::path(
    post,
    path = "/actuator/sagas/{orderId}/retry",
    operation_id = "retrySaga",
    tag = "sagas",
    params(SagaPath, IfRevision),
    request_body(content = ref("#/components/schemas/SagaRetryRequest"), content_type = "application/json"),
    responses((
        status = 200,
        description = "The saga after it.",
        body = SagaBody,
        headers(("ETag" = String, description = "The saga's new revision.")),
    )),
)]
pub(crate) async fn retry_saga(call: Call) -> Result<HttpResponse, Problem> {
    call.intervene(body::retry).await
}

/// Take a step as done
///
/// A person has settled it by hand. The saga goes on as if its participant had done it.
#[utoipa::path(
    post,
    path = "/actuator/sagas/{orderId}/skip",
    operation_id = "skipSagaStep",
    tag = "sagas",
    params(SagaPath, IfRevision),
    request_body(content = ref("#/components/schemas/SagaSkipRequest"), content_type = "application/json"),
    responses((
        status = 200,
        description = "The saga after it.",
        body = SagaBody,
        headers(("ETag" = String, description = "The saga's new revision.")),
    )),
)]
pub(crate) async fn skip_saga_step(call: Call) -> Result<HttpResponse, Problem> {
    call.intervene(body::skip_step).await
}

/// Confirm the order of a saga
///
/// Without waiting for stock and payment: commands that are unanswered are skipped.
#[utoipa::path(
    post,
    path = "/actuator/sagas/{orderId}/confirm",
    operation_id = "confirmOrder",
    tag = "sagas",
    params(SagaPath, IfRevision),
    request_body(content = ref("#/components/schemas/SagaConfirmRequest"), content_type = "application/json"),
    responses((
        status = 200,
        description = "The saga after it.",
        body = SagaBody,
        headers(("ETag" = String, description = "The saga's new revision.")),
    )),
)]
pub(crate) async fn confirm_order(call: Call) -> Result<HttpResponse, Problem> {
    call.intervene(body::confirm).await
}

/// Reads the body of an action. Where callers say who they are, it is given the name of the one who asks.
type Read = fn(&[u8], Option<&CallerName>) -> Result<Asked, Problem>;

impl Call {
    /// Asks a use case of sagas. Answers also with how long sagas wait, which their bodies tell.
    async fn ask_sagas<T, E>(
        &self,
        work: impl AsyncFnOnce(SagaOperator) -> Result<T, E> + 'static,
    ) -> Result<(T, SagaTimes), Problem>
    where
        T: 'static,
        E: 'static,
        Problem: From<E>,
    {
        edge::take_permit(&self.request, &self.app).await?;
        let missing = || Problem::new(Code::NotFound, "There are no sagas to operate on.");
        let sagas = self.management.sagas.as_ref().ok_or_else(missing)?;
        let operator = sagas.operator(&edge::caller(&self.request)?)?;
        let done = edge::run_to_end(&self.request, async move { work(operator).await }).await?;
        Ok((done, sagas.times()))
    }

    /// Acts on a saga.
    async fn intervene(&self, read: Read) -> Result<HttpResponse, Problem> {
        let id: OrderId = self.id("orderId")?;
        // No saga has revision 0.
        let revision = request::expected_revision(&self.request)?.map_or(0, Version::get);
        let bytes = self.body().await?;
        let caller = edge::caller(&self.request)?;
        let has_login = self.app.http.security.authenticator.is_some();
        let Asked { action, actor, reason } = read(&bytes, has_login.then(|| caller.name()))?;
        let command = Intervene { id, action, actor, reason, revision };
        let (view, times) = self.ask_sagas(async move |all| all.intervene(command).await).await?;
        whole_saga(&view, &times)
    }
}
