//! What stands between the network and the routes, in one line at the start: an operator sees there what is off.

use crate::settings::Settings;

/// Says what is on.
pub(super) fn tell(settings: &Settings) {
    let on = |is_on: bool| if is_on { "on" } else { "off" };
    let rate_limit = settings.web.rate_limit.map_or_else(
        || "off".to_owned(),
        |limit| format!("{} a second, {} at once", limit.per_second, limit.burst),
    );
    tracing::info!(
        cors = on(settings.web.cors.is_some()),
        actuator_cors = on(settings.management.cors.is_some()),
        rate_limit,
        "what guards the ports"
    );
}
