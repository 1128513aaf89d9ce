//! What settings are loaded from, and what the engine takes from its surroundings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::command_line::Setting;

/// Where settings come from, and what reading them needs.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The options `--key=value`, in the order in which they were given; see
    /// [`split`](crate::split).
    pub options: Vec<Setting>,
    /// The one settings file to read. `None` looks for `application.*` in the working folder and in
    /// `./config`.
    pub config: Option<PathBuf>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// The working folder, to which paths are relative.
    pub folder: PathBuf,
    /// Returns random bits, for `${random.uuid}` and the like.
    pub random: fn() -> u128,
    /// Returns the current time.
    pub now: fn() -> DateTime<Utc>,
    /// Tells the operator why loading takes a while: each failed try of a config server.
    pub tell: fn(&str),
}
