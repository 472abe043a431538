//! What came out: figures, and what was broken.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::figures::{Figures, Spread};
use crate::history::{History, Run};
use crate::invariants;
use crate::violation::{Invariant, Violation};

/// How many violations of one invariant are shown to a person; all of them are in the report.
const SHOWN: usize = 10;

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which run.
    pub run: Run,
    /// In numbers.
    pub figures: Figures,
    /// Each promise that was broken, in the order of the invariants.
    pub violations: Vec<Violation>,
    /// Files whose last line was cut off because their writer was killed; the line is not counted.
    pub truncated: Vec<String>,
}

/// Compares all parts of a history with each other.
#[must_use]
pub fn check(history: &History) -> Report {
    let violations = Invariant::ALL.into_iter();
    Report {
        run: history.run.clone(),
        figures: Figures::of(history),
        violations: violations
            .flat_map(|invariant| invariants::check(invariant, history))
            .collect(),
        truncated: history.truncated.iter().map(|&file| file.to_owned()).collect(),
    }
}

impl Report {
    /// Whether every promise was kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }

    /// How long after the start something was broken for the first time, as far as violations have a time.
    #[must_use]
    pub fn first_broken_secs(&self) -> Option<f64> {
        let first = self.violations.iter().filter_map(|it| it.at).min()?;
        Some((first - self.run.started_at).as_seconds_f64())
    }

    /// The promises that were broken, each with the number of violations.
    #[must_use]
    pub fn broken(&self) -> BTreeMap<Invariant, usize> {
        let mut broken = BTreeMap::new();
        for violation in &self.violations {
            *broken.entry(violation.invariant).or_default() += 1;
        }
        broken
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run {
            scenario,
            backend,
            seed,
            commit,
            profile,
            ..
        } = &self.run;
        writeln!(
            f,
            "scenario {scenario}, backend {backend}, seed {seed}, commit {commit}, profile {profile}\n"
        )?;
        for (name, figure) in rows(&self.figures) {
            writeln!(f, "  {name:<26} {figure}")?;
        }
        writeln!(f)?;
        let broken = self.broken();
        for invariant in Invariant::ALL {
            let outcome = match broken.get(&invariant) {
                None => "holds".to_owned(),
                Some(times) => format!("BROKEN {times} times"),
            };
            writeln!(f, "  {invariant:<12} {:<72} {outcome}", invariant.statement())?;
            let violations = self.violations.iter().filter(|it| it.invariant == invariant);
            for Violation {
                subject, evidence, ..
            } in violations.take(SHOWN)
            {
                writeln!(f, "    {subject}: {evidence}")?;
            }
        }
        for file in &self.truncated {
            writeln!(f, "\n  {file}: the last line is cut off and was left out")?;
        }
        Ok(())
    }
}

/// The figures as a person reads them.
fn rows(figures: &Figures) -> Vec<(&'static str, String)> {
    let secs = |secs: Option<f64>| secs.map_or_else(none, |secs| format!("{secs:.2} s"));
    let counts = |counts: Vec<(&String, String)>| {
        let shown = counts.into_iter().map(|(name, count)| format!("{name} {count}"));
        listed(&shown.collect::<Vec<String>>())
    };
    let errors = figures.server_errors.iter();
    let faults = figures.faults.iter();
    vec![
        ("attempted", figures.attempted.to_string()),
        ("acknowledged", figures.acknowledged.to_string()),
        ("refused", figures.refused.to_string()),
        ("unknown", figures.unknown.to_string()),
        ("jobs", figures.jobs.to_string()),
        ("succeeded", figures.succeeded.to_string()),
        (
            "failed",
            format!("{} (by crashes {})", figures.failed, figures.failed_by_crashes),
        ),
        ("cancelled", figures.cancelled.to_string()),
        ("expired", figures.expired.to_string()),
        ("unfinished", figures.unfinished.to_string()),
        ("lost", figures.lost.to_string()),
        ("duplicated", figures.duplicated.to_string()),
        ("duplicate jobs", figures.duplicate_jobs.to_string()),
        ("unexpected", figures.unexpected.to_string()),
        (
            "redelivered",
            format!(
                "{} of {} ({:.2} %)",
                figures.redelivered,
                figures.delivered,
                figures.redelivered_share() * 100.0
            ),
        ),
        (
            "attempts lost",
            format!(
                "{} (unexplained {})",
                figures.attempts_lost, figures.unexplained_losses
            ),
        ),
        ("attempts released", figures.attempts_released.to_string()),
        (
            "stale completions",
            format!(
                "{} (rejected {})",
                figures.stale_completions, figures.rejected_completions
            ),
        ),
        ("recovery", spread(figures.recovery_secs, "s")),
        ("late recoveries", figures.late_recoveries.to_string()),
        ("late starts", figures.late_starts.to_string()),
        ("submit", spread(figures.submit_ms, "ms")),
        ("exchange", spread(figures.exchange_ms, "ms")),
        (
            "server errors",
            counts(errors.map(|(api, count)| (api, count.to_string())).collect()),
        ),
        ("longest silence", secs(figures.longest_silence_secs)),
        ("submit after outage", secs(figures.submit_after_outage_secs)),
        ("start after outage", secs(figures.start_after_outage_secs)),
        (
            "panics, errors logged",
            format!("{}, {}", figures.panics, figures.errors_logged),
        ),
        ("odd exits", listed(&figures.odd_exits)),
        (
            "faults",
            counts(faults.map(|(fault, count)| (fault, count.to_string())).collect()),
        ),
    ]
}

fn spread(spread: Option<Spread>, unit: &str) -> String {
    spread.map_or_else(none, |Spread { count, p50, p99, max }| {
        format!("p50 {p50:.2} {unit}, p99 {p99:.2} {unit}, max {max:.2} {unit} ({count})")
    })
}

fn listed(items: &[String]) -> String {
    if items.is_empty() {
        none()
    } else {
        items.join(", ")
    }
}

fn none() -> String {
    "-".to_owned()
}
