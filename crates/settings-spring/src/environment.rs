//! Settings in environment variables, in Spring's relaxed form: upper case, underscores for dots, and
//! dashes dropped or as underscores.
//!
//! A variable is a setting if it spells a known key, or begins with the service's own prefix, and is not
//! blank. The variables that Kubernetes makes for each of its services (`SHOP_SERVICE_PORT=tcp://…`) are not
//! settings.

use std::collections::BTreeMap;

use crate::catalogue::Catalogue;
use crate::layers::{Entry, Layer, Origin};
use crate::names::squashed;

/// The variables that are settings.
pub(crate) fn layer(environment: &BTreeMap<String, String>, catalogue: &Catalogue) -> Layer {
    let aliases = catalogue.aliases.iter().filter_map(|(variable, key)| {
        let (variable, value) = environment.get_key_value(*variable)?;
        (!is_blank(value)).then_some(())?;
        Some(((*key).to_owned(), variable, value))
    });
    let settings = environment
        .iter()
        .filter(|(name, value)| !is_blank(value) && !is_service_link(name, value))
        .filter_map(|(name, value)| Some((key(name, catalogue)?, name, value)));
    // In one layer the later entry wins: an alias comes first.
    aliases
        .chain(settings)
        .map(|(key, variable, value)| Entry::new(key, value, Origin::Environment(variable.clone())))
        .collect()
}

/// The variable that a placeholder names, as it is called (`${HOME}`) or as a key (`${db.host}`), and its
/// value.
pub(crate) fn variable<'a>(
    environment: &'a BTreeMap<String, String>,
    name: &str,
) -> Option<(&'a str, &'a str)> {
    let upper = name.to_uppercase().replace('.', "_");
    [name, &upper.replace('-', "_"), &upper.replace('-', "")]
        .into_iter()
        .find_map(|name| environment.get_key_value(name).filter(|(_, value)| !is_blank(value)))
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Whether the name of an unknown variable is so close to a key's that it is probably a typing error.
/// Further names under the service's own prefix belong to others in a shared environment.
pub(crate) fn is_slip(name: &str, catalogue: &Catalogue) -> bool {
    let prefix = squashed(catalogue.prefix);
    let rest = |name: &str| squashed(name).strip_prefix(&prefix).map(str::to_owned);
    let Some(own) = rest(name) else { return false };
    let keys = catalogue.names().filter_map(|key| rest(key.trim_end_matches(".*")));
    let distance = |key: String| strsim::damerau_levenshtein(&own, &key);
    // A slip in four letters: a shorter name is another word.
    keys.map(distance).any(|distance| distance.saturating_mul(4) <= own.len())
}

/// Whether a variable is unset: many tools set it to nothing instead.
fn is_blank(value: &str) -> bool {
    value.trim().is_empty()
}

/// The key that a variable spells.
fn key(variable: &str, catalogue: &Catalogue) -> Option<String> {
    exact(variable, catalogue)
        .or_else(|| element(variable, catalogue))
        .or_else(|| member(variable, catalogue))
        .or_else(|| unknown(variable, catalogue))
}

fn exact(variable: &str, catalogue: &Catalogue) -> Option<String> {
    let variable = squashed(variable);
    let mut names = catalogue.names().filter(|name| !name.contains('*'));
    names.find(|name| squashed(name) == variable).map(str::to_owned)
}

/// `SHOP_CURRENCIES_0` and `SHOP_CURRENCIES_0_` are `shop.currencies[0]`.
fn element(variable: &str, catalogue: &Catalogue) -> Option<String> {
    let (list, index) = variable.trim_end_matches('_').rsplit_once('_')?;
    let index: usize = index.parse().ok()?;
    Some(format!("{}[{index}]", exact(list, catalogue)?))
}

/// A member of a family. Its underscores are dots (`SPRING_KAFKA_PROPERTIES_SASL_MECHANISM`), in the
/// names of headers dashes, and in log targets they stay: `LOGGING_LEVEL_SHOP_APP__DB` is
/// `logging.level.shop_app::db`.
fn member(variable: &str, catalogue: &Catalogue) -> Option<String> {
    let mut families = catalogue.names().filter_map(|name| name.strip_suffix(".*"));
    families.find_map(|family| {
        let rest = rest(variable, &squashed(family))?.to_lowercase();
        let rest = match family {
            "logging.level" => rest.replace("__", "::"),
            headers if headers.ends_with(".headers") => rest.replace('_', "-"),
            _ => rest.replace('_', "."),
        };
        Some(format!("{family}.{rest}"))
    })
}

/// The part of a variable that follows a squashed prefix and an underscore.
fn rest<'a>(variable: &'a str, prefix: &str) -> Option<&'a str> {
    variable.match_indices('_').find_map(|(at, _)| {
        let (before, rest) = variable.split_at(at);
        let rest = rest.trim_start_matches('_');
        (squashed(before) == prefix && !rest.is_empty()).then_some(rest)
    })
}

/// A variable that spells no key, under the service's own prefix or another that it answers for. It is
/// reported later.
fn unknown(variable: &str, catalogue: &Catalogue) -> Option<String> {
    let prefix = catalogue.prefix.to_uppercase().replace(['.', '-'], "_");
    let is_own = !prefix.is_empty() && variable.starts_with(&prefix);
    let name = variable.to_lowercase().replace('_', ".");
    let is_in_capitals = variable == variable.to_uppercase();
    (is_own || is_in_capitals && catalogue.answers_for(&name)).then_some(name)
}

/// Whether Kubernetes, or a link of Docker, made this variable for a service whose name happens to be
/// the beginning of a key.
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
