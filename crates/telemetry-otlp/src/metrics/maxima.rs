//! The largest sample of each histogram over the last two minutes, as Micrometer has it: `NAME_max`, a gauge beside
//! the histogram `NAME`.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Parts of the two minutes. The oldest one is forgotten as a whole.
const PARTS: usize = 6;

/// A recorder that also keeps the maxima of what its histograms get.
pub(super) struct WithMaxima<R> {
    inner: R,
    maxima: Maxima,
}

/// The maxima of all histograms. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Maxima(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The part to which samples belong now.
    part: AtomicUsize,
    known: Mutex<Vec<(Key, Arc<Parts>)>>,
}

/// The largest sample of each part. Samples are not negative, so their bits sort like themselves.
type Parts = [AtomicU64; PARTS];

/// A histogram, and the maximum of what it gets.
struct Measured {
    inner: Histogram,
    parts: Arc<Parts>,
    maxima: Maxima,
}

impl Maxima {
    /// Begins the next part and forgets the oldest one.
    pub(super) fn next_part(&self) {
        let next = self.part().saturating_add(1).checked_rem(PARTS).unwrap_or(0);
        for (_, parts) in self.known().iter() {
            if let Some(part) = parts.get(next) {
                part.store(0, Ordering::Relaxed);
            }
        }
        self.0.part.store(next, Ordering::Relaxed);
    }

    /// Sets the gauges.
    pub(super) fn measure(&self) {
        for (key, parts) in self.known().iter() {
            let largest = parts.iter().map(|part| part.load(Ordering::Relaxed)).max().unwrap_or(0);
            let labels: Vec<_> = key.labels().cloned().collect();
            metrics::gauge!(format!("{}_max", key.name()), labels).set(f64::from_bits(largest));
        }
    }

    fn part(&self) -> usize {
        self.0.part.load(Ordering::Relaxed)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Vec<(Key, Arc<Parts>)>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parts_of(&self, key: &Key) -> Arc<Parts> {
        let mut known = self.known();
        if let Some((_, parts)) = known.iter().find(|(one, _)| one == key) {
            return Arc::clone(parts);
        }
        let parts: Arc<Parts> = Arc::new(array::from_fn(|_| AtomicU64::new(0)));
        known.push((key.clone(), Arc::clone(&parts)));
        parts
    }
}

impl<R> WithMaxima<R> {
    pub(super) fn new(inner: R) -> (Self, Maxima) {
        let maxima = Maxima::default();
        (Self { inner, maxima: maxima.clone() }, maxima)
    }
}

impl HistogramFn for Measured {
    fn record(&self, value: f64) {
        self.inner.record(value);
        if let Some(part) = self.parts.get(self.maxima.part()) {
            part.fetch_max(value.max(0.0).to_bits(), Ordering::Relaxed);
        }
    }
}

impl<R: Recorder> Recorder for WithMaxima<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, about: SharedString) {
        self.inner.describe_counter(key, unit, about);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, about: SharedString) {
        self.inner.describe_gauge(key, unit, about);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, about: SharedString) {
        self.inner.describe_histogram(key, unit, about);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.inner.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.inner.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Measured {
            inner: self.inner.register_histogram(key, metadata),
            parts: self.maxima.parts_of(key),
            maxima: self.maxima.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Label, NoopRecorder};
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn the_largest_sample_is_kept_for_six_parts() {
        let (recorder, maxima) = WithMaxima::new(NoopRecorder);
        let metadata = Metadata::new("", metrics::Level::INFO, None);
        let key = Key::from_parts("took_seconds", vec![Label::new("uri", "/orders")]);
        let exporter = PrometheusBuilder::new().build_recorder();
        let shown = || {
            metrics::with_local_recorder(&exporter, || maxima.measure());
            let text = exporter.handle().render();
            let line = text.lines().find_map(|line| {
                line.strip_prefix("took_seconds_max{uri=\"/orders\"} ").map(str::to_owned)
            });
            line.unwrap()
        };
        // Registered twice, as by two threads.
        recorder.register_histogram(&key, &metadata).record(3.0);
        recorder.register_histogram(&key, &metadata).record(2.0);
        assert_eq!(shown(), "3");
        maxima.next_part();
        recorder.register_histogram(&key, &metadata).record(0.5);
        for _ in 2..PARTS {
            maxima.next_part();
            assert_eq!(shown(), "3");
        }
        maxima.next_part();
        assert_eq!(shown(), "0.5", "the first part is forgotten");
    }
}
