//! What is logged, and in which form. `telemetry-otlp` writes the lines.

use std::collections::BTreeMap;

use settings_spring::values::{Read, one_of, optional};
use settings_spring::{Reader, keys};
use tracing::level_filters::LevelFilter;

keys! {
    pub(super) ROWS;
    LEVELS: LevelFilter = "logging.level.*", "", Plain,
        "trace, debug, info, warn, error or off",
        "The level of a target such as order_app (or of root); info unless set.", level;
    FORMAT: Option<Format> = "logging.structured.format.console", "", Plain,
        "json, ecs, logstash or pretty (gelf gives json)",
        "How log lines look; json unless standard output is a terminal.",
        |text| optional(text, format);
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// The level of targets without a level of their own.
    pub root: LevelFilter,
    /// Levels by target (a module path, `order_app::orders`).
    pub targets: BTreeMap<String, LevelFilter>,
    /// The form of a line; `None` chooses by whether standard output is a terminal.
    pub format: Option<Format>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// For people.
    Pretty,
    /// One JSON object with the names of the Elastic Common Schema.
    Ecs,
    /// One JSON object with the names of Logstash's encoder.
    Logstash,
    /// A form that is not written; [`Format::Json`] replaces it.
    Foreign,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Logging> {
    let levels = from.family(&LEVELS);
    let format = from.read(&FORMAT);
    let mut targets: BTreeMap<String, LevelFilter> = levels?
        .into_iter()
        // Java separates packages by dots; so may a `.properties` file, where `:` ends a key.
        .map(|(target, level)| (target.replace('.', "::"), level))
        .collect();
    let root = targets.remove("root").or_else(|| targets.remove("ROOT"));
    let format = format?;
    if format == Some(Format::Foreign) {
        let key = FORMAT.row.name;
        from.warn(format!(
            "{key}: gelf is not written; lines are in our own JSON form (json), and could be ecs"
        ));
    }
    Some(Logging { root: root.unwrap_or(LevelFilter::INFO), targets, format })
}

fn level(text: &str) -> Read<LevelFilter> {
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

fn format(text: &str) -> Read<Format> {
    const FORMATS: &[(&str, Format)] = &[
        ("json", Format::Json),
        ("pretty", Format::Pretty),
        ("ecs", Format::Ecs),
        ("gelf", Format::Foreign),
        ("logstash", Format::Logstash),
    ];
    one_of(text, FORMATS)
}
