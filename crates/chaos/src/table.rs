//! All runs in one table.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use history::Spread;

use crate::run::{Run, Verdict};

const HEADER: [&str; 13] = [
    "scenario",
    "backend",
    "seed",
    "attempted",
    "acknowledged",
    "succeeded",
    "failed",
    "lost",
    "duplicated",
    "unexpected",
    "redelivered",
    "recovery p50/p99/max (s)",
    "violations",
];

/// A table that is Markdown, too. A run that broke off has no figures.
pub fn table<'a>(verdicts: impl IntoIterator<Item = (&'a Run, Option<&'a Verdict>)>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(HEADER);
    for (run, verdict) in verdicts {
        table.add_row(row(run, verdict));
    }
    table
}

fn row(run: &Run, verdict: Option<&Verdict>) -> Vec<String> {
    let mut row = vec![
        run.scenario.to_string(),
        run.backend.name().to_owned(),
        run.seed.to_string(),
    ];
    let Some(Verdict { report, unmet, .. }) = verdict else {
        row.extend(vec!["-".to_owned(); HEADER.len() - row.len() - 1]);
        row.push("broke off".to_owned());
        return row;
    };
    let figures = &report.figures;
    let counts = [
        figures.attempted,
        figures.acknowledged,
        figures.succeeded,
        figures.failed,
        figures.lost,
        figures.duplicated,
        figures.unexpected,
    ];
    row.extend(counts.map(|count| count.to_string()));
    let share = figures.redelivered_share() * 100.0;
    row.push(format!("{} ({share:.2} %)", figures.redelivered));
    row.push(
        figures
            .recovery_secs
            .as_ref()
            .map_or_else(|| "-".to_owned(), spread),
    );
    row.push((report.violations.len() + unmet.len()).to_string());
    row
}

fn spread(Spread { p50, p99, max, .. }: &Spread) -> String {
    format!("{p50:.1}/{p99:.1}/{max:.1}")
}
