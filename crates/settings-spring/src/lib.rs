//! Settings as a Spring Boot service has them. Start at [`load`].
//!
#![doc = include_str!("../README.md")]

mod bounds;
mod catalogue;
mod changes;
mod command_line;
mod config_server;
mod durations;
mod environment;
mod files;
mod inputs;
mod json;
mod layers;
mod leftovers;
mod load;
mod local;
mod locations;
mod mask;
mod names;
mod placeholders;
mod platform;
mod problems;
mod profiles;
mod random;
mod reader;
mod regular;
mod remote;
mod scope;
mod unread;
pub mod values;

pub use catalogue::{Catalogue, Exposure, Key, Row, Use};
pub use changes::{ByKey, Change, by_key, changes};
pub use command_line::{NoValue, Setting, split};
pub use config_server::{
    ConfigServer, Copies, Imported, ImportedFrom, LookUp, Occasion, ROWS as CONFIG_SERVER, Server,
};
pub use inputs::{Inputs, Offered};
pub use layers::Origin;
pub use load::{LoadError, Loaded, Service, load};
pub use locations::ROWS as FILES;
pub use mask::sounds_secret;
pub use problems::{Problem, Problems};
pub use profiles::{PROFILES, ROWS as PROFILE};
pub use reader::{Effective, Reader};
pub use unread::{Unread, Verdict};
