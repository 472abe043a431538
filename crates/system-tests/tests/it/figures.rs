//! What tests measure, for whoever reads their output.

use std::time::Duration;

#[expect(clippy::print_stderr, reason = "figures are for people")]
pub(crate) fn tell(figures: &str) {
    eprintln!("measured: {figures}");
}

/// The median, the 99th percentile and the maximum.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len().saturating_sub(1) as f64 * share).round() as usize;
        times.get(index).copied().unwrap_or_default()
    };
    format!("p50 {:.1?}, p99 {:.1?}, max {:.1?}", at(0.5), at(0.99), at(1.0))
}
