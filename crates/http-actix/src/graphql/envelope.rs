//! What a request asks for, as the specification of GraphQL over HTTP has it: a document, the name of the operation in it, and
//! its variables; as JSON in a body, or in the query of an address. And in which form the answer is wanted.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, HeaderValue};
use actix_web::web;
use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) document: Document,
    pub(super) operation: Option<String>,
    pub(super) variables: Variables,
}

/// A document, as a client sends it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// Its text.
    Text(String),
    /// The hash of its text.
    Named(String),
}

/// Why a request asks for nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// It is no JSON object, or no parameters of an address.
    #[error(
        "The request is not a JSON object with the fields query, operationName, variables and extensions."
    )]
    NoObject,
    /// One of its fields is of another type.
    #[error("{0} must be {1}.")]
    Field(&'static str, &'static str),
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/graphql-response+json`: the status says whether the document was executed.
    Response,
    /// `application/json`: a document that is wrong is answered with 200.
    Json,
    /// `text/event-stream`: as many answers as come, in the distinct mode of GraphQL over SSE.
    Stream,
}

impl Envelope {
    pub(super) fn of_body(bytes: &[u8]) -> Result<Self, Malformed> {
        let fields: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|_| Malformed::NoObject)?;
        Self::of(fields)
    }

    /// Of the parameters of an address, whose objects are JSON.
    pub(super) fn of_query(request: &HttpRequest) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Parameters {
            query: Option<String>,
            document_id: Option<String>,
            operation_name: Option<String>,
            variables: Option<String>,
            extensions: Option<String>,
        }
        let read = web::Query::<Parameters>::from_query(request.query_string());
        let Parameters { query, document_id, operation_name, variables, extensions } =
            read.map_err(|_| Malformed::NoObject)?.into_inner();
        let mut fields = Map::new();
        for (name, text) in
            [("query", query), ("documentId", document_id), ("operationName", operation_name)]
        {
            fields.extend(text.map(|text| (name.to_owned(), Value::String(text))));
        }
        for (name, text) in [("variables", variables), ("extensions", extensions)] {
            let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
            let value =
                serde_json::from_str(&text).map_err(|_| Malformed::Field(name, "a JSON object"))?;
            fields.insert(name.to_owned(), value);
        }
        Self::of(fields)
    }

    /// Of the members of an object.
    pub(super) fn of(mut fields: Map<String, Value>) -> Result<Self, Malformed> {
        let mut take = |name| fields.remove(name).filter(|value| !value.is_null());
        let extensions = match take("extensions") {
            None => Map::new(),
            Some(Value::Object(extensions)) => extensions,
            Some(_) => return Err(Malformed::Field("extensions", "an object")),
        };
        let variables = match take("variables") {
            None => Variables::default(),
            Some(object @ Value::Object(_)) => Variables::from_json(object),
            Some(_) => return Err(Malformed::Field("variables", "an object")),
        };
        let operation = match take("operationName") {
            None => None,
            Some(Value::String(name)) => Some(name).filter(|name| !name.is_empty()),
            Some(_) => return Err(Malformed::Field("operationName", "a string")),
        };
        // By the draft for persisted documents, and as clients of Apollo send it.
        let of_apollo = extensions.get("persistedQuery").and_then(|about| about.get("sha256Hash"));
        let named = take("documentId").or_else(|| of_apollo.cloned());
        let document = match (take("query"), named) {
            (Some(Value::String(text)), _) => Document::Text(text),
            (None, Some(Value::String(hash))) => Document::Named(hash),
            (None, Some(_)) => return Err(Malformed::Field("documentId", "a string")),
            _ => return Err(Malformed::Field("query", "a string")),
        };
        Ok(Self { document, operation, variables })
    }
}

impl Form {
    /// The form that a request prefers. Without a preference it is `application/json`, which clients of all ages read.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let lines =
            request.headers().get_all(ACCEPT).filter_map(|line| HeaderValue::to_str(line).ok());
        let (mut best, mut best_quality) = (Self::Json, 0.0);
        for range in lines.flat_map(|line| line.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/graphql-response+json" => Self::Response,
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/event-stream" => Self::Stream,
                _ => continue,
            };
            let quality =
                parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
            // Of equals, the first one that is named.
            if quality > best_quality {
                (best, best_quality) = (form, quality);
            }
        }
        best
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::Stream => "text/event-stream; charset=utf-8",
        }
    }
}
