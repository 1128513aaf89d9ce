//! The labels that an operator gives to every metric. `telemetry-otlp` writes the metrics.

use std::collections::BTreeMap;

use settings_spring::{Reader, keys, values};

keys! {
    pub(super) ROWS;
    TAGS: String = "management.metrics.tags.*", "", Plain, "a text",
        "A label of this name on every series of /actuator/prometheus, such as \
         management.metrics.tags.application=${spring.application.name}.", values::any;
}

/// The labels that some series have of their own.
const LABELS: &[&str] = &[
    "attempt",
    "by",
    "command",
    "error",
    "event",
    "exception",
    "from",
    "instance_id",
    "le",
    "level",
    "limit",
    "method",
    "operation",
    "outcome",
    "pool",
    "port",
    "quantile",
    "reason",
    "state",
    "status",
    "uri",
];

/// The labels by their names in Prometheus. A name that a series has already is refused: one of the
/// two values would be lost.
pub(super) fn read(from: &mut Reader<'_>) -> Option<BTreeMap<String, String>> {
    let tags = from.family(&TAGS)?;
    let mut labels = BTreeMap::new();
    let mut is_right = true;
    for (tag, value) in tags {
        let label = label(&tag);
        let complaint = if LABELS.contains(&label.as_str()) {
            Some(format!("series have the label {label} already"))
        } else if label.starts_with("__") {
            Some("labels that begin with __ belong to Prometheus".to_owned())
        } else if labels.insert(label.clone(), value).is_some() {
            Some(format!("another tag is the label {label}, too"))
        } else {
            None
        };
        if let Some(complaint) = complaint {
            from.complain(TAGS.row.name.replace('*', &tag), complaint);
            is_right = false;
        }
    }
    is_right.then_some(labels)
}

/// The name of a tag as Micrometer writes it for Prometheus.
fn label(tag: &str) -> String {
    let name = tag.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if is_name { name } else { format!("m_{name}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::settings::tests::Case;

    #[test]
    fn tags_are_labels_by_micrometers_names() {
        let case = Case::new()
            .file(
                "application.properties",
                "spring.application.name=shop\n\
                 management.metrics.tags.application=${spring.application.name}\n\
                 management.metrics.tags.deployEnv=prod\n\
                 management.metrics.tags.data-centre=eu\n",
            )
            .env("MANAGEMENT_METRICS_TAGS_CLOUD_REGION", "eu-1")
            .option("management.metrics.tags.1st", "x");
        let expected = [
            ("application", "shop"),
            ("cloud_region", "eu-1"),
            ("data_centre", "eu"),
            ("deployEnv", "prod"),
            ("m_1st", "x"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(case.loaded().settings.metric_tags, BTreeMap::from(expected));
    }

    #[test]
    fn a_tag_that_would_hide_another_label_is_refused_by_name() {
        for (tag, said) in [
            ("uri", "series have the label uri already"),
            ("instance-id", "series have the label instance_id already"),
            ("__x", "belong to Prometheus"),
            ("a.b", "another tag is the label a_b, too"),
        ] {
            let case = Case::new()
                .option("management.metrics.tags.a_b", "1")
                .option(&format!("management.metrics.tags.{tag}"), "2");
            assert!(case.refused().contains(said), "{tag}: {}", case.refused());
        }
    }
}
