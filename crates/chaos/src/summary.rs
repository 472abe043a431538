//! What only the run itself knows, and no history: how well it did what it was to do.

use std::fmt;
use std::sync::PoisonError;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::cluster::Cluster;
use crate::counted::Counted;
use crate::injector::{Injector, QueueOutage};
use crate::site::Strikes;
use crate::strike::{ACTIONS, Point};

/// How well a run did what it was to do.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub(crate) strikes: Strikes,
    /// Those that were planned.
    pub(crate) planned: Strikes,
    /// Faults that were planned and did not happen.
    pub(crate) missed: Vec<String>,
    pub(crate) zombies: u32,
    /// What the workers counted until the load ended.
    pub(crate) counted: Counted,
    pub(crate) queue_outages: Vec<QueueOutage>,
    /// Outcomes of attempts that were not the worker's any more, which the database has rejected.
    pub(crate) rejected: u64,
}

impl Summary {
    pub(crate) fn of(cluster: &Cluster, injector: &Injector) -> Self {
        let site = &cluster.site;
        Self {
            strikes: site
                .strikes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            missed: injector.missed(),
            zombies: injector.zombies(),
            queue_outages: injector.queue_outages(),
            ..Self::default()
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.strikes.is_empty() {
            writeln!(f, "Strikes that were confirmed:\n{}", strikes(&self.strikes))?;
        }
        for fault in &self.missed {
            writeln!(f, "Planned, but it did not happen: {fault}")?;
        }
        writeln!(f, "Before the calm the workers counted {:?}", self.counted)?;
        for outage in &self.queue_outages {
            writeln!(f, "{outage:?}")?;
        }
        if self.zombies > 0 {
            writeln!(
                f,
                "Workers that were stopped while they had attempts: {}",
                self.zombies
            )?;
        }
        if self.rejected > 0 {
            writeln!(
                f,
                "Outcomes of attempts that were lost, all rejected: {}",
                self.rejected
            )?;
        }
        Ok(())
    }
}

fn strikes(strikes: &Strikes) -> Table {
    let mut points: Vec<Point> = strikes.keys().map(|(point, _)| *point).collect();
    points.dedup();
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let actions = ACTIONS.map(|action| action.name().to_owned());
    table.set_header([vec!["failpoint".to_owned()], actions.to_vec()].concat());
    for point in points {
        let counts = ACTIONS.map(|action| strikes.get(&(point, action)).copied().unwrap_or_default());
        let counts = counts.map(|count| count.to_string());
        table.add_row([vec![point.0.to_owned()], counts.to_vec()].concat());
    }
    table
}
