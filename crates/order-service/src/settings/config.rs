//! The service's own settings of the config servers; Spring's are in `settings-spring`. Beside them, which keys a config
//! server may not make of what is set on this machine.

use std::time::Duration;

use settings_spring::{keys, values};

use super::tls;

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
    pub(super) REMOTE_FILES: Vec<String> = "order.config.remote-files", "", Plain,
        "paths of folders with commas between them",
        "The folders whose files a config server's document may name, as file:PATH for a secret or as the location of a \
         certificate; none unless set. Only this machine can say so.",
        |text| values::list(text, values::text);
    pub(super) REMOTE_ENVIRONMENT: Option<bool> = "order.config.remote-environment", "", Plain,
        "true or false",
        "Whether placeholders of a config server's document may name what is set on this machine: true, everywhere; \
         false, nowhere; unless set, not in an address, in a header, or in a value that others see. Only this machine can \
         say so.",
        |text| values::optional(text, values::flag);
}

/// Whether a key says where something is sent, beside those that hold URLs and headers.
pub(super) fn is_address(key: &str) -> bool {
    let name = key.to_ascii_lowercase();
    let is_kafka = name.starts_with("spring.kafka.");
    is_kafka
        && ["bootstrap-servers", "bootstrap.servers", ".url"].iter().any(|end| name.ends_with(end))
}

/// Whether a key holds the path of a file that a part of this service reads.
pub(super) fn is_path(key: &str) -> bool {
    let name = key.to_ascii_lowercase();
    if name == "order.database.ca-certificate" || tls::is_path(key) {
        return true;
    }
    if name.starts_with("spring.security.") {
        return name.ends_with("-location");
    }
    let ends = ["-location", ".location", ".file", ".keytab"];
    name.starts_with("spring.kafka.") && ends.iter().any(|end| name.ends_with(end))
}
