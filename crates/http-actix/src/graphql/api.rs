//! The schema, and the way of a document to it: its bounds are checked before the library sees it.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::{
    ObjectType, Pos, Request, Response, SDLExportOptions, Schema, SchemaBuilder, ServerError,
    Value, Variables,
};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::answers::is_executed;
use super::beyond::too_expensive;
use super::documents::Documents;
use super::envelope::{Document, Envelope};
use super::errors::INVALID_DOCUMENT;

use super::guard::{self, Measure, TooExpensive};
use super::mutation::Mutation;
use super::roots::{FederatedQuery, PlainQuery};
use super::settings::GraphqlSettings;
use super::subscription::Subscription;
use crate::problem::Code;

/// The most errors that are told of a document that is not executed.
const MOST_ERRORS: usize = 20;

/// The schema as it is served.
pub(crate) struct Api {
    schema: Served,
    pub(super) settings: GraphqlSettings,
}

/// The schema, with or without the fields of a gateway.
#[derive(Clone)]
enum Served {
    Plain(Schema<PlainQuery, Mutation, Subscription>),
    Federated(Schema<FederatedQuery, Mutation, Subscription>),
}

/// A document that may be executed.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) kind: OperationType,
    pub(super) measure: Measure,
}

/// Why a document is not executed.
pub(super) struct Refused {
    pub(super) error: Box<ServerError>,
    /// Whether it is told by the status in every form: it is not about the document's own mistakes.
    pub(super) in_every_form: bool,
}

impl Api {
    pub(crate) fn new(settings: GraphqlSettings) -> Self {
        let schema = if settings.federation {
            Served::Federated(finish(federated(), settings.introspection))
        } else {
            Served::Plain(finish(plain(), settings.introspection))
        };
        Self { schema, settings }
    }

    /// Executes a query or mutations.
    pub(super) fn execute(&self, request: Request) -> impl Future<Output = Response> + use<> {
        let schema = self.schema.clone();
        async move {
            told(match schema {
                Served::Plain(schema) => schema.execute(request).await,
                Served::Federated(schema) => schema.execute(request).await,
            })
        }
    }

    /// Executes an operation of any kind, with as many answers as come.
    pub(super) fn stream(&self, request: Request) -> BoxStream<'static, Response> {
        let responses = match &self.schema {
            Served::Plain(schema) => schema.execute_stream(request),
            Served::Federated(schema) => schema.execute_stream(request),
        };
        responses.map(told).boxed()
    }

    /// The text of a document, if it may be asked at all.
    fn text(&self, document: Document) -> Result<String, Refused> {
        match (document, &self.settings.documents) {
            (Document::Text(text), Documents::ListedAlone(listed)) if !listed.has(&text) => Err(
                Refused::unknown("document_not_trusted", "Only listed documents are taken here."),
            ),
            (Document::Text(text), _) => Ok(text),
            // Clients of Apollo send the text when they read one of these.
            (Document::Named(_), Documents::Any) => {
                Err(Refused::unknown("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported"))
            }
            (Document::Named(hash), Documents::Listed(listed) | Documents::ListedAlone(listed)) => {
                let refused =
                    || Refused::unknown("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");
                listed.named(&hash).map(ToOwned::to_owned).ok_or_else(refused)
            }
        }
    }

    /// Checks a document, and takes it apart.
    pub(super) fn prepare(&self, envelope: Envelope) -> Result<Prepared, Refused> {
        let Envelope { document, operation, variables } = envelope;
        let text = self.text(document)?;
        if text.len() > self.settings.max_document {
            let (limit, most) = ("max-document-size", self.settings.max_document);
            let told = format!("The document has {} bytes; it may have {most}.", text.len());
            return Err(Refused::beyond(limit, most, &told));
        }
        let limits = &self.settings.limits;
        guard::scan(&text, limits).map_err(Refused::from)?;
        let document = parse_query(&text).map_err(|error| Refused::invalid(error.into()))?;
        let measure = guard::measure(&document, &variables, limits).map_err(Refused::from)?;
        let chosen = chosen(&document, operation.as_deref());
        let kind = chosen.map_or(OperationType::Query, |operation| operation.ty);
        if let Some(missing) = chosen.and_then(|operation| missing(operation, &variables)) {
            return Err(Refused::invalid(ServerError::new(missing, None)));
        }
        if kind == OperationType::Subscription && measure.root_fields > 1 {
            let told = "A subscription has one field at its top.";
            return Err(Refused::invalid(ServerError::new(told, None)));
        }
        let mut request = Request::new(text).variables(variables);
        request.operation_name = operation;
        request.set_parsed_query(document);
        Ok(Prepared { request, kind, measure })
    }
}

/// The schema as text; `federation` adds what a gateway needs.
#[must_use]
pub fn graphql_schema(federation: bool) -> String {
    // Spaces: the command line shows the number of a tab, as that of each control character.
    let options = SDLExportOptions::new().include_specified_by().use_space_ident();
    if federation {
        federated().finish().sdl_with_options(options.federation())
    } else {
        plain().finish().sdl_with_options(options)
    }
}

fn plain() -> SchemaBuilder<PlainQuery, Mutation, Subscription> {
    Schema::build(PlainQuery::new(), Mutation, Subscription)
}

fn federated() -> SchemaBuilder<FederatedQuery, Mutation, Subscription> {
    Schema::build(FederatedQuery::new(), Mutation, Subscription).enable_subscription_in_federation()
}

/// The library's own limits stay in place behind the guard's.
fn finish<Q: ObjectType + 'static>(
    builder: SchemaBuilder<Q, Mutation, Subscription>,
    introspection: bool,
) -> Schema<Q, Mutation, Subscription> {
    if introspection {
        builder.finish()
    } else {
        builder.disable_introspection().disable_suggestions().finish()
    }
}

/// Gives what the library refuses its code, and leaves out what would only repeat it: a short document can be wrong in thousands
/// of places.
fn told(mut response: Response) -> Response {
    if !is_executed(&response) {
        response.errors.truncate(MOST_ERRORS);
    }
    // What the library finds wrong with values of arguments has no code.
    let code =
        if is_executed(&response) { Code::InvalidParameter.as_str() } else { INVALID_DOCUMENT };
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", code);
        }
    }
    response
}

/// The operation that is executed. Which one it is when that is not clear, the library refuses.
fn chosen<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
        (DocumentOperations::Multiple(all), None) => all.values().next(),
    };
    operation.map(|operation| &operation.node)
}

/// What is wrong when a variable that must have a value has none. The library would find it out in the middle of the execution.
fn missing(operation: &OperationDefinition, variables: &Variables) -> Option<String> {
    let lacks = operation.variable_definitions.iter().find(|definition| {
        let given = variables.get(&definition.node.name.node);
        let is_absent = given.is_none_or(|value| *value == Value::Null);
        is_absent
            && !definition.node.var_type.node.nullable
            && definition.node.default_value.is_none()
    })?;
    let (name, kind) = (&lacks.node.name.node, &lacks.node.var_type.node);
    Some(format!("The variable ${name} of the type {kind} has no value."))
}

impl Refused {
    pub(super) fn invalid(mut error: ServerError) -> Self {
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", INVALID_DOCUMENT);
        Self { error: Box::new(error), in_every_form: false }
    }

    /// A document that is not on the list.
    fn unknown(code: &'static str, told: &'static str) -> Self {
        let mut error = ServerError::new(told, None);
        error.extensions.get_or_insert_default().set("code", code);
        Self { error: Box::new(error), in_every_form: true }
    }

    fn beyond(limit: &'static str, most: usize, told: &str) -> Self {
        let mut error = too_expensive(limit, most, told).into_server_error(Pos::default());
        // It is about the whole document.
        error.locations.clear();
        Self { error: Box::new(error), in_every_form: true }
    }
}

impl From<TooExpensive> for Refused {
    fn from(refused: TooExpensive) -> Self {
        Self::beyond(refused.limit, refused.most, &refused.to_string())
    }
}
