//! `/actuator/metrics`: the metrics one by one, in Spring Boot's shapes. They have the names of
//! `/actuator/prometheus`; Micrometer's dotted names are taken, too.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::actuator::spring;
use crate::management::{Management, Measured, Meter, Series};
use crate::problem::{Code, Problem};
use crate::request::Query;

/// What Micrometer adds to a name for Prometheus.
const UNITS: [&str; 4] = ["_seconds", "_bytes", "_files", ""];

/// `GET /actuator/metrics`.
pub(crate) async fn names(management: web::Data<Management>) -> Result<HttpResponse, Problem> {
    let names: BTreeSet<String> = all(&management)?.into_iter().map(|meter| meter.name).collect();
    Ok(spring(StatusCode::OK, &json!({"names": names})))
}

/// `GET /actuator/metrics/{name}?tag=name:value`.
pub(crate) async fn find(
    request: HttpRequest,
    management: web::Data<Management>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let mut wanted = Vec::new();
    for tag in query.all("tag") {
        match tag.split_once(':') {
            Some((name, value)) if !name.is_empty() => {
                wanted.push((name.to_owned(), value.to_owned()));
            }
            _ => query.wrong("tag", "invalid_value", "must be name:value".to_owned()),
        }
    }
    query.finish()?;
    let name = request.match_info().get("name").unwrap_or_default();
    let missing =
        || Problem::new(Code::NotFound, "There is no such metric, or none with these tags.");
    let meter = all(&management)?.into_iter().find(|meter| is_named(&meter.name, name));
    let mut meter = meter.ok_or_else(missing)?;
    let fits =
        |series: &Series| wanted.iter().all(|(name, value)| series.tags.get(name) == Some(value));
    meter.series.retain(fits);
    if meter.series.is_empty() {
        return Err(missing());
    }
    Ok(spring(StatusCode::OK, &shown(name, &meter, &wanted)))
}

fn all(management: &Management) -> Result<Vec<Meter>, Problem> {
    let missing = || Problem::new(Code::NotFound, "There are no metrics.");
    Ok(management.metrics.as_ref().ok_or_else(missing)?.all())
}

/// Whether a metric is meant by a name of ours (`http_server_requests_seconds`) or of Micrometer
/// (`http.server.requests`).
fn is_named(name: &str, asked: &str) -> bool {
    let plain = name.strip_suffix("_total").unwrap_or(name);
    let mut plain = UNITS.iter().filter_map(|unit| plain.strip_suffix(unit));
    name == asked || plain.any(|plain| plain.contains('_') && plain.replace('_', ".") == asked)
}

fn shown(name: &str, meter: &Meter, wanted: &[(String, String)]) -> Value {
    let mut measured: BTreeMap<&str, f64> = BTreeMap::new();
    let mut tags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for series in &meter.series {
        let values = match series.value {
            Measured::Counter(value) => [("COUNT", value)].to_vec(),
            Measured::Gauge(value) => [("VALUE", value)].to_vec(),
            Measured::Samples { count, total, max } => {
                let total_of =
                    if unit(&meter.name) == Some("seconds") { "TOTAL_TIME" } else { "TOTAL" };
                [("COUNT", count), (total_of, total), ("MAX", max)].to_vec()
            }
        };
        for (statistic, value) in values {
            let measured = measured.entry(statistic).or_default();
            *measured = if statistic == "MAX" { measured.max(value) } else { *measured + value };
        }
        for (tag, value) in &series.tags {
            tags.entry(tag).or_default().insert(value);
        }
    }
    tags.retain(|tag, _| wanted.iter().all(|(name, _)| name != tag));
    let statistic = |(statistic, value)| json!({"statistic": statistic, "value": value});
    let tag = |(tag, values)| json!({"tag": tag, "values": values});
    let mut body = json!({
        "name": name,
        "description": meter.about,
        "measurements": measured.into_iter().map(statistic).collect::<Vec<_>>(),
        "availableTags": tags.into_iter().map(tag).collect::<Vec<_>>(),
    });
    if let (Some(unit), Some(members)) = (unit(&meter.name), body.as_object_mut()) {
        members.insert("baseUnit".to_owned(), unit.into());
    }
    body
}

fn unit(name: &str) -> Option<&'static str> {
    let plain = name.strip_suffix("_total").unwrap_or(name);
    ["seconds", "bytes"]
        .into_iter()
        .find(|unit| plain.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
}
