//! What was measured since the last time it was told, by dimensions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Key, SharedString, Unit};
use serde_json::{Value, json};

use super::distribution::Distribution;
use super::document::{MAX_VALUES, Sample};
use crate::metric::{MetricKind, PUBLISHED, Published};

/// The most series of a process. The labels that are published have few values, so this is for a mistake: what exceeds it is
/// left out, because each series costs money.
const MAX_SERIES: usize = 1_000;

/// Values of the labels that become dimensions, with their names.
pub(super) type Place = Vec<(&'static str, SharedString)>;

/// All series of a process.
#[derive(Debug)]
pub(super) struct Series {
    published: Vec<&'static Published>,
    places: Mutex<BTreeMap<Place, BTreeMap<&'static str, Point>>>,
    is_full: AtomicBool,
}

/// One series.
#[derive(Clone, Debug)]
pub(super) enum Point {
    Counter(Arc<Count>),
    Gauge(Arc<Level>),
    Histogram(Arc<Distribution>),
}

/// How much was counted, and how much of it was told.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) counted: AtomicU64,
    told: AtomicU64,
}

/// The last value of a gauge, by its bits.
#[derive(Debug, Default)]
pub(super) struct Level(AtomicU64);

impl Level {
    pub(super) fn change(&self, change: impl Fn(f64) -> f64) {
        let changed = |bits| Some(change(f64::from_bits(bits)).to_bits());
        self.0.fetch_update(Relaxed, Relaxed, changed).ok();
    }
}

impl Series {
    /// For what a service publishes.
    pub(super) fn of(service: &str) -> Self {
        Self {
            published: PUBLISHED.iter().filter(|it| it.service == service).collect(),
            places: Mutex::default(),
            is_full: AtomicBool::new(false),
        }
    }

    /// The series of a metric with these labels: one for each set of dimensions, none if it is not published.
    pub(super) fn points(&self, key: &Key) -> Vec<Point> {
        let Some(published) = self.published.iter().find(|it| it.metric.name == key.name()) else {
            return Vec::new();
        };
        published
            .sets
            .iter()
            .filter_map(|set| self.point(published, place(key, set)))
            .collect()
    }

    fn point(&self, published: &Published, place: Place) -> Option<Point> {
        let mut places = self.lock();
        let name = published.metric.name;
        if let Some(known) = places.get(&place).and_then(|points| points.get(name)) {
            return Some(known.clone());
        }
        if places.values().map(BTreeMap::len).sum::<usize>() >= MAX_SERIES {
            if !self.is_full.swap(true, Relaxed) {
                tracing::error!(
                    MAX_SERIES,
                    metric = name,
                    "there are too many series, further ones are not published"
                );
            }
            return None;
        }
        let point = match published.metric.kind {
            MetricKind::Counter => Point::Counter(Arc::default()),
            MetricKind::Gauge => Point::Gauge(Arc::default()),
            MetricKind::Histogram => Point::Histogram(Arc::default()),
        };
        places.entry(place).or_default().insert(name, point.clone());
        Some(point)
    }

    /// What there is to tell now: what was counted and measured since the last time, and the last values of gauges.
    pub(super) fn take(&self) -> Vec<(Place, Vec<Sample>)> {
        let unit = |name| {
            let of_name = self.published.iter().find(|it| it.metric.name == name);
            of_name.map_or("Count", |it| unit(it.metric.unit))
        };
        let taken = |points: &BTreeMap<&'static str, Point>| {
            let samples = points.iter().flat_map(|(name, point)| {
                let (name, unit) = (*name, unit(*name));
                let sample = move |(part, value)| Sample {
                    name,
                    unit,
                    part,
                    value,
                };
                point.take().into_iter().enumerate().map(sample)
            });
            samples.collect()
        };
        self.lock()
            .iter()
            .map(|(place, points)| (place.clone(), taken(points)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, BTreeMap<&'static str, Point>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Point {
    /// What is to be told, in parts of which each fits into a line of its own. Nothing happened is nothing to tell: it would
    /// cost as much as something.
    fn take(&self) -> Vec<Value> {
        match self {
            Self::Counter(count) => {
                let counted = count.counted.load(Relaxed);
                let new = counted - count.told.swap(counted, Relaxed);
                (new > 0).then(|| json!(new)).into_iter().collect()
            }
            Self::Gauge(level) => vec![json!(f64::from_bits(level.0.load(Relaxed)))],
            Self::Histogram(distribution) => distribution.take().chunks(MAX_VALUES).map(values).collect(),
        }
    }
}

fn values(counted: &[(f64, u64)]) -> Value {
    let (values, counts): (Vec<f64>, Vec<u64>) = counted.iter().copied().unzip();
    json!({ "Values": values, "Counts": counts })
}

fn place(key: &Key, set: &'static [&'static str]) -> Place {
    let value = |name: &str| key.labels().find(|label| label.key() == name);
    set.iter()
        .filter_map(|name| Some((*name, value(name)?.value().to_owned().into())))
        .collect()
}

/// A unit as CloudWatch calls it. No metric that is published has another.
fn unit(unit: Unit) -> &'static str {
    if unit == Unit::Seconds { "Seconds" } else { "Count" }
}

#[cfg(test)]
mod tests {
    use metrics::Label;

    use super::*;

    fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
        let labels = labels
            .iter()
            .map(|(name, value)| Label::new(*name, (*value).to_owned()));
        Key::from_parts(name, labels.collect::<Vec<_>>())
    }

    fn count(series: &Series, key: &Key) {
        for point in series.points(key) {
            let Point::Counter(count) = point else {
                panic!("it is a counter")
            };
            count.counted.fetch_add(1, Relaxed);
        }
    }

    fn told(series: &Series) -> Vec<String> {
        let line = |(place, samples): (Place, Vec<Sample>)| {
            let place: Vec<String> = place
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let samples: Vec<String> = samples
                .iter()
                .map(|it| format!("{}: {}", it.name, it.value))
                .collect();
            format!("[{}] {}", place.join(" "), samples.join(", "))
        };
        series.take().into_iter().map(line).collect()
    }

    #[test]
    fn what_a_set_leaves_out_is_added_up_and_told_once() {
        let series = Series::of("worker");
        for (kind, event) in [("a", "succeeded"), ("b", "succeeded"), ("b", "failed")] {
            count(
                &series,
                &key("tandem_attempts_total", &[("kind", kind), ("event", event)]),
            );
        }
        let expected = [
            "[event=failed] tandem_attempts_total: 1",
            "[event=succeeded] tandem_attempts_total: 2",
            "[kind=a] tandem_attempts_total: 1",
            "[kind=b] tandem_attempts_total: 2",
        ];
        assert_eq!(told(&series), expected);
        count(
            &series,
            &key("tandem_attempts_total", &[("kind", "a"), ("event", "failed")]),
        );
        let expected = [
            "[event=failed] tandem_attempts_total: 1",
            "[event=succeeded] ",
            "[kind=a] tandem_attempts_total: 1",
            "[kind=b] ",
        ];
        assert_eq!(told(&series), expected);
    }

    #[test]
    fn what_is_not_in_the_list_or_of_another_service_is_not_published() {
        let series = Series::of("worker");
        assert!(
            series
                .points(&key("tandem_claims_total", &[("answer", "started")]))
                .is_empty()
        );
        assert!(
            series
                .points(&key(
                    "tandem_http_request_duration_seconds",
                    &[("operation", "submit")]
                ))
                .is_empty()
        );
        assert!(told(&series).is_empty());
    }

    #[test]
    fn a_gauge_tells_its_last_value_again_and_again() {
        let series = Series::of("worker");
        let points = series.points(&key("tandem_jobs_running", &[]));
        let [Point::Gauge(level)] = &points[..] else {
            panic!("it is one gauge: {points:?}")
        };
        level.change(|_| 7.0);
        level.change(|level| level - 3.0);
        assert_eq!(told(&series), ["[] tandem_jobs_running: 4.0"]);
        assert_eq!(told(&series), ["[] tandem_jobs_running: 4.0"]);
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let series = Series::of("worker");
        for number in 0..2 * MAX_SERIES {
            let kind = format!("k{number}");
            count(
                &series,
                &key("tandem_attempts_total", &[("kind", &kind), ("event", "failed")]),
            );
        }
        assert_eq!(series.take().len(), MAX_SERIES);
    }
}
