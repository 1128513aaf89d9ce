//! What was set and is not read: unknown names, keys without effect, and values that a config server
//! could not decrypt.

use std::collections::BTreeMap;

use crate::catalogue::Catalogue;
use crate::environment::is_slip;
use crate::layers::{Entry, Merged, Origin};
use crate::names::squashed;
use crate::problems::Problem;
use crate::reader::UNREADABLE;

/// The unknown names under the service's own prefix, each with the key that was probably meant.
pub(crate) fn unknown(merged: &Merged, catalogue: &Catalogue) -> Vec<Problem> {
    let is_unknown = |(canonical, entry): &(&str, &Entry)| {
        catalogue.owns(canonical)
            && catalogue.row(canonical).is_none()
            && !stands_in_a_placeholder(merged, &entry.origin)
            && !is_of_others(entry, catalogue)
    };
    let problem = |(_, Entry { name, origin, .. }): (&str, &Entry)| {
        let complaint = format!("there is no such setting; {}", what_there_is(name, catalogue));
        Problem::new(name, Some(origin.clone()), complaint)
    };
    merged.iter().filter(is_unknown).map(problem).collect()
}

/// One warning that names the variables under the service's own prefix that resemble no key.
pub(crate) fn strange_variables(merged: &Merged, catalogue: &Catalogue) -> Option<String> {
    let is_strange = |(canonical, entry): &(&str, &Entry)| {
        catalogue.owns(canonical)
            && catalogue.row(canonical).is_none()
            && !stands_in_a_placeholder(merged, &entry.origin)
            && is_of_others(entry, catalogue)
    };
    let strange: Vec<_> =
        merged.iter().filter(is_strange).map(|(_, entry)| entry.origin.to_string()).collect();
    (!strange.is_empty()).then(|| format!("no settings, and ignored: {}", strange.join(", ")))
}

/// Whether an unknown name is a variable that was probably set for another program.
fn is_of_others(entry: &Entry, catalogue: &Catalogue) -> bool {
    matches!(entry.origin, Origin::Environment(_)) && !is_slip(&entry.name, catalogue)
}

/// Whether a placeholder names this variable: then it is meant for the placeholder alone.
fn stands_in_a_placeholder(merged: &Merged, origin: &Origin) -> bool {
    let Origin::Environment(variable) = origin else {
        return false;
    };
    let variable = squashed(variable);
    merged.iter().any(|(_, entry)| {
        let named =
            entry.value.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next());
        named.map(squashed).any(|name| name == variable)
    })
}

fn what_there_is(name: &str, catalogue: &Catalogue) -> String {
    if let Some(nearest) = catalogue.nearest(name) {
        return format!("did you mean {nearest}?");
    }
    let names = catalogue.rows().iter().map(|row| row.name);
    let names: Vec<_> = names.filter(|name| name.starts_with(catalogue.prefix)).collect();
    format!("there are {}", names.join(", "))
}

/// The known keys that a config server could not decrypt, unless a higher layer has another value.
pub(crate) fn unreadable(merged: &Merged, catalogue: &Catalogue) -> Vec<Problem> {
    let problem = |(name, entry): (&str, &Entry)| {
        let ranked = merged.get(name).filter(|ranked| ranked.is_from_server())?;
        let name = name.strip_prefix(UNREADABLE)?;
        let is_known = catalogue.owns(name) || catalogue.row(name).is_some();
        let is_overruled = merged.get(name).is_some_and(|other| other.rank > ranked.rank);
        let name = entry.name.strip_prefix(UNREADABLE).unwrap_or(name);
        let complaint = "the config server could not decrypt it";
        (is_known && !is_overruled)
            .then(|| Problem::new(name, Some(entry.origin.clone()), complaint))
    };
    merged.iter().filter_map(problem).collect()
}

/// One warning that names every key without effect that is set, with its source.
pub(crate) fn without_effect(merged: &Merged, catalogue: &Catalogue) -> Option<String> {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (canonical, entry) in merged.iter() {
        let is_off = matches!(entry.value.trim(), "" | "false" | "-1");
        if let Some(reason) = catalogue.instead_of(canonical).filter(|_| !is_off) {
            let named = format!("{} ({})", entry.name, entry.origin);
            by_reason.entry(reason).or_default().push(named);
        }
    }
    let parts: Vec<_> = by_reason
        .into_iter()
        .map(|(reason, keys)| format!("{}: {reason}", keys.join(", ")))
        .collect();
    (!parts.is_empty()).then(|| format!("settings without effect: {}", parts.join("; ")))
}

/// One warning that names the unknown options. Unknown names elsewhere are ignored: they are meant
/// for other programs.
pub(crate) fn unknown_options(merged: &Merged, catalogue: &Catalogue) -> Option<String> {
    let is_unknown = |(canonical, entry): &(&str, &Entry)| {
        entry.origin == Origin::CommandLine
            && !catalogue.owns(canonical)
            && catalogue.row(canonical).is_none()
            && catalogue.instead_of(canonical).is_none()
    };
    let named = |(_, entry): (&str, &Entry)| {
        let nearest = catalogue.nearest(&entry.name);
        let hint = nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        format!("--{}{hint}", entry.name)
    };
    let unknown: Vec<_> = merged.iter().filter(is_unknown).map(named).collect();
    (!unknown.is_empty()).then(|| format!("unknown settings are ignored: {}", unknown.join(", ")))
}
