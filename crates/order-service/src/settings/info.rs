//! What `/actuator/info` tells.

use serde_json::{Map, Value};
use settings_spring::values::{self, optional};
use settings_spring::{Reader, keys, sounds_secret};

keys! {
    pub(super) ROWS;
    OWN: String = "info.*", "", Plain, "a text",
        "What /actuator/info tells beside the build, when management.info.env.enabled says so; names that \
         sound secret are left out.", values::any;
    ENV: bool = "management.info.env.enabled", "false", Plain, "true or false",
        "Whether /actuator/info shows what is set under info.", values::flag;
    DEFAULTS: bool = "management.info.defaults.enabled", "true", Plain, "true or false",
        "Whether it shows the build and the commit, unless their own keys say otherwise.", values::flag;
    BUILD: Option<bool> = "management.info.build.enabled", "", Plain, "true or false",
        "Whether it shows the build.", |text| optional(text, values::flag);
    GIT: Option<bool> = "management.info.git.enabled", "", Plain, "true or false",
        "Whether it shows the commit that it was built from.", |text| optional(text, values::flag);
}

/// What `/actuator/info` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Whether it shows the build.
    pub build: bool,
    /// Whether it shows the commit.
    pub git: bool,
    /// What is set under `info.`, nested by dots.
    pub own: Map<String, Value>,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Info> {
    let (env, defaults) = (from.read(&ENV), from.read(&DEFAULTS));
    let (build, git) = (from.read(&BUILD), from.read(&GIT));
    let (own, env, defaults) = (from.family(&OWN)?, env?, defaults?);
    if !env && !own.is_empty() {
        from.warn("info.*: is shown with management.info.env.enabled=true alone".into());
    }
    let shown = own.into_iter().filter(|(name, _)| env && !sounds_secret(name));
    let mut tree = Map::new();
    for (name, value) in shown {
        insert(&mut tree, &name, value);
    }
    Some(Info { build: build?.unwrap_or(defaults), git: git?.unwrap_or(defaults), own: tree })
}

fn insert(tree: &mut Map<String, Value>, name: &str, value: String) {
    let Some((first, rest)) = name.split_once('.') else {
        tree.insert(name.to_owned(), value.into());
        return;
    };
    let branch = tree.entry(first).or_insert_with(|| Map::new().into());
    if !branch.is_object() {
        *branch = Map::new().into();
    }
    if let Some(branch) = branch.as_object_mut() {
        insert(branch, rest, value);
    }
}
