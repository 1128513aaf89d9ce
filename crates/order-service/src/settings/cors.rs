//! Which pages of other origins may ask: for orders (`order.cors.*`, because Spring has no properties for the routes of an
//! application), by GraphQL, and the actuator (Spring's own properties). All mean what Spring's `CorsConfiguration` means.

use std::time::Duration;

use http_actix::{Cors, OriginPattern};
use settings_spring::values::{self, Fault, Read, list};
use settings_spring::{Key, Reader, complete, keys};

const LONGEST: Duration = Duration::from_hours(365 * 24);

keys! {
    pub(super) ROWS;
    ORIGINS: Vec<String> = "order.cors.allowed-origins", "", Plain, "origins such as https://shop.example:8443 with commas between them, null for pages without one, or * for all",
        "The origins whose pages may ask the main port. Unless these or the patterns are set, the service sends no \
         headers of CORS.",
        |text| list(text, origin);
    PATTERNS: Vec<OriginPattern> = "order.cors.allowed-origin-patterns", "", Plain, "origins with * for any characters, and :[8080,8081] or :[*] at the end for ports, with commas between them",
        "The same by patterns, such as https://*.example.com:[8080,8081]. They may stand beside allow-credentials, also *.",
        patterns;
    METHODS: Vec<String> = "order.cors.allowed-methods", "GET,HEAD,POST", Plain, "methods in capital letters with commas between them, or * for all",
        "What such pages may ask with. PUT is needed to change orders.", |text| list(text, method);
    HEADERS: Vec<String> = "order.cors.allowed-headers", "*", Plain, "names of headers with commas between them, or * for all",
        "The headers that such pages may send.", |text| list(text, header);
    EXPOSED: Vec<String> = "order.cors.exposed-headers", "", Plain, "names of headers with commas between them, or * for all",
        "The headers of answers that scripts may read, beside Cache-Control, Content-Type and the like.",
        |text| list(text, header);
    CREDENTIALS: bool = "order.cors.allow-credentials", "false", Plain,
        "true or false; not true beside the origin *",
        "Whether browsers may send cookies and client certificates. A token in Authorization needs it not.",
        values::flag;
    MAX_AGE: Duration = "order.cors.max-age", "30m", Plain, "a duration up to 365d; a number alone is seconds",
        "How long browsers may keep the answer to a preflight.", seconds;
}

keys! {
    pub(super) ACTUATOR;
    ACTUATOR_ORIGINS: Vec<String> = "management.endpoints.web.cors.allowed-origins", "", Plain, "origins such as https://shop.example:8443 with commas between them, null for pages without one, or * for all",
        "The origins whose pages may ask the actuator, on either port. * does not go with methods that change something.",
        |text| list(text, origin);
    ACTUATOR_PATTERNS: Vec<OriginPattern> = "management.endpoints.web.cors.allowed-origin-patterns", "", Plain,
        "origins with * for any characters, and :[8080,8081] or :[*] at the end for ports, with commas between them", "The same by patterns.", patterns;
    ACTUATOR_METHODS: Vec<String> = "management.endpoints.web.cors.allowed-methods", "GET,HEAD", Plain,
        "methods in capital letters with commas between them, or * for all", "What such pages may ask with.", |text| list(text, method);
    ACTUATOR_HEADERS: Vec<String> = "management.endpoints.web.cors.allowed-headers", "", Plain, "names of headers with commas between them, or * for all",
        "The headers that such pages may send.", |text| list(text, header);
    ACTUATOR_EXPOSED: Vec<String> = "management.endpoints.web.cors.exposed-headers", "", Plain, "names of headers with commas between them, or * for all",
        "The headers of answers that scripts may read.", |text| list(text, header);
    ACTUATOR_CREDENTIALS: bool = "management.endpoints.web.cors.allow-credentials", "false", Plain,
        "true or false; not true beside the origin *",
        "Whether browsers may send cookies and client certificates.", values::flag;
    ACTUATOR_MAX_AGE: Duration = "management.endpoints.web.cors.max-age", "30m", Plain, "a duration up to 365d; a number alone is seconds",
        "How long browsers may keep the answer to a preflight.", seconds;
}

keys! {
    pub(super) GRAPHQL;
    GRAPHQL_ORIGINS: Vec<String> = "spring.graphql.cors.allowed-origins", "", Plain, "origins such as https://shop.example:8443 with commas between them, null for pages without one, or * for all",
        "The origins whose pages may ask by GraphQL. Unless these or the patterns are set, those of order.cors may.",
        |text| list(text, origin);
    GRAPHQL_PATTERNS: Vec<OriginPattern> = "spring.graphql.cors.allowed-origin-patterns", "", Plain,
        "origins with * for any characters, and :[8080,8081] or :[*] at the end for ports, with commas between them", "The same by patterns.", patterns;
    GRAPHQL_METHODS: Vec<String> = "spring.graphql.cors.allowed-methods", "GET,POST", Plain,
        "methods in capital letters with commas between them, or * for all", "What such pages may ask with.", |text| list(text, method);
    GRAPHQL_HEADERS: Vec<String> = "spring.graphql.cors.allowed-headers", "", Plain, "names of headers with commas between them, or * for all",
        "The headers that such pages may send. Content-Type is needed.", |text| list(text, header);
    GRAPHQL_EXPOSED: Vec<String> = "spring.graphql.cors.exposed-headers", "", Plain, "names of headers with commas between them, or * for all",
        "The headers of answers that scripts may read.", |text| list(text, header);
    GRAPHQL_CREDENTIALS: bool = "spring.graphql.cors.allow-credentials", "false", Plain,
        "true or false; not true beside the origin *",
        "Whether browsers may send cookies and client certificates.", values::flag;
    GRAPHQL_MAX_AGE: Duration = "spring.graphql.cors.max-age", "30m", Plain, "a duration up to 365d; a number alone is seconds",
        "How long browsers may keep the answer to a preflight.", seconds;
}

/// The keys of one set of rules.
struct Keys {
    origins: &'static Key<Vec<String>>,
    patterns: &'static Key<Vec<OriginPattern>>,
    methods: &'static Key<Vec<String>>,
    headers: &'static Key<Vec<String>>,
    exposed: &'static Key<Vec<String>>,
    credentials: &'static Key<bool>,
    max_age: &'static Key<Duration>,
}

static OF_ORDERS: Keys = Keys {
    origins: &ORIGINS,
    patterns: &PATTERNS,
    methods: &METHODS,
    headers: &HEADERS,
    exposed: &EXPOSED,
    credentials: &CREDENTIALS,
    max_age: &MAX_AGE,
};

static OF_ACTUATOR: Keys = Keys {
    origins: &ACTUATOR_ORIGINS,
    patterns: &ACTUATOR_PATTERNS,
    methods: &ACTUATOR_METHODS,
    headers: &ACTUATOR_HEADERS,
    exposed: &ACTUATOR_EXPOSED,
    credentials: &ACTUATOR_CREDENTIALS,
    max_age: &ACTUATOR_MAX_AGE,
};

static OF_GRAPHQL: Keys = Keys {
    origins: &GRAPHQL_ORIGINS,
    patterns: &GRAPHQL_PATTERNS,
    methods: &GRAPHQL_METHODS,
    headers: &GRAPHQL_HEADERS,
    exposed: &GRAPHQL_EXPOSED,
    credentials: &GRAPHQL_CREDENTIALS,
    max_age: &GRAPHQL_MAX_AGE,
};

/// The rules for orders.
pub(super) fn read(from: &mut Reader<'_>) -> Option<Cors> {
    let cors = of(from, &OF_ORDERS)?;
    if let Some(name) = OF_ORDERS.idle(from).filter(|_| !cors.is_on()) {
        let complaint = "has no effect without order.cors.allowed-origins or order.cors.allowed-origin-patterns";
        from.complain(name.to_owned(), complaint.to_owned());
        return None;
    }
    Some(cors)
}

/// The rules for GraphQL.
pub(super) fn graphql(from: &mut Reader<'_>) -> Option<Cors> {
    let cors = of(from, &OF_GRAPHQL)?;
    OF_GRAPHQL.warn_of_idle(from, &cors);
    Some(cors)
}

/// The rules for the actuator.
pub(super) fn actuator(from: &mut Reader<'_>) -> Option<Cors> {
    let cors = of(from, &OF_ACTUATOR)?;
    OF_ACTUATOR.warn_of_idle(from, &cors);
    let is_read = |method: &String| ["GET", "HEAD"].contains(&method.as_str());
    if cors.is_for_any_site() && !cors.methods.iter().all(is_read) {
        let reason = "lets pages of any site change something: name the origins, or allow GET and HEAD alone";
        from.refuse(&ACTUATOR_METHODS, reason);
        return None;
    }
    Some(cors)
}

fn of(from: &mut Reader<'_>, keys: &'static Keys) -> Option<Cors> {
    let cors = complete!(Cors {
        origins: from.read(keys.origins),
        patterns: from.read(keys.patterns),
        methods: from.read(keys.methods),
        headers: from.read(keys.headers),
        exposed: from.read(keys.exposed),
        credentials: from.read(keys.credentials),
        max_age: from.read(keys.max_age),
    })?;
    if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
        let reason =
            "does not go with the origin *, as in Spring: name the origins, or set * as a pattern";
        from.refuse(keys.credentials, reason);
        return None;
    }
    Some(cors)
}

impl Keys {
    /// As in Spring, keys without an origin do not stop the start. Spring says nothing of them.
    fn warn_of_idle(&self, from: &mut Reader<'_>, cors: &Cors) {
        if let Some(name) = self.idle(from).filter(|_| !cors.is_on()) {
            from.warn(format!("{name}: has no effect without origins beside it"));
        }
    }

    /// A key that is set, though no origin is.
    fn idle(&self, from: &Reader<'_>) -> Option<&'static str> {
        let set = [
            (from.is_set(self.methods), self.methods.row.name),
            (from.is_set(self.headers), self.headers.row.name),
            (from.is_set(self.exposed), self.exposed.row.name),
            (from.is_set(self.credentials), self.credentials.row.name),
            (from.is_set(self.max_age), self.max_age.row.name),
        ];
        set.into_iter().find_map(|(is_set, name)| is_set.then_some(name))
    }
}

/// An origin as browsers write it. What is none would never match, so it is a mistake.
fn origin(text: &str) -> Read<String> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let is_scheme = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    let is_host = |text: &str| values::is_host(text) || values::host_and_port(text).is_ok();
    let is_origin =
        bare.split_once("://").is_some_and(|(scheme, host)| is_scheme(scheme) && is_host(host));
    if is_origin || ["*", "null"].contains(&bare) { Ok(bare.to_owned()) } else { Err(Fault::SHAPE) }
}

/// Patterns with commas between them, and commas in their lists of ports.
fn patterns(text: &str) -> Read<Vec<OriginPattern>> {
    let mut in_ports = false;
    let elements = text.split(|c| {
        in_ports = c == '[' || in_ports && c != ']';
        c == ',' && !in_ports
    });
    let elements = elements.map(str::trim).filter(|element| !element.is_empty());
    elements.map(|element| element.parse().map_err(|_| Fault::SHAPE)).collect()
}

fn method(text: &str) -> Read<String> {
    let is_method = text == "*" || text.bytes().all(|b| b.is_ascii_uppercase());
    if is_method { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}

fn header(text: &str) -> Read<String> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.bytes().all(is_token) { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}

/// As in Spring, a number alone is seconds.
fn seconds(text: &str) -> Read<Duration> {
    let range = Duration::ZERO..=LONGEST;
    match text.trim().parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds))
            .filter(|time| range.contains(time))
            .ok_or(Fault::SHAPE),
        Err(_) => values::duration(text, range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    fn case(options: &[(&str, &str)]) -> Case {
        options.iter().fold(Case::new(), |case, (name, value)| case.option(name, value))
    }

    #[test]
    fn an_origin_switches_it_on_with_springs_defaults() {
        assert_eq!(Case::new().loaded().settings.web.cors, None);
        let settings = Case::new()
            .file(
                "application.yml",
                "order.cors.allowed-origins: ['https://a.example/', 'null']\n\
                 management.endpoints.web.cors:\n  allowed-origin-patterns:\n  - https://*.b:[80,81]\n  \
                 max-age: 60\n",
            )
            .loaded()
            .settings;
        let rules = Cors {
            origins: vec!["https://a.example".to_owned(), "null".to_owned()],
            patterns: Vec::new(),
            methods: ["GET", "HEAD", "POST"].map(ToOwned::to_owned).to_vec(),
            headers: vec!["*".to_owned()],
            exposed: Vec::new(),
            credentials: false,
            max_age: Duration::from_mins(30),
        };
        assert_eq!(settings.web.cors.as_ref(), Some(&rules));
        let of_actuator = Cors {
            origins: Vec::new(),
            patterns: vec!["https://*.b:[80,81]".parse().unwrap()],
            methods: ["GET", "HEAD"].map(ToOwned::to_owned).to_vec(),
            headers: Vec::new(),
            max_age: Duration::from_mins(1),
            ..rules
        };
        assert_eq!(settings.management.cors, Some(of_actuator));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let any = [("order.cors.allowed-origins", "*")];
        let with = |name, value| case(&[&any[..], &[(name, value)]].concat()).refused();
        let said = with("order.cors.allow-credentials", "true");
        assert!(
            said.contains("order.cors.allow-credentials") && said.contains("as in Spring"),
            "{said}"
        );
        let said = case(&[("order.cors.max-age", "1h")]).refused();
        assert!(said.contains("order.cors.max-age") && said.contains("has no effect"), "{said}");
        let said = case(&[("order.cors.allowed-origins", "https://*.a.example")]).refused();
        assert!(said.contains("order.cors.allowed-origins"), "{said}");
        // Credentials go with a pattern.
        let pattern =
            [("order.cors.allowed-origin-patterns", "*"), ("order.cors.allow-credentials", "true")];
        assert!(case(&pattern).loaded().settings.web.cors.is_some());
    }

    #[test]
    fn pages_of_any_site_never_change_anything_on_the_actuator() {
        const PREFIX: &str = "management.endpoints.web.cors";
        let methods = format!("{PREFIX}.allowed-methods");
        for (origins, value) in [("allowed-origins", "*"), ("allowed-origin-patterns", "http*")] {
            let origins = format!("{PREFIX}.{origins}");
            let said = case(&[(&origins, value), (&methods, "GET,POST")]).refused();
            assert!(said.contains(&methods) && said.contains("any site"), "{said}");
            assert!(case(&[(&origins, value)]).loaded().settings.management.cors.is_some());
        }
        let loaded = case(&[(&methods, "GET,POST")]).loaded();
        let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
        assert!(
            warning.contains(&methods) && loaded.settings.management.cors.is_none(),
            "{warning}"
        );
    }

    #[test]
    fn an_origin_is_what_browsers_write() {
        for right in [
            "*",
            "null",
            "https://a.example",
            "http://localhost:3000",
            "capacitor://localhost",
            "http://[::1]:80",
        ] {
            assert_eq!(origin(right).as_deref(), Ok(right));
        }
        assert_eq!(origin("https://a.example/").as_deref(), Ok("https://a.example"));
        for wrong in [
            "a.example",
            "https://",
            "https://a/b",
            "https://*.a",
            "https://a:0",
            "https://a:x",
            "https://u@a",
            "://a",
        ] {
            assert_eq!(origin(wrong), Err(Fault::SHAPE), "{wrong}");
        }
    }

    #[test]
    fn commas_in_lists_of_ports_divide_no_patterns() {
        let both = patterns("https://*.a:[80,81], https://b:[*],").unwrap();
        let expected = ["https://*.a:[80,81]", "https://b:[*]"].map(|one| one.parse().unwrap());
        assert_eq!(both, expected);
        assert!(patterns("https://a:[80,x]").is_err());
        assert!(patterns("https://a:[80").is_err());
    }

    #[test]
    fn methods_and_headers_are_names() {
        assert!(method("get").is_err() && method("GET POST").is_err() && method("*").is_ok());
        assert!(header("X-One").is_ok() && header("X One").is_err() && header("X:One").is_err());
        assert_eq!(seconds("60"), Ok(Duration::from_mins(1)));
        assert_eq!(seconds("1h"), Ok(Duration::from_hours(1)));
        assert!(seconds("366d").is_err() && seconds("-1").is_err());
    }
}
