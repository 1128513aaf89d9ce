//! `POST /graphql`, and `GET` for what changes nothing: GraphQL over HTTP, in its two forms of answers, and as a stream.

use std::sync::Arc;

use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError};

use super::answers::{Outcome, json, outcome};
use super::api::{Api, Prepared, Refused};
use super::asking::Asking;
use super::envelope::{Envelope, Form, Malformed};
use super::errors::MALFORMED_REQUEST;
use super::measures;
use super::stream::{self, AnswerStream};
use crate::app::App;
use crate::connections::Ends;
use crate::edge::{self, OfRead, Trace, caller, refused, run_to_end, use_cases};
use crate::problem::{Code, Problem};
use crate::request;

/// `POST /graphql`.
pub(crate) async fn post(
    request: HttpRequest,
    app: web::Data<App>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let bytes = request::json(&request, &app).await?;
    answer(&request, &app, &api, Envelope::of_body(&bytes)).await
}

/// `GET /graphql`: no mutations, because an address may be asked by anything that follows links.
pub(crate) async fn get(
    request: HttpRequest,
    app: web::Data<App>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    answer(&request, &app, &api, Envelope::of_query(&request)).await
}

/// `GET /graphql/schema`: the schema as text, when `spring.graphql.schema.printer.enabled` says so.
pub(crate) async fn schema(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    if !api.settings.printer {
        return Err(Problem::new(Code::NotFound, "There is nothing at this path."));
    }
    let text = HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(super::graphql_schema(api.settings.federation));
    Ok(text)
}

async fn answer(
    request: &HttpRequest,
    app: &web::Data<App>,
    api: &web::Data<Api>,
    envelope: Result<Envelope, Malformed>,
) -> Result<HttpResponse, Problem> {
    let form = Form::of(request);
    let prepared = match envelope {
        Ok(envelope) => api.prepare(envelope),
        Err(malformed) => return Ok(malformed_answer(form, &malformed)),
    };
    let Prepared { request: asked, kind, measure } = match prepared {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(refused_answer(form, refused)),
    };
    // A subscription changes nothing either, and `EventSource` of browsers sends GET alone.
    if kind == OperationType::Mutation && request.method() != Method::POST {
        let problem = Problem::new(Code::MethodNotAllowed, "Changes may not be asked by GET.");
        return Err(problem.header(ALLOW, HeaderValue::from_static("POST")));
    }
    if kind == OperationType::Subscription && form != Form::Stream {
        let told = "A subscription is answered as a stream: accept text/event-stream.";
        return Ok(refused_answer(form, Refused::invalid(ServerError::new(told, None))));
    }
    if measure.reads_pages {
        edge::take_page(request, app).await?;
    }
    measures::cost(measure.cost);
    let asking = Arc::new(asking(request, app, api, kind)?);
    let asked = asked.data(Arc::clone(&asking));
    if form == Form::Stream {
        return stream(request, app, api, (asked, kind), asking);
    }
    let executing = measures::of_execution(kind, api.execute(asked));
    let executed = async move { Ok::<_, Problem>(executing.await) };
    let response = run_to_end(request, executed).await?;
    Ok(executed_answer(form, kind, &response))
}

fn asking(
    request: &HttpRequest,
    app: &web::Data<App>,
    api: &Api,
    kind: OperationType,
) -> Result<Asking, Problem> {
    let origin = request.extensions().get::<Trace>().map(Trace::origin).unwrap_or_default();
    let (orders, feed) = (use_cases(request, app), app.http.feed.clone());
    let caller = caller(request)?;
    // A subscription waits more than it works, and has a limit of its own.
    let permit = edge::permit_of(request).filter(|_| kind != OperationType::Subscription);
    Ok(Asking::new(caller, orders, feed, origin, permit, api.settings.max_values))
}

/// Answers as they come, until there are no more.
fn stream(
    request: &HttpRequest,
    app: &web::Data<App>,
    api: &Api,
    (asked, kind): (async_graphql::Request, OperationType),
    asking: Arc<Asking>,
) -> Result<HttpResponse, Problem> {
    if app.http.lifecycle.is_draining() {
        return Err(refused(Code::Draining));
    }
    let trace = request.extensions().get::<Trace>().map(|trace| trace.id.clone());
    let responses = measures::of_stream(kind, api.stream(asked));
    let stopped = app.http.lifecycle.clone().drained();
    let keep_alive = api.settings.keep_alive;
    let body = AnswerStream::new(responses, asking, stopped, keep_alive, trace.unwrap_or_default());
    let mut response = edge::event_stream().streaming(body);
    if kind != OperationType::Subscription {
        response.extensions_mut().insert(Ends);
    }
    Ok(response)
}

fn executed_answer(form: Form, kind: OperationType, response: &Response) -> HttpResponse {
    let status = match (form, outcome(response)) {
        (Form::Response, Outcome::Refused) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let mut answer = written(form, status, json(response));
    if kind == OperationType::Query {
        answer.extensions_mut().insert(OfRead);
    }
    answer
}

fn malformed_answer(form: Form, malformed: &Malformed) -> HttpResponse {
    let mut error = ServerError::new(malformed.to_string(), None);
    error.extensions.get_or_insert_default().set("code", MALFORMED_REQUEST);
    written(form, StatusCode::BAD_REQUEST, json(&Response::from_errors(vec![error])))
}

fn refused_answer(form: Form, Refused { error, in_every_form }: Refused) -> HttpResponse {
    if form == Form::Stream {
        // The protocol of streams tells what is wrong with a document in the stream.
        let next = stream::next(&Response::from_errors(vec![*error]));
        return edge::event_stream().body([&*next, stream::COMPLETE].concat());
    }
    let status = match form {
        Form::Json if !in_every_form => StatusCode::OK,
        _ => StatusCode::BAD_REQUEST,
    };
    written(form, status, json(&Response::from_errors(vec![*error])))
}

fn written(form: Form, status: StatusCode, body: Vec<u8>) -> HttpResponse {
    // A stream that does not begin is answered as JSON.
    let form = if form == Form::Stream { Form::Response } else { form };
    HttpResponse::build(status).insert_header((CONTENT_TYPE, form.content_type())).body(body)
}
