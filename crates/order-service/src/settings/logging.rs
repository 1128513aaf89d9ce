//! What is logged, and in which form. `telemetry-otlp` writes the lines.

use std::collections::BTreeMap;

use settings_spring::values::{Read, one_of, optional};
use settings_spring::{Reader, keys};
use telemetry_otlp::{Format, LogSettings};
use tracing::level_filters::LevelFilter;

keys! {
    pub(super) ROWS;
    LEVELS: LevelFilter = "logging.level.*", "", Plain,
        "trace, debug, info, warn, error or off",
        "The level of a target such as order_app (or of root); info unless set.", level;
    FORMAT: Option<(Format, bool)> = "logging.structured.format.console", "", Plain,
        "json, ecs, logstash or pretty (gelf gives json)",
        "How log lines look; json unless standard output is a terminal.",
        |text| optional(text, format);
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<LogSettings> {
    let levels = from.family(&LEVELS);
    let format = from.read(&FORMAT);
    let mut targets: BTreeMap<String, LevelFilter> = levels?
        .into_iter()
        // Java separates packages by dots; so may a `.properties` file, where `:` ends a key.
        .map(|(target, level)| (target.replace('.', "::"), level))
        .collect();
    let root = targets.remove("root").or_else(|| targets.remove("ROOT"));
    let (format, is_written) = format?.unzip();
    if is_written == Some(false) {
        let key = FORMAT.row.name;
        from.warn(format!(
            "{key}: gelf is not written; lines are in our own JSON form (json), and could be ecs"
        ));
    }
    Some(LogSettings { root: root.unwrap_or(LevelFilter::INFO), targets, format })
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

/// A form, and whether it is written as asked.
fn format(text: &str) -> Read<(Format, bool)> {
    const FORMATS: &[(&str, (Format, bool))] = &[
        ("json", (Format::Json, true)),
        ("pretty", (Format::Pretty, true)),
        ("ecs", (Format::Ecs, true)),
        ("gelf", (Format::Json, false)),
        ("logstash", (Format::Logstash, true)),
    ];
    one_of(text, FORMATS)
}
