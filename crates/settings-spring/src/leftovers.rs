//! What was set and is not read: unknown names, keys that are ignored or refused, and values that a
//! config server could not decrypt.

use std::collections::{BTreeMap, BTreeSet};

use crate::bounds::{MOST_LISTED, listed};
use crate::catalogue::{Catalogue, Use};
use crate::environment::is_slip;
use crate::layers::{Entry, Merged, Origin};
use crate::names::squashed;
use crate::problems::Problem;
use crate::scope::{Scope, UNREADABLE};
use crate::unread::{Unread, Verdict};

/// The unknown names under the service's own prefix, each with the key that was probably meant: no more than a message
/// lists, and one.
pub(crate) fn unknown(merged: &Merged, catalogue: &Catalogue) -> Vec<Problem> {
    let placeholders = Placeholders::of(merged);
    let is_unknown = |(canonical, entry): &(&str, &Entry)| {
        catalogue.owns(canonical)
            && catalogue.row(canonical).is_none()
            && !(matches!(entry.origin, Origin::Environment(_)) && placeholders.name(entry))
            && !is_of_others(entry, catalogue)
    };
    let problem = |(_, Entry { name, origin, .. }): (&str, &Entry)| {
        let complaint = format!("there is no such setting; {}", what_there_is(name, catalogue));
        Problem::new(name, Some(origin.clone()), complaint)
    };
    let most = MOST_LISTED.saturating_add(1);
    merged.iter().filter(is_unknown).take(most).map(problem).collect()
}

/// One warning that names the variables under the service's own prefix that resemble no key.
pub(crate) fn strange_variables(merged: &Merged, catalogue: &Catalogue) -> Option<String> {
    let placeholders = Placeholders::of(merged);
    let is_strange = |(canonical, entry): &(&str, &Entry)| {
        catalogue.owns(canonical)
            && catalogue.row(canonical).is_none()
            && !placeholders.name(entry)
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

/// The names in all placeholders, in the form in which variables are compared.
struct Placeholders(BTreeSet<String>);

impl Placeholders {
    fn of(merged: &Merged) -> Self {
        let values = merged.iter().map(|(_, entry)| entry.value.as_str());
        let behind = values.flat_map(|value| value.split("${").skip(1));
        Self(behind.filter_map(|rest| rest.split(['}', ':']).next()).map(squashed).collect())
    }

    /// Whether one of them names this entry or its variable: then it may be meant for the placeholder alone.
    fn name(&self, entry: &Entry) -> bool {
        let variable = match &entry.origin {
            Origin::Environment(variable) => variable,
            _ => &entry.name,
        };
        self.0.contains(&squashed(variable))
    }
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

/// The keys that must not be ignored, with what is to be done instead.
pub(crate) fn refused(scope: Scope<'_>) -> Vec<Problem> {
    let problem = |(entry, row): (&Entry, &Unread)| {
        Problem::new(&entry.name, Some(entry.origin.clone()), row.instead)
    };
    unread(scope, Verdict::Refused).map(problem).collect()
}

/// One warning that names every key that is ignored, with its source.
pub(crate) fn ignored(scope: Scope<'_>) -> Option<String> {
    let mut by_reason: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (entry, row) in unread(scope, Verdict::Ignored) {
        by_reason.entry(row.instead).or_default().push(entry);
    }
    let parts: Vec<_> = by_reason
        .into_iter()
        .map(|(reason, keys)| format!("{}: {reason}", listed(keys, named)))
        .collect();
    (!parts.is_empty()).then(|| format!("settings without effect: {}", parts.join("; ")))
}

/// One warning that names the options that are no settings, and the names in no row that are meant for
/// a service like this one. Other names are meant for other programs, or for placeholders.
pub(crate) fn unknown_names(scope: Scope<'_>) -> Option<String> {
    let Scope { merged, catalogue, .. } = scope;
    let placeholders = Placeholders::of(merged);
    let is_unknown = |(canonical, entry): &(&str, &Entry)| {
        let is_option = entry.origin == Origin::CommandLine;
        (is_option || catalogue.answers_for(canonical))
            && !catalogue.owns(canonical)
            && matches!(catalogue.use_of(canonical), Use::Unknown)
            && (is_option || !placeholders.name(entry))
    };
    let hint = |(_, entry): (&str, &Entry)| {
        let nearest = catalogue.nearest(&entry.name);
        let hint = nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        format!("{}{hint}", named(entry))
    };
    let mut unknown = merged.iter().filter(is_unknown).peekable();
    unknown.peek()?;
    Some(format!("unknown settings are ignored: {}", listed(unknown, hint)))
}

fn named(Entry { name, origin, .. }: &Entry) -> String {
    match origin {
        Origin::CommandLine => format!("--{name}"),
        origin => format!("{name} ({origin})"),
    }
}

/// The entries that are set and not read, unless they ask for nothing or are switched off.
fn unread(scope: Scope<'_>, verdict: Verdict) -> impl Iterator<Item = (&Entry, &'static Unread)> {
    let is_off = move |(switch, off): (&str, &str)| {
        let entry = scope.merged.get(&scope.catalogue.canonical(switch));
        entry.is_some_and(|ranked| resolved(scope, &ranked.entry).as_deref() == Some(off))
    };
    scope.merged.iter().filter_map(move |(canonical, entry)| {
        let Use::Unread(row) = scope.catalogue.use_of(canonical) else { return None };
        // What cannot be resolved asks for something.
        let is_neutral = resolved(scope, entry).is_some_and(|value| row.is_neutral(&value));
        let counts = row.verdict == verdict && !is_neutral && !row.off.is_some_and(is_off);
        counts.then_some((entry, row))
    })
}

/// A value with its placeholders replaced.
fn resolved(scope: Scope<'_>, entry: &Entry) -> Option<String> {
    Some(scope.resolved(&entry.value, &entry.origin).ok()?.text)
}
