//! What settings are loaded from, and what the engine takes from its surroundings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::command_line::Setting;
use crate::names::folded;

/// A name, and the function that finds the text behind it.
pub type Offered = (&'static str, fn() -> Option<String>);

/// Where settings come from, and what reading them needs.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The options `--key=value`, in the order in which they were given; see
    /// [`split`](crate::split).
    pub options: Vec<Setting>,
    /// The one settings file to read. `None` looks where `spring.config.location` says, by default for
    /// `application.*` in the working folder, in `./config` and in the folders in it.
    pub config: Option<PathBuf>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// What placeholders may name beside settings and variables, `spring.cloud.client.hostname` for
    /// example. Whatever is set under such a name goes before.
    pub offered: &'static [Offered],
    /// The working folder, to which paths are relative.
    pub folder: PathBuf,
    /// Returns random bits, for `${random.uuid}` and the like.
    pub random: fn() -> u128,
    /// Returns the current time.
    pub now: fn() -> DateTime<Utc>,
    /// Tells the operator why loading takes a while: each failed try of a config server.
    pub tell: fn(&str),
}

impl Inputs {
    /// The text that is offered under a name.
    pub(crate) fn offer(&self, name: &str) -> Option<String> {
        let name = folded(name);
        let (_, find) = self.offered.iter().find(|(offered, _)| folded(offered) == name)?;
        find()
    }
}
