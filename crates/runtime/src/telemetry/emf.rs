//! Metrics for CloudWatch: lines of the embedded metric format on standard output, among those of the log, from which
//! CloudWatch Logs makes metrics. [`PUBLISHED`](crate::metric::PUBLISHED) says which, by which labels.
//!
//! A line is written as a whole and under the lock that the log's lines take too. Each minute tells what happened in it:
//! how much counters have grown, what gauges show, and which values were measured how often. A thread of its own does it,
//! so that neither a busy runtime keeps it from writing nor a full pipe keeps the runtime from working.

mod distribution;
mod document;
mod recorder;
mod series;

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock;
use crate::env::{Env, Setting, one_of};

pub(super) use recorder::EmfRecorder;
use series::Series;

/// Whether metrics are published so.
pub const METRICS_EMF: Setting = Setting::with_default(
    "TANDEM_METRICS_EMF",
    "off",
    "on or off: whether standard output has lines of CloudWatch's embedded metric format too, from which CloudWatch Logs \
     makes metrics. Needs the environment's name.",
);
/// How often.
pub const METRICS_EMF_INTERVAL: Setting = Setting::with_default(
    "TANDEM_METRICS_EMF_INTERVAL_SECS",
    "60",
    "The time between two such lines of one metric. CloudWatch keeps one value per minute, so less only helps tests.",
)
.range(1, 60);

/// Lines are written a little after the interval's end, so that two clocks that differ agree on the interval.
const MARGIN: Duration = Duration::from_millis(5);

/// How metrics are published.
#[derive(Clone, Debug)]
pub(super) struct Emf {
    /// The dimension `Environment`.
    environment: String,
    interval: Duration,
}

impl Emf {
    /// Reads the settings of this module: absent if something is wrong, and nothing within if it is off.
    pub(super) fn from_env(env: &mut Env<'_>, environment: Option<&str>) -> Option<Option<Self>> {
        let is_on = env.get_with(&METRICS_EMF, |text| one_of(text, &[("on", true), ("off", false)]));
        let interval: Option<Duration> = env.get(&METRICS_EMF_INTERVAL);
        let (is_on, interval) = (is_on?, interval?);
        if !is_on {
            return Some(None);
        }
        if environment.is_none() && !env.is_set(&super::ENVIRONMENT) {
            let message = "the second is needed where the first is on";
            env.contradiction(&[&METRICS_EMF, &super::ENVIRONMENT], message);
        }
        Some(Some(Self {
            environment: environment?.to_owned(),
            interval,
        }))
    }
}

/// What a process counts, and writes.
#[derive(Debug)]
pub(super) struct Publisher {
    series: Arc<Series>,
    dimensions: [(&'static str, String); 2],
    interval: Duration,
}

impl Publisher {
    pub(super) fn new(service: &str, emf: Emf) -> Self {
        Self {
            series: Arc::new(Series::of(service)),
            dimensions: [("Service", service.to_owned()), ("Environment", emf.environment)],
            interval: emf.interval,
        }
    }

    pub(super) fn recorder(&self) -> EmfRecorder {
        EmfRecorder(Arc::clone(&self.series))
    }

    /// What there is to tell about the time since `since`. CloudWatch counts it for the minute of that moment.
    fn lines(&self, since: DateTime<Utc>) -> Vec<String> {
        let at_ms = since.timestamp_millis();
        let told = self.series.take();
        told.iter()
            .flat_map(|(place, samples)| document::lines(at_ms, &self.dimensions, place, samples))
            .collect()
    }

    fn write(&self, since: DateTime<Utc>, to: &mut impl Write) -> io::Result<()> {
        for mut line in self.lines(since) {
            line.push('\n');
            to.write_all(line.as_bytes())?;
        }
        to.flush()
    }

    /// Writes at the end of each interval, and once more when the process ends.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(super) fn start(self) -> io::Result<Publishing> {
        let (ending, ended) = mpsc::channel();
        let (told, last) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                self.run(&ended);
                drop(told);
            })?;
        Ok(Publishing {
            ending,
            last,
            _thread: thread,
        })
    }

    fn run(&self, ended: &Receiver<Infallible>) {
        let mut since = clock::now();
        loop {
            let wait = until_next(clock::now(), self.interval) + MARGIN;
            let over = ended.recv_timeout(wait);
            // One write at a time takes the lock of standard output, as the log does.
            if let Err(error) = self.write(since, &mut io::stdout()) {
                tracing::warn!(%error, "metrics can't be written");
            }
            if over == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            since = clock::now();
        }
    }
}

/// Keeps writing while it lives.
#[derive(Debug)]
pub(super) struct Publishing {
    ending: Sender<Infallible>,
    last: Receiver<Infallible>,
    _thread: JoinHandle<()>,
}

impl Publishing {
    /// Writes the last lines, if somebody takes them within this time.
    pub(super) fn end(self, patience: Duration) {
        drop(self.ending);
        self.last.recv_timeout(patience).ok();
    }
}

/// How long until the next multiple of the interval, by the clock on the wall: so each minute has one value of a gauge.
fn until_next(now: DateTime<Utc>, interval: Duration) -> Duration {
    let interval_us = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
    let now_us = now.timestamp_micros().unsigned_abs();
    Duration::from_micros(interval_us - now_us % interval_us)
}

#[cfg(test)]
mod tests {
    use metrics::{Key, Metadata, Recorder};
    use serde_json::Value;

    use super::*;
    use crate::telemetry::ENVIRONMENT;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Emf>, String> {
        let mut env = Env::new(|name| {
            let of_name = variables.iter().find(|(n, _)| *n == name);
            of_name.map(|(_, value)| (*value).to_owned())
        });
        let environment: Option<String> = env.get(&ENVIRONMENT);
        let emf = Emf::from_env(&mut env, environment.as_deref());
        env.finish(|| emf).map_err(|problems| problems.to_string())
    }

    #[test]
    fn it_is_off_unless_somebody_says_on_and_where() {
        assert!(read(&[]).unwrap().is_none());
        let emf = read(&[("TANDEM_METRICS_EMF", "on"), ("TANDEM_ENVIRONMENT", "prod")]).unwrap();
        let emf = emf.expect("it is on");
        assert_eq!(
            (emf.environment.as_str(), emf.interval),
            ("prod", Duration::from_secs(60))
        );
        assert_eq!(
            read(&[("TANDEM_METRICS_EMF", "on")]).unwrap_err(),
            "TANDEM_METRICS_EMF, TANDEM_ENVIRONMENT: the second is needed where the first is on"
        );
        assert_eq!(
            read(&[("TANDEM_METRICS_EMF", "yes")]).unwrap_err(),
            "TANDEM_METRICS_EMF: must be one of on, off, not \"yes\""
        );
    }

    #[test]
    fn intervals_end_where_minutes_do() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let wait = |text, secs| until_next(at(text), Duration::from_secs(secs));
        assert_eq!(wait("2026-08-01T10:11:12.5Z", 60), Duration::from_millis(47_500));
        assert_eq!(wait("2026-08-01T10:11:12.5Z", 5), Duration::from_millis(2_500));
        assert_eq!(wait("2026-08-01T10:12:00Z", 60), Duration::from_mins(1));
    }

    #[test]
    fn each_line_is_a_whole_one_that_tells_where_and_when() {
        let emf = read(&[("TANDEM_METRICS_EMF", "on"), ("TANDEM_ENVIRONMENT", "prod")]).unwrap();
        let publisher = Publisher::new("worker", emf.unwrap());
        let recorder = publisher.recorder();
        static METADATA: Metadata<'static> = Metadata::new("test", metrics::Level::INFO, None);
        recorder
            .register_counter(&Key::from_name("tandem_deliveries_total"), &METADATA)
            .increment(3);
        recorder
            .register_histogram(&Key::from_name("tandem_pickup_seconds"), &METADATA)
            .record(0.25);
        let since = "2026-08-01T10:11:12.5Z".parse().unwrap();
        let mut written = Vec::new();
        publisher.write(since, &mut written).unwrap();
        let text = String::from_utf8(written).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(text.ends_with('\n') && lines.len() == 1, "{text}");
        let line: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], 1_785_579_072_500_i64);
        assert_eq!(
            (&line["Service"], &line["Environment"]),
            (&"worker".into(), &"prod".into())
        );
        assert_eq!(line["tandem_deliveries_total"], 3);
        assert_eq!(line["tandem_pickup_seconds"]["Counts"][0], 1);
        written = Vec::new();
        publisher.write(since, &mut written).unwrap();
        assert!(written.is_empty(), "nothing happened since");
    }
}
