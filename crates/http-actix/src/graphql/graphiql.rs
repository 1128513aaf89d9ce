//! `GraphiQL`: the page on which people write documents. It is in the binary, and loads nothing from another address.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::edge::Address;
use crate::problem::{Code, Problem};
use crate::site::GRAPHQL;

/// The page and its parts, as their makers have them. The fonts of its style sheet are in it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'none'",
);

const PAGE: &str = include_str!("../../assets/graphiql/page.html");
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A part by its name: its type, and its bytes.
macro_rules! parts {
    ($asked:expr, $($name:literal $kind:expr),+) => {
        match $asked {
            $($name => Some(($kind, include_bytes!(concat!("../../assets/graphiql/", $name)).as_slice())),)+
            _ => None,
        }
    };
}

/// `GET /graphiql`: the page's own addresses are relative to `/graphiql/`.
pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/graphiql/")).finish()
}

/// `GET /graphiql/…`.
pub(crate) async fn file(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let (kind, bytes) = match request.match_info().get("file").unwrap_or_default() {
        "" => ("text/html; charset=utf-8", page(&request, &app).into_bytes()),
        name => {
            let part = parts!(
                name,
                "graphiql.min.css" "text/css; charset=utf-8",
                "graphiql.min.js" SCRIPT,
                "page.js" SCRIPT,
                "react-dom.production.min.js" SCRIPT,
                "react.production.min.js" SCRIPT
            );
            let (kind, bytes) =
                part.ok_or_else(|| Problem::new(Code::NotFound, "There is nothing at this path."))?;
            (kind, bytes.to_vec())
        }
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(bytes))
}

/// The page, with the path under which this client reaches GraphQL.
fn page(request: &HttpRequest, app: &App) -> String {
    let (root, path) = (Address::of(request, app), app.site.below_root(GRAPHQL));
    let endpoint = format!("{}{}", root.root(), path.unwrap_or_default());
    PAGE.replace("{{endpoint}}", &endpoint)
}
