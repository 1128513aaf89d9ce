//! The metrics at one moment as values, for programs that ask for names and numbers. They are read
//! from the exporter's text, so that both say the same.

use std::collections::BTreeMap;

/// A metric with all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The name, as a scraper reads it.
    pub name: String,
    /// What it says.
    pub about: String,
    /// Its series, one for each set of labels.
    pub series: Vec<Series>,
}

impl Family {
    fn is_histogram(&self) -> bool {
        self.series.iter().any(|series| matches!(series.value, Measured::Histogram { .. }))
    }
}

/// The value of a metric for one set of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The labels, by their names.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: Measured,
}

/// A value, by the kind of its metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// It only grows.
    Counter(f64),
    /// It goes up and down.
    Gauge(f64),
    /// Samples.
    Histogram {
        /// How many there were.
        count: f64,
        /// What they come to.
        sum: f64,
        /// The largest one of the last two minutes.
        max: f64,
    },
}

/// The metrics in a text of the exporter, by their names. What is no line of it is passed over.
pub(super) fn families(text: &str) -> Vec<Family> {
    let mut found = Vec::new();
    let mut about = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            about = help.split_once(' ').map_or("", |(_, about)| about);
        } else if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or((declared, ""));
            let family = Family {
                name: name.to_owned(),
                about: about.replace("\\n", "\n").replace("\\\\", "\\"),
                series: Vec::new(),
            };
            found.push((family, kind));
            about = "";
        } else if let Some((family, kind)) = found.last_mut() {
            // A line that makes no sense is no series.
            let _ = add(family, kind, line);
        }
    }
    let mut found: Vec<Family> = found.into_iter().map(|(family, _)| family).collect();
    take_maxima(&mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Moves the values of each gauge `NAME_max` into the histogram `NAME`.
fn take_maxima(found: &mut Vec<Family>) {
    let is_maximum = |family: &mut Family| family.name.ends_with("_max");
    for of_maxima in found.extract_if(.., is_maximum).collect::<Vec<_>>() {
        let name = of_maxima.name.strip_suffix("_max").unwrap_or_default();
        let histogram = found.iter_mut().find(|family| family.name == name);
        let Some(histogram) = histogram.filter(|family| family.is_histogram()) else {
            found.push(of_maxima);
            continue;
        };
        for series in &mut histogram.series {
            let maximum = of_maxima.series.iter().find(|one| one.labels == series.labels);
            if let (
                Measured::Histogram { max, .. },
                Some(Series { value: Measured::Gauge(value), .. }),
            ) = (&mut series.value, maximum)
            {
                *max = *value;
            }
        }
    }
}

fn add(family: &mut Family, kind: &str, line: &str) -> Option<()> {
    let (key, value) = line.rsplit_once(' ')?;
    let value: f64 = value.parse().ok()?;
    let (name, labels) = match key.split_once('{') {
        Some((name, labels)) => (name, labels_of(labels.strip_suffix('}')?)?),
        None => (key, BTreeMap::new()),
    };
    match (kind, name.strip_prefix(family.name.as_str())?) {
        ("counter", "") => family.series.push(Series { labels, value: Measured::Counter(value) }),
        ("gauge", "") => family.series.push(Series { labels, value: Measured::Gauge(value) }),
        // The exporter writes the sum of a series before its count.
        ("histogram", "_sum") => {
            let value = Measured::Histogram { count: 0.0, sum: value, max: 0.0 };
            family.series.push(Series { labels, value });
        }
        ("histogram", "_count") => {
            let last = family.series.last_mut().filter(|series| series.labels == labels)?;
            if let Measured::Histogram { count, .. } = &mut last.value {
                *count = value;
            }
        }
        _ => {}
    }
    Some(())
}

/// The labels in `name="value",name="value"`.
fn labels_of(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.insert(name.to_owned(), value);
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(labels)
}

/// The value up to the closing quotation mark, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut rest) = (String::new(), text.chars());
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                escaped => escaped,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_the_text_of_the_exporter() {
        let text = "# HELP b_total what \\\\ it says\n# TYPE b_total counter\n\
            b_total{tag=\"a \\\"b\\\", c=\\\\d\\ne}\",uri=\"/orders/{id}\"} 7\n\n\
            # TYPE g gauge\ng 0.25\n\n\
            # HELP a_seconds how long\n# TYPE a_seconds histogram\n\
            a_seconds_bucket{uri=\"x\",le=\"+Inf\"} 2\n\
            a_seconds_sum{uri=\"x\"} 0.5\na_seconds_count{uri=\"x\"} 2\n\n\
            # TYPE a_seconds_max gauge\na_seconds_max{uri=\"x\"} 0.375\n\
            # TYPE pool_max gauge\npool_max 10\n";
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let family = |name: &str, about: &str, labels, value| Family {
            name: name.to_owned(),
            about: about.to_owned(),
            series: vec![Series { labels, value }],
        };
        let of_b = labels(&[("tag", "a \"b\", c=\\d\ne}"), ("uri", "/orders/{id}")]);
        let of_a = Measured::Histogram { count: 2.0, sum: 0.5, max: 0.375 };
        let expected = [
            family("a_seconds", "how long", labels(&[("uri", "x")]), of_a),
            family("b_total", "what \\ it says", of_b, Measured::Counter(7.0)),
            family("g", "", labels(&[]), Measured::Gauge(0.25)),
            family("pool_max", "", labels(&[]), Measured::Gauge(10.0)),
        ];
        assert_eq!(families(text), expected);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_no_series() {
        let text = "x 1\n# TYPE a gauge\na{b 1\na{b=\"c} 1\na{b=\"c\"}\nother 1\na one\n";
        assert_eq!(families(text).iter().map(|family| family.series.len()).sum::<usize>(), 0);
    }
}
