//! The active profiles, by Spring's rules: those that are included come first, then those that are set,
//! and each is followed by the members of its group.

use crate::catalogue::keys;
use crate::names::folded;
use crate::reader::Reader;
use crate::values::{self, Read, list};

keys! {
    pub ROWS;
    pub PROFILES: Vec<String> = "spring.profiles.active", "", Plain,
        "profile names with commas between them, of letters, digits and - _ . + @",
        "The profiles whose files are read as well; the last one wins. With those that are included, \
         and the members of groups.",
        profiles;
    pub(crate) INCLUDE: Vec<String> = "spring.profiles.include", "", Plain,
        "profile names with commas between them",
        "Profiles that are active in any case; they come first. Each place that names some adds to them.",
        profiles;
    pub(crate) GROUP: Vec<String> = "spring.profiles.group.*", "", Plain,
        "profile names with commas between them",
        "The profiles that are active with the profile of this name, after it.",
        profiles;
    pub(crate) DEFAULT: Vec<String> = "spring.profiles.default", "default", Plain,
        "profile names with commas between them",
        "The profiles where none is active.",
        profiles;
}

fn profiles(text: &str) -> Read<Vec<String>> {
    list(text, values::profile)
}

/// The profiles of a service.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    /// Those that are active; the last one wins.
    pub(crate) active: Vec<String>,
    /// The same; or the default ones where none is active.
    pub(crate) accepted: Vec<String>,
}

impl Profiles {
    /// What the settings say. A wrong value is reported when the keys are read for good.
    pub(crate) fn read(from: &mut Reader<'_>) -> Self {
        let set = from.read(&PROFILES).unwrap_or_default();
        let included = from.read(&INCLUDE).unwrap_or_default();
        let groups = from.family(&GROUP).unwrap_or_default();
        let expanded = |heads: Vec<String>| {
            let mut expanded = Vec::new();
            let mut next: Vec<_> = heads.into_iter().rev().collect();
            while let Some(profile) = next.pop() {
                if !expanded.contains(&profile) {
                    next.extend(groups.get(&profile).into_iter().flatten().rev().cloned());
                    expanded.push(profile);
                }
            }
            expanded
        };
        let active = expanded(included.into_iter().chain(set).collect());
        let accepted = match &active[..] {
            [] => expanded(from.read(&DEFAULT).unwrap_or_default()),
            active => active.to_vec(),
        };
        Self { active, accepted }
    }
}

/// Whether a name selects profiles. It cannot stand in a document that depends on profiles itself.
pub(crate) fn selects(name: &str) -> bool {
    let name = folded(name);
    let name = name.split('[').next().unwrap_or_default();
    let keys = [PROFILES.row.name, INCLUDE.row.name, DEFAULT.row.name];
    keys.contains(&name) || name.starts_with("spring.profiles.group.")
}
