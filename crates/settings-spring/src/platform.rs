//! The cloud platform on which the process runs, as Spring finds it: by the variables that each platform
//! sets, unless `spring.main.cloud-platform` names it.

use std::collections::BTreeMap;

use crate::values::{self, Read};

/// A platform that `spring.config.activate.on-cloud-platform` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// None, if it is named; a process elsewhere has no platform.
    None,
    CloudFoundry,
    Heroku,
    Sap,
    Nomad,
    AzureAppService,
    Kubernetes,
}

/// Reads the name of a platform.
pub(crate) fn named(text: &str) -> Read<Platform> {
    values::one_of(
        text,
        &[
            ("none", Platform::None),
            ("cloud_foundry", Platform::CloudFoundry),
            ("heroku", Platform::Heroku),
            ("sap", Platform::Sap),
            ("nomad", Platform::Nomad),
            ("azure_app_service", Platform::AzureAppService),
            ("kubernetes", Platform::Kubernetes),
        ],
    )
}

/// The platform that has set these variables.
pub(crate) fn detected(environment: &BTreeMap<String, String>) -> Option<Platform> {
    let is_set = |name: &str| environment.contains_key(name);
    let azure = ["SITE_NAME", "INSTANCE_ID", "RESOURCE_GROUP", "SKU"];
    if is_set("VCAP_APPLICATION") || is_set("VCAP_SERVICES") {
        Some(Platform::CloudFoundry)
    } else if is_set("DYNO") {
        Some(Platform::Heroku)
    } else if is_set("HC_LANDSCAPE") {
        Some(Platform::Sap)
    } else if is_set("NOMAD_ALLOC_ID") {
        Some(Platform::Nomad)
    } else if azure.iter().all(|part| is_set(&format!("WEBSITE_{part}"))) {
        Some(Platform::AzureAppService)
    } else {
        is_kubernetes(environment).then_some(Platform::Kubernetes)
    }
}

/// Kubernetes sets the host and the port of each of its services, itself among them.
fn is_kubernetes(environment: &BTreeMap<String, String>) -> bool {
    let mut services = environment.keys().filter_map(|name| name.strip_suffix("_SERVICE_HOST"));
    services.any(|service| environment.contains_key(&format!("{service}_SERVICE_PORT")))
}
