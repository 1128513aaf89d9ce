//! What values are made of: the layers, and the names that placeholders may name.

use crate::bounds::Work;
use crate::catalogue::Catalogue;
use crate::environment;
use crate::inputs::Inputs;
use crate::layers::{Merged, Origin, Ranked};
use crate::placeholders::{self, Names, Place, Resolved, Text, Unresolvable};
use crate::random;
use crate::remote::Remote;

/// A config server puts this before the key of a value that it could not decrypt.
pub(crate) const UNREADABLE: &str = "invalid.";

/// The layers that a value and its placeholders are looked up in, and what may be made of them.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) merged: &'a Merged,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) inputs: &'a Inputs,
    /// What documents of config servers may do.
    pub(crate) remote: &'a Remote,
    /// What all values of this reading may take.
    pub(crate) work: &'a Work,
}

impl Scope<'_> {
    /// A value with its placeholders replaced.
    pub(crate) fn resolved(self, raw: &str, origin: &Origin) -> Result<Resolved, Unresolvable> {
        placeholders::resolve(raw, place(origin), &self, self.work)
    }

    /// The text of an entry. What a config server is asked with is no secret of this machine.
    fn entry(self, canonical: &str) -> Option<Text> {
        let Ranked { entry, .. } = self.merged.get(canonical)?;
        let place = if is_told(canonical) { Place::Open } else { place(&entry.origin) };
        Some(Text { text: entry.value.clone(), place })
    }
}

fn place(origin: &Origin) -> Place {
    match origin {
        Origin::ConfigServer { .. } => Place::Remote,
        Origin::Default => Place::Open,
        _ => Place::Machine,
    }
}

/// Whether a config server is told the value of a canonical name with each question.
fn is_told(canonical: &str) -> bool {
    ["spring.application.name", "spring.profiles.active"].contains(&canonical)
}

impl Names for Scope<'_> {
    fn text(&self, name: &str, has_default: bool) -> Option<Text> {
        let Inputs { environment, random, .. } = self.inputs;
        let canonical = self.catalogue.canonical(name);
        let of_machine = |text: &str| Text { text: text.to_owned(), place: Place::Machine };
        let open = |text: String| Text { text, place: Place::Open };
        let exact =
            environment.get(name).map(String::as_str).filter(|text| !text.trim().is_empty());
        let variable =
            || environment::variable(environment, name).map(|(_, text)| of_machine(text));
        let found = exact.map(of_machine).or_else(|| self.entry(&canonical)).or_else(variable);
        if found.is_some() {
            return found;
        }
        if let Some(form) = random::form(name) {
            return random::value(form, random()).map(open);
        }
        // As in Spring, the placeholder's own default goes before the key's.
        let default = self.catalogue.row(&canonical).map_or("", |row| row.default);
        let last = || (!default.is_empty()).then(|| default.to_owned());
        // A blank variable is unset, but where nothing else can stand for it, it is the empty text.
        let blank = || environment.contains_key(name).then(String::new);
        let offered = self.inputs.offer(name);
        offered.or_else(|| if has_default { None } else { last().or_else(blank) }).map(open)
    }

    fn refused(&self, name: &str) -> Option<&'static str> {
        if random::form(name).is_some() {
            return Some(random::MALFORMED);
        }
        let name = format!("{UNREADABLE}{}", self.catalogue.canonical(name));
        let is_unreadable = self.merged.get(&name).is_some_and(Ranked::is_from_server);
        is_unreadable.then_some("which the config server could not decrypt")
    }
}
