//! What the actuator shows of the process's telemetry: levels of the log, and metrics as values.

use http_actix::{Logger, Measured, Meter, Series};
use telemetry_otlp::{Family, Levels};
use tracing::level_filters::LevelFilter;

/// The levels of the log, for the actuator.
pub(super) struct Loggers(pub(super) Levels);

/// The metrics, for the actuator; the function reads them.
pub(super) struct Meters<F>(pub(super) F);

impl http_actix::Loggers for Loggers {
    fn all(&self) -> Vec<Logger> {
        let name = |level: LevelFilter| level.to_string().to_ascii_uppercase();
        let logger = |logger: telemetry_otlp::Logger| Logger {
            name: logger.target,
            configured: logger.configured.map(name),
            effective: name(logger.effective),
        };
        self.0.all().into_iter().map(logger).collect()
    }

    fn change(&self, name: &str, level: Option<&str>) -> bool {
        match level.map(str::parse).transpose() {
            Ok(level) => {
                self.0.change(name, level);
                true
            }
            Err(_) => false,
        }
    }
}

impl<F: Fn() -> Vec<Family> + Send + Sync> http_actix::Meters for Meters<F> {
    fn all(&self) -> Vec<Meter> {
        let series = |series: telemetry_otlp::Series| Series {
            tags: series.labels,
            value: match series.value {
                telemetry_otlp::Measured::Counter(value) => Measured::Counter(value),
                telemetry_otlp::Measured::Gauge(value) => Measured::Gauge(value),
                telemetry_otlp::Measured::Histogram { count, sum, max } => {
                    Measured::Samples { count, total: sum, max }
                }
            },
        };
        let meter = |family: Family| Meter {
            name: family.name,
            about: family.about,
            series: family.series.into_iter().map(series).collect(),
        };
        (self.0)().into_iter().map(meter).collect()
    }
}
