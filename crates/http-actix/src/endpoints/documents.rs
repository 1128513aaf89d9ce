//! The documents: OpenAPI with its page (Swagger UI), AsyncAPI, and the schemas of events, commands and
//! replies, all from the binary: nothing is loaded from outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use order_app::currencies::Currencies;
use order_events::asyncapi::{self, Topics};
use order_events::{saga, schema};
use serde_json::Value;
use utoipa_swagger_ui::Config;

use crate::app::App;
use crate::edge::Address;
use crate::problem::{Code, Problem};

/// Swagger UI sets styles of its own; everything must come from here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'self'",
);

/// The documents of one port.
pub(crate) struct Documents {
    /// The last OpenAPI document, and the currencies that it was made for.
    openapi: Mutex<Option<(Arc<Currencies>, Bytes)>>,
    render: Box<dyn Fn(&Currencies) -> String + Send + Sync>,
    asyncapi: Bytes,
    event_schema: Bytes,
    cloud_event_schema: Bytes,
    command_schema: Bytes,
    reply_schema: Bytes,
    page: Arc<Config<'static>>,
    /// The files of the page that were asked for, with their content types: all answers share them.
    files: Mutex<HashMap<String, (Bytes, String)>>,
}

impl Documents {
    /// `render` makes the OpenAPI document; `topics` are those of the service, as set.
    pub(crate) fn new(
        render: impl Fn(&Currencies) -> String + Send + Sync + 'static,
        topics: &Topics,
    ) -> Self {
        // By default the page would send the document's address to a validator outside.
        // Relative, because a proxy may put a path in front of ours.
        let page = Config::from("../openapi.json").validator_url("none");
        let schema = |schema: &Value| Bytes::from(format!("{schema:#}"));
        Self {
            openapi: Mutex::default(),
            render: Box::new(render),
            asyncapi: asyncapi::json_of(topics).into(),
            event_schema: schema(&schema::event_data()),
            cloud_event_schema: schema(&schema::cloud_event()),
            command_schema: schema(&saga::command_schema()),
            reply_schema: schema(&saga::reply_schema()),
            page: Arc::new(page),
            files: Mutex::default(),
        }
    }

    /// The document of an instance that accepts these currencies. It is made when it is asked for
    /// the first time, and again when they have changed.
    fn openapi(&self, currencies: Arc<Currencies>) -> Bytes {
        let mut last = self.openapi.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = last.as_ref().filter(|(of, _)| *of == currencies) {
            return document.clone();
        }
        let document = Bytes::from((self.render)(&currencies));
        *last = Some((currencies, document.clone()));
        document
    }

    /// A file of the page, if there is one of this name.
    fn file(&self, name: &str) -> Result<Option<(Bytes, String)>, Problem> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(name) {
            return Ok(Some(file.clone()));
        }
        let file = utoipa_swagger_ui::serve(name, Arc::clone(&self.page))
            .map_err(|error| Problem::internal(&*error))?;
        let Some(file) = file else { return Ok(None) };
        let file = (Bytes::from(file.bytes.into_owned()), file.content_type);
        files.insert(name.to_owned(), file.clone());
        Ok(Some(file))
    }
}

/// `GET /openapi.json`.
pub(crate) async fn openapi(
    request: HttpRequest,
    app: web::Data<App>,
    all: web::Data<Documents>,
) -> HttpResponse {
    let document = all.openapi(app.http.orders.currencies());
    json("application/json", &as_reached(&request, &app, document))
}

/// The document with the paths under which this client reaches the port.
fn as_reached(request: &HttpRequest, app: &App, document: Bytes) -> Bytes {
    let address = Address::of(request, app);
    let is_by_default = |path: &str| app.site.below_root(path).as_deref() == Some(path);
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&document) else { return document };
    let Some(Value::Object(paths)) = members.get_mut("paths") else { return document };
    if address.root().is_empty() && paths.keys().all(|path| is_by_default(path)) {
        return document;
    }
    let served = std::mem::take(paths).into_iter();
    paths.extend(served.filter_map(|(path, item)| Some((app.site.below_root(&path)?, item))));
    let root = if address.root().is_empty() { "/" } else { address.root() };
    members.insert("servers".to_owned(), serde_json::json!([{"url": root}]));
    serde_json::to_string_pretty(&members).map_or(document, Bytes::from)
}

/// `GET /asyncapi.json`.
pub(crate) async fn asyncapi(all: web::Data<Documents>) -> HttpResponse {
    json("application/json", &all.asyncapi)
}

/// What the `dataschema` of an event names.
pub(crate) async fn event_schema(all: web::Data<Documents>) -> HttpResponse {
    json("application/schema+json", &all.event_schema)
}

/// An event in the JSON format of CloudEvents.
pub(crate) async fn cloud_event_schema(all: web::Data<Documents>) -> HttpResponse {
    json("application/schema+json", &all.cloud_event_schema)
}

/// What the `dataschema` of a command of the saga names.
pub(crate) async fn command_schema(all: web::Data<Documents>) -> HttpResponse {
    json("application/schema+json", &all.command_schema)
}

/// What the `dataschema` of a reply names.
pub(crate) async fn reply_schema(all: web::Data<Documents>) -> HttpResponse {
    json("application/schema+json", &all.reply_schema)
}

fn json(content_type: &'static str, document: &Bytes) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, content_type)).body(document.clone())
}

/// `GET /docs`: the page's own addresses are relative to `/docs/`.
pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// `GET /docs/…`.
pub(crate) async fn file(
    request: HttpRequest,
    all: web::Data<Documents>,
) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    let missing = || Problem::new(Code::NotFound, "There is nothing at this path.");
    let (bytes, content_type) = all.file(name)?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(bytes))
}
