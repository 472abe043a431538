//! Takes what is counted and measured, beside the recorder for Prometheus.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use super::series::{Point, Series};

/// Gives series to whoever counts. What is not published gets one that counts for nobody.
#[derive(Debug)]
pub(in crate::telemetry) struct EmfRecorder(pub(super) Arc<Series>);

/// The series that one metric moves: one for each set of its dimensions.
#[derive(Debug)]
struct Points(Vec<Point>);

impl EmfRecorder {
    fn points(&self, key: &Key) -> Option<Arc<Points>> {
        let points = self.0.points(key);
        (!points.is_empty()).then(|| Arc::new(Points(points)))
    }
}

impl Recorder for EmfRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.points(key).map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.points(key).map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.points(key).map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

impl CounterFn for Points {
    fn increment(&self, value: u64) {
        for point in &self.0 {
            if let Point::Counter(count) = point {
                count.counted.fetch_add(value, Relaxed);
            }
        }
    }

    fn absolute(&self, value: u64) {
        for point in &self.0 {
            if let Point::Counter(count) = point {
                count.counted.fetch_max(value, Relaxed);
            }
        }
    }
}

impl Points {
    fn change(&self, change: impl Fn(f64) -> f64) {
        for point in &self.0 {
            if let Point::Gauge(level) = point {
                level.change(&change);
            }
        }
    }
}

impl GaugeFn for Points {
    fn increment(&self, value: f64) {
        self.change(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Points {
    fn record(&self, value: f64) {
        for point in &self.0 {
            if let Point::Histogram(distribution) = point {
                distribution.record(value);
            }
        }
    }
}
