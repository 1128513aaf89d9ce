//! Settings in environment variables, in Spring's relaxed form (upper case, underscores for dots,
//! dashes dropped or underscores), and the only reader of the process's environment.
//!
//! A variable counts when it spells a key that we know, or begins with `ORDER_`. The variables that
//! Kubernetes injects for each of its services (`ORDER_SERVICE_PORT=tcp://…`) are nobody's settings.

use std::collections::BTreeMap;

use super::layers::{Entry, Layer, Origin};
use super::names::squashed;
use super::set_aside::SET_ASIDE;
use super::table::ROWS;

/// The variables of this process; those that are not text are left out.
#[must_use]
pub fn of_this_process() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The variables that are settings, as a layer.
pub(crate) fn layer(environment: &BTreeMap<String, String>) -> Layer {
    let courtesy = environment
        .get("DATABASE_URL")
        .map(|value| ("spring.datasource.url".to_owned(), "DATABASE_URL", value));
    let settings = environment
        .iter()
        .filter(|(name, value)| !is_service_link(name, value))
        .filter_map(|(name, value)| Some((key(name)?, name.as_str(), value)));
    // In one layer the later entry wins, and the courtesy must not.
    courtesy
        .into_iter()
        .chain(settings)
        .map(|(key, variable, value)| Entry {
            name: key,
            value: value.clone(),
            origin: Origin::Environment(variable.into()),
        })
        .collect()
}

/// The variable that a placeholder names, as written (`${HOME}`) or as a key (`${db.host}`).
pub(crate) fn variable<'a>(
    environment: &'a BTreeMap<String, String>,
    name: &str,
) -> Option<&'a str> {
    let upper = name.to_uppercase().replace('.', "_");
    [name, &upper.replace('-', "_"), &upper.replace('-', "")]
        .into_iter()
        .find_map(|name| environment.get(name))
        .map(String::as_str)
}

/// The key that a variable spells.
fn key(variable: &str) -> Option<String> {
    exact(variable)
        .or_else(|| element(variable))
        .or_else(|| member(variable))
        .or_else(|| unknown_of_ours(variable))
}

fn names() -> impl Iterator<Item = &'static str> {
    let ours = ROWS.iter().map(|row| row.name);
    ours.chain(SET_ASIDE.iter().map(|(name, _)| *name))
}

fn exact(variable: &str) -> Option<String> {
    let squashed_variable = squashed(variable);
    names()
        .find(|name| !name.ends_with('*') && squashed(name) == squashed_variable)
        .map(str::to_owned)
}

/// `ORDER_CURRENCIES_0` and `ORDER_CURRENCIES_0_` are `order.currencies[0]`.
fn element(variable: &str) -> Option<String> {
    let (list, index) = variable.trim_end_matches('_').rsplit_once('_')?;
    let index: usize = index.parse().ok()?;
    Some(format!("{}[{index}]", exact(list)?))
}

/// `LOGGING_LEVEL_ORDER_APP` is `logging.level.order_app`, because what it names has underscores
/// (and `__` for `::`), and those of headers are dashes; `SPRING_KAFKA_PROPERTIES_SASL_MECHANISM` is `….sasl.mechanism`, because
/// what it names has dots.
fn member(variable: &str) -> Option<String> {
    names().filter_map(|name| name.strip_suffix(".*")).find_map(|family| {
        let rest = after(variable, &squashed(family))?.to_lowercase();
        let rest = match family {
            "logging.level" => rest.replace("__", "::"),
            "spring.cloud.config.headers" | "management.otlp.tracing.headers" => {
                rest.replace('_', "-")
            }
            _ => rest.replace('_', "."),
        };
        Some(format!("{family}.{rest}"))
    })
}

/// What of a variable follows a squashed prefix and an underscore.
fn after<'a>(variable: &'a str, prefix: &str) -> Option<&'a str> {
    variable.match_indices('_').find_map(|(at, _)| {
        let (before, rest) = variable.split_at(at);
        let rest = rest.trim_start_matches('_');
        (squashed(before) == prefix && !rest.is_empty()).then_some(rest)
    })
}

/// A variable under our own prefix that is no key of ours: reported later.
fn unknown_of_ours(variable: &str) -> Option<String> {
    variable.starts_with("ORDER_").then(|| variable.to_lowercase().replace('_', "."))
}

/// Whether Kubernetes (or Docker's links) made this variable for a service that happens to be
/// called like the beginning of one of our keys.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_part = ["_TCP_", "_UDP_", "_SCTP_"].iter().any(|infix| {
        name.split_once(infix).is_some_and(|(service, part)| {
            service.contains("_PORT_") && matches!(part, "ADDR" | "PORT" | "PROTO")
        })
    });
    is_address
        || is_part
        || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relaxed_names_find_their_keys() {
        for (variable, expected) in [
            ("SERVER_PORT", Some("server.port")),
            ("server.port", Some("server.port")),
            ("SPRING_DATASOURCE_URL", Some("spring.datasource.url")),
            (
                "SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE",
                Some("spring.datasource.hikari.maximum-pool-size"),
            ),
            (
                "SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE",
                Some("spring.datasource.hikari.maximum-pool-size"),
            ),
            ("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", Some("eureka.client.service-url.defaultZone")),
            ("ORDER_EVENTS_TOPIC", Some("order.events.topic")),
            ("ORDER_CURRENCIES_0_", Some("order.currencies[0]")),
            ("ORDER_CURRENCIES_12", Some("order.currencies[12]")),
            ("LOGGING_LEVEL_ROOT", Some("logging.level.root")),
            ("LOGGING_LEVEL_ORDER_APP", Some("logging.level.order_app")),
            ("LOGGING_LEVEL_ORDER_APP__ORDERS", Some("logging.level.order_app::orders")),
            (
                "SPRING_KAFKA_PROPERTIES_SASL_MECHANISM",
                Some("spring.kafka.properties.sasl.mechanism"),
            ),
            (
                "MANAGEMENT_OTLP_TRACING_HEADERS_X_API_KEY",
                Some("management.otlp.tracing.headers.x-api-key"),
            ),
            ("SERVER_SSL_KEY_STORE", Some("server.ssl.key.store")),
            ("ORDER_EVENTS_TOPPIC", Some("order.events.toppic")),
            ("SPRING_JPA_OPEN_IN_VIEW", None),
            ("HOME", None),
            ("PATH", None),
        ] {
            assert_eq!(key(variable).as_deref(), expected, "{variable}");
        }
    }

    #[test]
    fn service_links_of_kubernetes_are_not_settings() {
        for (name, value) in [
            ("ORDER_SERVICE_PORT", "tcp://10.0.0.1:80"),
            ("SERVER_PORT", "tcp://10.0.0.1:80"),
            ("ORDER_SERVICE_SERVICE_HOST", "10.0.0.1"),
            ("ORDER_SERVICE_SERVICE_PORT", "80"),
            ("ORDER_SERVICE_SERVICE_PORT_HTTP", "80"),
            ("ORDER_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("ORDER_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("ORDER_PORT_80_TCP_PROTO", "tcp"),
        ] {
            let environment = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert_eq!(layer(&environment), [], "{name}");
        }
    }

    #[test]
    fn the_database_url_gives_way_to_spring_s() {
        let environment = BTreeMap::from([
            ("SPRING_DATASOURCE_URL".to_owned(), "a".to_owned()),
            ("DATABASE_URL".to_owned(), "b".to_owned()),
        ]);
        let merged = super::super::layers::Merged::new([layer(&environment)]);
        assert_eq!(merged.get("spring.datasource.url").unwrap().entry.value, "a");
    }
}
