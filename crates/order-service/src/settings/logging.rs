//! The settings of the log: levels by target, and the form of a line. Writing it is `logs.rs`.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;

use super::reader::Reader;
use super::table;
use super::values::{Read, one_of};

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// The level of everything that has none of its own.
    pub root: LevelFilter,
    /// Levels by target (a module path, `order_app::orders`).
    pub targets: BTreeMap<String, LevelFilter>,
    /// The form of a line; by what standard output is, when not set.
    pub format: Option<Format>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// For people.
    Pretty,
    /// The same by the names of the Elastic Common Schema.
    Ecs,
    /// The same by the names of Logstash's encoder.
    Logstash,
    /// One that we do not write; ours is written instead.
    Foreign,
}

pub(crate) fn level(text: &str) -> Read<LevelFilter> {
    const LEVELS: &[(&str, LevelFilter)] = &[
        ("trace", LevelFilter::TRACE),
        ("debug", LevelFilter::DEBUG),
        ("info", LevelFilter::INFO),
        ("warn", LevelFilter::WARN),
        ("error", LevelFilter::ERROR),
        ("fatal", LevelFilter::ERROR),
        ("off", LevelFilter::OFF),
        // What YAML makes of a bare `off`.
        ("false", LevelFilter::OFF),
    ];
    one_of(text, LEVELS)
}

pub(crate) fn format(text: &str) -> Read<Format> {
    const FORMATS: &[(&str, Format)] = &[
        ("json", Format::Json),
        ("pretty", Format::Pretty),
        ("ecs", Format::Ecs),
        ("gelf", Format::Foreign),
        ("logstash", Format::Logstash),
    ];
    one_of(text, FORMATS)
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Logging> {
    let levels = from.family(&table::LOG_LEVELS);
    let format = from.read(&table::LOG_FORMAT);
    let mut targets: BTreeMap<String, LevelFilter> = levels?
        .into_iter()
        // Java separates packages by dots; so may a `.properties` file, where `:` ends a key.
        .map(|(target, level)| (target.replace('.', "::"), level))
        .collect();
    let root = targets.remove("root").or_else(|| targets.remove("ROOT"));
    Some(Logging { root: root.unwrap_or(LevelFilter::INFO), targets, format: format? })
}

/// What to say about a form that is not quite as asked.
pub(super) fn warning(logging: &Logging) -> Option<String> {
    (logging.format == Some(Format::Foreign)).then(|| {
        let key = table::LOG_FORMAT.row.name;
        format!(
            "{key}: gelf is not written; lines are in our own JSON form (json), and could be ecs"
        )
    })
}
