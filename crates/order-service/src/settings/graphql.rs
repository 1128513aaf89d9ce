//! GraphQL: whether and where it is served, and what one document may ask for. Paths, the schema's own pages and signs of life
//! have Spring's names.

use std::path::PathBuf;
use std::time::Duration;

use http_actix::{Cors, Documents, GraphqlLimits, GraphqlSettings, SocketSettings};
use settings_spring::values::{self, Fault, Read, number, optional};
use settings_spring::{Key, Reader, complete, keys};

use super::{cors, server};

const HUGE: usize = 1_000_000;

keys! {
    pub(super) ROWS;
    ENABLED: bool = "order.graphql.enabled", "false", Plain, "true or false",
        "Whether GraphQL is served, beside REST and by the same rules.", values::flag;
    PATH: Option<String> = "spring.graphql.http.path", "/graphql", Plain, "a path such as /graphql, without a slash at its end",
        "Where GraphQL is served, below server.servlet.context-path.", |text| optional(text, path);
    OLD_PATH: Option<String> = "spring.graphql.path", "", Plain, "what spring.graphql.http.path may be",
        "The same by its earlier name; spring.graphql.http.path counts more.", |text| optional(text, path);
    GRAPHIQL: bool = "spring.graphql.graphiql.enabled", "false", Plain, "true or false",
        "Whether there is a page on which people write documents, GraphiQL.", values::flag;
    GRAPHIQL_PATH: String = "spring.graphql.graphiql.path", "/graphiql", Plain, "a path such as /graphiql, without a slash at its end",
        "Where that page is, below server.servlet.context-path.", path;
    KEEP_ALIVE: Duration = "spring.graphql.http.sse.keep-alive", "15s", Plain, "a duration from 1s to 5m",
        "After how long a silent stream of a subscription sends a sign of life.",
        |text| values::duration(text, Duration::from_secs(1)..=Duration::from_mins(5));
    SOCKET: Option<String> = "spring.graphql.websocket.path", "", Plain, "a path such as /graphql, without a slash at its end",
        "Where GraphQL is served over WebSocket (graphql-transport-ws), below server.servlet.context-path; it may be the path of spring.graphql.http.path. Without a path it is not.",
        |text| optional(text, path);
    INIT_TIMEOUT: Duration = "spring.graphql.websocket.connection-init-timeout", "3s", Plain, "a duration from 100ms to 5m",
        "How long a client of a WebSocket may take for its first message.",
        |text| values::duration(text, Duration::from_millis(100)..=Duration::from_mins(5));
    SOCKET_KEEP_ALIVE: Duration = "spring.graphql.websocket.keep-alive", "15s", Plain, "a duration from 1s to 5m",
        "How often a client of a WebSocket is asked for a sign of life; one that gives none until the next time is taken for gone.",
        |text| values::duration(text, Duration::from_secs(1)..=Duration::from_mins(5));
    INTROSPECTION: bool = "spring.graphql.schema.introspection.enabled", "true", Plain, "true or false",
        "Whether documents may ask for the schema. Without it, errors make no suggestions of names either.", values::flag;
    FEDERATION: bool = "order.graphql.federation", "false", Plain, "true or false",
        "Whether a gateway of Apollo Federation may join orders and customers with other services. It tells the whole schema, also without introspection.",
        values::flag;
    PRINTER: bool = "spring.graphql.schema.printer.enabled", "false", Plain, "true or false",
        "Whether the schema is served as text at /graphql/schema.", values::flag;
    DOCUMENT: usize = "order.graphql.max-document-size", "64KB", Plain, "a size up to 256KB, such as 64KB",
        "The most bytes of a document, without its variables. A document beyond this or one of the next limits is refused as query_too_expensive.",
        |text| server::size(text).and_then(|size| if size <= 256 << 10 { Ok(size) } else { Err(Fault::SHAPE) });
    DOCUMENTS: Option<PathBuf> = "order.graphql.documents", "", Plain, "the path of a JSON file with documents under their hashes: {\"sha256:…\": \"query …\"}",
        "The documents that clients may name by their hashes instead of sending them.", |text| optional(text, |text| Ok(PathBuf::from(text.trim())));
    DOCUMENTS_ONLY: bool = "order.graphql.documents-only", "false", Plain, "true or false, beside order.graphql.documents",
        "Whether no other documents are taken.", values::flag;
    WORDS: usize = "order.graphql.max-words", "4000", Plain, "a whole number from 1 to 1000000",
        "The most words and signs of a document.", |text| number(text, 1..=HUGE);
    NESTING: usize = "order.graphql.max-nesting", "64", Plain, "a whole number from 1 to 64",
        "How deep brackets of a document may be nested.", |text| number(text, 1..=64);
    DEPTH: usize = "order.graphql.max-depth", "12", Plain, "a whole number from 1 to 64",
        "How deep fields may be nested, through fragments.", |text| number(text, 1..=64);
    FIELDS: usize = "order.graphql.max-fields", "1000", Plain, "a whole number from 1 to 1000000",
        "The most fields of a document, each fragment counted wherever it is used.", |text| number(text, 1..=HUGE);
    ALIASES: usize = "order.graphql.max-aliases", "50", Plain, "a whole number from 0 to 1000000",
        "The most fields under another name.", |text| number(text, 0..=HUGE);
    ROOT_FIELDS: usize = "order.graphql.max-root-fields", "10", Plain, "a whole number from 1 to 1000000",
        "The most fields at the top of an operation, which are reads or changes of their own.", |text| number(text, 1..=HUGE);
    FRAGMENTS: usize = "order.graphql.max-fragments", "50", Plain, "a whole number from 0 to 1000000",
        "The most fragments that a document may define.", |text| number(text, 0..=HUGE);
    DIRECTIVES: usize = "order.graphql.max-directives", "50", Plain, "a whole number from 0 to 1000000",
        "The most directives.", |text| number(text, 0..=HUGE);
    COST: usize = "order.graphql.max-cost", "2000", Plain, "a whole number from 1 to 1000000",
        "The most that a document may cost: an order 1, a saga or a change 20, a history 20 and 1 for each event that is asked for, a list 1 and for each order that is asked for 1 with what is asked for of it.",
        |text| number(text, 1..=HUGE);
    VALUES: usize = "order.graphql.max-values", "20000", Plain, "a whole number from 1 to 1000000",
        "The most values in the lists of one answer: each entry with each field that is asked for of it.", |text| number(text, 1..=HUGE);
}

/// GraphQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graphql {
    /// Where it is served; `None`: nowhere.
    pub path: Option<String>,
    /// Where it is served over `WebSocket`; `None`: nowhere.
    pub socket: Option<String>,
    /// Where its page is; `None`: nowhere.
    pub page: Option<String>,
    /// The file that lists the trusted documents.
    pub documents: Option<PathBuf>,
    /// Whether no others are taken.
    pub documents_only: bool,
    /// What a document may ask for; the trusted documents are not read yet.
    pub settings: GraphqlSettings,
    /// Which pages of other origins may ask; `None`: those that may ask for orders.
    pub cors: Option<Cors>,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Graphql> {
    let (enabled, path, old_path) = (from.read(&ENABLED), from.read(&PATH), from.read(&OLD_PATH));
    let limits = complete!(GraphqlLimits {
        words: from.read(&WORDS),
        nesting: from.read(&NESTING),
        depth: from.read(&DEPTH),
        fields: from.read(&FIELDS),
        aliases: from.read(&ALIASES),
        root_fields: from.read(&ROOT_FIELDS),
        fragments: from.read(&FRAGMENTS),
        directives: from.read(&DIRECTIVES),
        cost: from.read(&COST),
    });
    let socket = complete!(SocketSettings {
        init_timeout: from.read(&INIT_TIMEOUT),
        keep_alive: from.read(&SOCKET_KEEP_ALIVE),
    });
    let settings = complete!(GraphqlSettings {
        socket: socket,
        limits: limits,
        documents: Some(Documents::Any),
        max_document: from.read(&DOCUMENT),
        max_values: from.read(&VALUES),
        keep_alive: from.read(&KEEP_ALIVE),
        introspection: from.read(&INTROSPECTION),
        federation: from.read(&FEDERATION),
        printer: from.read(&PRINTER),
    });
    let (graphiql, page) = (from.read(&GRAPHIQL), from.read(&GRAPHIQL_PATH));
    let over_socket = from.read(&SOCKET);
    let (documents, only) = (from.read(&DOCUMENTS), from.read(&DOCUMENTS_ONLY));
    if only == Some(true) && documents.as_ref().is_some_and(Option::is_none) {
        from.refuse(&DOCUMENTS_ONLY, "takes no document at all without order.graphql.documents");
    }
    let cors = cors::graphql(from);
    let (enabled, path, old_path) = (enabled?, path?, old_path?);
    let over_socket = over_socket?.filter(|_| enabled);
    let earlier = if from.is_set(&PATH) { None } else { old_path };
    if !enabled {
        warn_of_idle(from);
    }
    let page = page.filter(|_| graphiql.is_some_and(|on| on && enabled));
    let path = earlier.or(path).filter(|_| enabled);
    if page.is_some() && [&path, &over_socket].contains(&&page) {
        from.refuse(&GRAPHIQL_PATH, "is the path of GraphQL itself");
    }
    for key in [&INIT_TIMEOUT, &SOCKET_KEEP_ALIVE] {
        if enabled && over_socket.is_none() && from.is_set(key) {
            let name = key.row.name;
            from.warn(format!("{name}: has no effect without spring.graphql.websocket.path"));
        }
    }
    let cors = cors.map(|cors| cors.is_on().then_some(cors));
    Some(Graphql {
        path,
        socket: over_socket,
        page,
        documents: documents?,
        documents_only: only?,
        settings: settings?,
        cors: cors?,
    })
}

/// Names the keys of Spring that wait for GraphQL to be switched on.
fn warn_of_idle(from: &mut Reader<'_>) {
    fn name<T>(from: &Reader<'_>, key: &'static Key<T>) -> Option<&'static str> {
        from.is_set(key).then_some(key.row.name)
    }
    let set = [
        name(from, &PATH),
        name(from, &OLD_PATH),
        name(from, &GRAPHIQL),
        name(from, &GRAPHIQL_PATH),
        name(from, &KEEP_ALIVE),
        name(from, &SOCKET),
        name(from, &INIT_TIMEOUT),
        name(from, &SOCKET_KEEP_ALIVE),
        name(from, &INTROSPECTION),
        name(from, &PRINTER),
    ];
    for name in set.into_iter().flatten() {
        from.warn(format!("{name}: has no effect without order.graphql.enabled"));
    }
}

fn path(text: &str) -> Read<String> {
    let path = server::path(text)?;
    if path.is_empty() { Err(Fault::because("GraphQL has a path of its own")) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    fn graphql(options: &[(&str, &str)]) -> Graphql {
        let case = options.iter().fold(Case::new(), |case, (key, value)| case.option(key, value));
        case.loaded().settings.graphql
    }

    #[test]
    fn it_is_off_by_default_and_its_limits_are_those_of_the_library() {
        let off = graphql(&[]);
        assert_eq!((off.path, off.cors), (None, None));
        assert_eq!(off.settings, GraphqlSettings::default());
    }

    #[test]
    fn it_is_served_where_spring_s_names_say() {
        let on = ("order.graphql.enabled", "true");
        let path = |more: &[(&str, &str)]| graphql(&[&[on][..], more].concat()).path.unwrap();
        let (new, old) =
            (("spring.graphql.http.path", "/api/graphql/"), ("spring.graphql.path", "/old"));
        assert_eq!(path(&[]), "/graphql");
        assert_eq!(path(&[new]), "/api/graphql");
        assert_eq!(path(&[old]), "/old");
        assert_eq!(path(&[new, old]), "/api/graphql");
        let root = Case::new().option(on.0, on.1).option(new.0, "/").refused();
        assert!(root.contains(new.0) && root.contains("a path of its own"), "{root}");
    }

    #[test]
    fn it_has_a_path_over_websocket_when_that_is_set() {
        let on = ("order.graphql.enabled", "true");
        assert_eq!(graphql(&[on]).socket, None);
        let at = ("spring.graphql.websocket.path", "/graphql");
        assert_eq!(graphql(&[on, at]).socket.as_deref(), Some("/graphql"));
        assert_eq!(graphql(&[at]).socket, None);
        let case =
            Case::new().option(on.0, on.1).option("spring.graphql.websocket.keep-alive", "5s");
        let [warning] = &case.loaded().warnings[..] else { panic!("one warning") };
        assert!(warning.contains("without spring.graphql.websocket.path"), "{warning}");
    }

    #[test]
    fn what_waits_for_it_to_be_on_is_named() {
        let loaded = Case::new().option("spring.graphql.schema.printer.enabled", "true").loaded();
        let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
        assert!(
            warning.contains("printer") && warning.contains("order.graphql.enabled"),
            "{warning}"
        );
    }

    #[test]
    fn pages_are_let_in_by_spring_s_names() {
        let cors = graphql(&[
            ("order.graphql.enabled", "true"),
            ("spring.graphql.cors.allowed-origins", "https://a.example"),
        ]);
        assert_eq!(cors.cors.unwrap().origins, ["https://a.example"]);
    }
}
