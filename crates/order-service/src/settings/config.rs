//! The service's own settings of the config servers; Spring's are in `settings-spring`.

use std::time::Duration;

use settings_spring::{keys, values};

keys! {
    pub(super) ROWS;
    pub(super) COPIES: String = "order.config.cache-dir", "config-cache", Plain,
        "the path of a folder",
        "Where the last good copy of what a config server gave is kept; it may hold secrets.",
        values::text;
    pub(super) REFRESH: Option<Duration> = "order.config.refresh-interval", "", Plain,
        "a duration from 1s to 1d",
        "How often the settings are read again while the service runs; never unless set.",
        |text| values::optional(text, |text| {
            values::duration(text, Duration::from_secs(1)..=Duration::from_hours(24))
        });
}
