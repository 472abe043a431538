//! The process's metrics, as Prometheus reads them.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::FanoutBuilder;

use super::emf::EmfRecorder;
use crate::metric;

/// From a pickup within a millisecond to an attempt of a quarter of an hour.
const SECONDS_BUCKETS: [f64; 18] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
    900.0,
];

/// Histograms keep every value until somebody renders or this time passes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the metrics of this process. Cloning it is cheap.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

static HANDLE: OnceLock<MetricsHandle> = OnceLock::new();

/// Starts to record metrics, or gives the handle of the recorder that does so already.
///
/// Call it before anything asks [`metric`] for a counter to keep: one that was made earlier counts for
/// nobody.
///
/// # Panics
/// When a library installed a recorder of its own, which none of ours does.
pub fn metrics_handle() -> MetricsHandle {
    HANDLE.get_or_init(|| install(None)).clone()
}

/// Starts to record metrics, for CloudWatch too if there is a recorder for it.
pub(super) fn record(for_cloudwatch: Option<EmfRecorder>) {
    HANDLE.get_or_init(|| install(for_cloudwatch));
}

fn install(for_cloudwatch: Option<EmfRecorder>) -> MetricsHandle {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS_BUCKETS)
        .expect("there are buckets to set")
        .build_recorder();
    let handle = MetricsHandle(recorder.handle());
    let is_first = match for_cloudwatch {
        None => metrics::set_global_recorder(recorder).is_ok(),
        Some(for_cloudwatch) => {
            let both = FanoutBuilder::default()
                .add_recorder(recorder)
                .add_recorder(for_cloudwatch);
            metrics::set_global_recorder(both.build()).is_ok()
        }
    };
    assert!(is_first, "only this function installs a recorder, and only once");
    metric::describe_all();
    keep_up(handle.clone());
    handle
}

/// Keeps the memory of histograms bounded while nobody scrapes, from a thread that ends with the process. Without a thread
/// for it the process would not have come far.
fn keep_up(handle: MetricsHandle) {
    let thread = std::thread::Builder::new().name("metrics upkeep".to_owned());
    let kept = thread.spawn(move || {
        loop {
            std::thread::sleep(UPKEEP_INTERVAL);
            handle.0.run_upkeep();
        }
    });
    drop(kept.expect("there is a thread for it"));
}

impl MetricsHandle {
    /// The content type of [`MetricsHandle::render`].
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

impl std::fmt::Debug for MetricsHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorder_is_installed_once_and_shows_what_was_counted() {
        let handle = metrics_handle();
        metric::FINISHES.with(["recorded".into()]).increment(3);
        metric::PICKUP.with([]).record(0.002);
        let text = metrics_handle().render();
        assert_eq!(text, handle.render());
        for line in [
            "# TYPE tandem_finishes_total counter",
            "tandem_finishes_total{answer=\"recorded\"} 3",
            "# TYPE tandem_pickup_seconds histogram",
            "tandem_pickup_seconds_bucket{le=\"0.001\"} 0",
            "tandem_pickup_seconds_bucket{le=\"0.0025\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("# HELP tandem_finishes_total "));
    }
}
