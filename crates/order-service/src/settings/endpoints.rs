//! The endpoints of the actuator: which are exposed, where, and what may be done with them, by Spring Boot's
//! rules.

use std::collections::BTreeMap;

use http_actix::{Access, Actuator, Endpoint};
use settings_spring::values::{self, Fault, Read, list, optional};
use settings_spring::{Key, Reader, keys};

use super::server::{is_segment, path};

keys! {
    pub(super) ROWS;
    BASE: String = "management.endpoints.web.base-path", "/actuator", Plain,
        "a path such as /manage, or / for the root, and none that the service has",
        "The path of the actuator.", base;
    LINKS: bool = "management.endpoints.web.discovery.enabled", "true", Plain, "true or false",
        "Whether the path of the actuator has a page with links.", values::flag;
    PATHS: String = "management.endpoints.web.path-mapping.*", "", Plain,
        "a path without a slash in front, and none that the service has",
        "The path of an endpoint below that of the actuator, by the endpoint's id.", values::text;
    INCLUDE: Vec<String> = "management.endpoints.web.exposure.include", "*", Plain,
        "ids of endpoints with commas between them, or *", "The endpoints that are exposed.",
        |text| list(text, values::text);
    EXCLUDE: Vec<String> = "management.endpoints.web.exposure.exclude", "", Plain,
        "ids of endpoints with commas between them, or *", "The endpoints that are not, for all that.",
        |text| list(text, values::text);
    DEFAULT: Option<Access> = "management.endpoints.access.default", "", Plain,
        "none, read-only or unrestricted",
        "What may be done with endpoints that say nothing else; everything unless set.",
        |text| optional(text, access);
    MOST: Access = "management.endpoints.access.max-permitted", "unrestricted", Plain,
        "none, read-only or unrestricted", "The most that may be done with any endpoint.", access;
    DEFAULT_ENABLED: Option<bool> = "management.endpoints.enabled-by-default", "", Plain,
        "true or false, and not beside management.endpoints.access.default",
        "The older form of management.endpoints.access.default.",
        |text| optional(text, values::flag);
}

/// Two keys for each endpoint.
macro_rules! of_endpoints {
    ($($endpoint:ident: $access:ident $access_name:literal, $enabled:ident $enabled_name:literal;)*) => {
        keys! {
            pub(super) ACCESS;
            $(
                $access: Option<Access> = $access_name, "", Plain, "none, read-only or unrestricted",
                    "What may be done with this endpoint.", |text| optional(text, access);
                $enabled: Option<bool> = $enabled_name, "", Plain,
                    "true or false, and not beside the access of the endpoint",
                    "The older form of its access.", |text| optional(text, values::flag);
            )*
        }
        static KEYS: [(Endpoint, &Key<Option<Access>>, &Key<Option<bool>>); Endpoint::ALL.len()] =
            [$((Endpoint::$endpoint, &$access, &$enabled)),*];
    };
}

of_endpoints! {
    Health: HEALTH "management.endpoint.health.access", HEALTH_ON "management.endpoint.health.enabled";
    Info: INFO "management.endpoint.info.access", INFO_ON "management.endpoint.info.enabled";
    Prometheus: PROMETHEUS "management.endpoint.prometheus.access",
        PROMETHEUS_ON "management.endpoint.prometheus.enabled";
    Metrics: METRICS "management.endpoint.metrics.access", METRICS_ON "management.endpoint.metrics.enabled";
    Loggers: LOGGERS "management.endpoint.loggers.access", LOGGERS_ON "management.endpoint.loggers.enabled";
    Refresh: REFRESH "management.endpoint.refresh.access", REFRESH_ON "management.endpoint.refresh.enabled";
    Events: EVENTS "management.endpoint.events.access", EVENTS_ON "management.endpoint.events.enabled";
    Sagas: SAGAS "management.endpoint.sagas.access", SAGAS_ON "management.endpoint.sagas.enabled";
}

/// What the service has beside the actuator, below no other path.
const TAKEN: [&str; 8] =
    ["asyncapi.json", "docs", "events", "livez", "openapi.json", "orders", "readyz", "schemas"];

pub(super) fn read(from: &mut Reader<'_>) -> Option<Actuator> {
    let (base, links) = (from.read(&BASE), from.read(&LINKS));
    let (include, exclude) = (from.read(&INCLUDE), from.read(&EXCLUDE));
    let paths = from.family(&PATHS);
    let default = either(from, &DEFAULT, &DEFAULT_ENABLED, Access::Unrestricted);
    let most = from.read(&MOST);
    // Every key is read, so that everything that is wrong is told at once.
    let otherwise = default.unwrap_or(Access::Unrestricted);
    let mut each = Vec::new();
    for (endpoint, access, enabled) in &KEYS {
        each.push(either(from, access, enabled, otherwise).map(|access| (*endpoint, access)));
    }
    let each: Vec<_> = each.into_iter().collect::<Option<_>>()?;
    let (base, include, exclude, most) = (base?, include?, exclude?, most?);
    default?;
    let mut paths = mapped(from, &base, paths?)?;
    tell_of_strangers(from, &include);
    let mut endpoints = BTreeMap::new();
    for (endpoint, access) in each {
        let access = access.min(most);
        if names(&include, endpoint) && !names(&exclude, endpoint) {
            let path = paths.remove(&endpoint).unwrap_or_else(|| endpoint.id().to_owned());
            endpoints.insert(endpoint, (path, access));
        }
    }
    Some(Actuator { base, links: links?, endpoints })
}

/// The value of a key, or of its older form. As in Spring, only one of them may be set.
fn either(
    from: &mut Reader<'_>,
    access: &'static Key<Option<Access>>,
    enabled: &'static Key<Option<bool>>,
    otherwise: Access,
) -> Option<Access> {
    let (new, old) = (from.read(access), from.read(enabled));
    let (new, old) = (new?, old?);
    if new.is_some() && old.is_some() {
        from.refuse(enabled, "stands beside its newer form");
        return None;
    }
    let old = old.map(|on| if on { Access::Unrestricted } else { Access::None });
    Some(new.or(old).unwrap_or(otherwise))
}

/// The paths of endpoints that have others than their ids.
fn mapped(
    from: &mut Reader<'_>,
    base: &str,
    set: BTreeMap<String, String>,
) -> Option<BTreeMap<Endpoint, String>> {
    let mut paths = BTreeMap::new();
    for (id, path) in set {
        let path = path.trim_matches('/').to_owned();
        let first = path.split('/').next().unwrap_or_default();
        let is_taken = base.is_empty() && TAKEN.contains(&first);
        let other = Endpoint::ALL.iter().any(|other| other.id() == first && !is(*other, &id));
        if !path.split('/').all(is_segment)
            || is_taken
            || other
            || paths.values().any(|p| *p == path)
        {
            let complaint = format!("must be {}", PATHS.row.allowed);
            from.complain(format!("management.endpoints.web.path-mapping.{id}"), complaint);
            return None;
        }
        match Endpoint::ALL.into_iter().find(|endpoint| is(*endpoint, &id)) {
            Some(endpoint) => drop(paths.insert(endpoint, path)),
            None => from.warn(format!(
                "management.endpoints.web.path-mapping.{id}: this service has no such endpoint"
            )),
        }
    }
    Some(paths)
}

fn tell_of_strangers(from: &mut Reader<'_>, include: &[String]) {
    let is_ours = |id: &String| id == "*" || Endpoint::ALL.into_iter().any(|ours| is(ours, id));
    let strangers: Vec<_> = include.iter().filter(|id| !is_ours(id)).map(String::as_str).collect();
    if !strangers.is_empty() {
        let strangers = strangers.join(", ");
        from.warn(format!(
            "management.endpoints.web.exposure.include: this service has no endpoints {strangers}"
        ));
    }
}

fn names(ids: &[String], endpoint: Endpoint) -> bool {
    ids.iter().any(|id| id == "*" || is(endpoint, id))
}

/// Ids are compared as Spring does: without case and dashes.
fn is(endpoint: Endpoint, id: &str) -> bool {
    id.replace(['-', '.'], "").eq_ignore_ascii_case(endpoint.id())
}

fn base(text: &str) -> Read<String> {
    let path = path(text)?;
    let first = path.split('/').nth(1).unwrap_or_default();
    if TAKEN.contains(&first) { Err(Fault::SHAPE) } else { Ok(path) }
}

fn access(text: &str) -> Read<Access> {
    let words = [
        ("none", Access::None),
        ("read_only", Access::ReadOnly),
        ("unrestricted", Access::Unrestricted),
    ];
    values::one_of(text, &words)
}
