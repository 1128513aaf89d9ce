//! The OpenAPI document and its page (Swagger UI), both from the binary: nothing is loaded from
//! outside.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use order_app::currencies::Currencies;
use utoipa_swagger_ui::Config;

use crate::problem::{Code, Problem};
use crate::server::App;

/// Swagger UI sets styles of its own; everything must come from here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'self'",
);

/// What is served here.
pub(crate) struct Docs {
    /// The last document, and the currencies that it was made for.
    document: Mutex<Option<(Arc<Currencies>, Bytes)>>,
    render: fn(&Currencies) -> String,
    page: Arc<Config<'static>>,
}

impl Docs {
    /// The document that is rendered so, and its page.
    pub(crate) fn new(render: fn(&Currencies) -> String) -> Self {
        // By default the page would send the document's address to a validator outside.
        let page = Config::from("/openapi.json").validator_url("none");
        Self { document: Mutex::default(), render, page: Arc::new(page) }
    }

    /// The document of an instance that accepts these currencies. It is made when it is asked for
    /// the first time, and again when they have changed.
    fn document(&self, currencies: Arc<Currencies>) -> Bytes {
        let mut last = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = last.as_ref().filter(|(of, _)| *of == currencies) {
            return document.clone();
        }
        let document = Bytes::from((self.render)(&currencies));
        *last = Some((currencies, document.clone()));
        document
    }
}

/// `GET /openapi.json`.
pub(crate) async fn document(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(app.docs.document(app.http.orders.currencies()))
}

/// `GET /docs`: the page's own addresses are relative to `/docs/`.
pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// `GET /docs/…`.
pub(crate) async fn file(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&app.docs.page)).map_err(|error| {
        Problem::new(Code::InternalError, "Something went wrong here.").caused_by(&*error)
    })?;
    let missing = || Problem::new(Code::NotFound, "There is nothing at this path.");
    let file = file.ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(file.bytes.into_owned()))
}
