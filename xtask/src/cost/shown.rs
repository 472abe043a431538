//! What dashboards are told that an environment costs, from which they compute what a million jobs cost: by the list of the
//! region that it is in, and compared with its bill.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// Grafana's dashboard, which has the figures of one environment in variables of these names.
pub const GRAFANA: &str = "grafana/tandem.json";
/// How far from the bill a figure may be, in dollars: no dashboard is written anew because of cents.
const MONTH_TOLERANCE_USD: f64 = 1.0;
const MILLION_JOBS_TOLERANCE_USD: f64 = 0.1;

/// What an environment costs, as a dashboard has it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct Figures {
    /// Dollars a month without jobs.
    pub month_usd: f64,
    /// Dollars that each million jobs adds, where there are as many as are assumed.
    pub million_jobs_usd: f64,
}

/// An environment whose dashboards show what a million jobs cost, or should.
#[derive(Clone, Debug)]
pub struct Shown {
    pub environment: String,
    /// Where it is.
    pub region: String,
    /// What its bill says.
    pub billed: Figures,
    /// What its dashboards are told.
    pub told: Option<Figures>,
}

impl Shown {
    /// What is wrong with the figures of its `terraform.tfvars`.
    pub fn complaint(&self) -> Option<String> {
        let at = format!("{}: monitoring.cost", tfvars(&self.environment));
        self.billed.complaint(&at, self.told)
    }
}

impl Figures {
    /// What is wrong with figures that somebody was told, and which they should be.
    pub fn complaint(self, at: &str, told: Option<Self>) -> Option<String> {
        let should = format!(
            "month_usd = {:.0} and million_jobs_usd = {:.1}",
            self.month_usd, self.million_jobs_usd
        );
        let Some(told) = told else {
            return Some(format!(
                "{at} should be there, with {should}, for the dashboard business"
            ));
        };
        let is_near = (told.month_usd - self.month_usd).abs() <= MONTH_TOLERANCE_USD
            && (told.million_jobs_usd - self.million_jobs_usd).abs() <= MILLION_JOBS_TOLERANCE_USD;
        (!is_near).then(|| {
            format!(
                "{at} says month_usd = {} and million_jobs_usd = {}, and the bill says {should}",
                told.month_usd, told.million_jobs_usd
            )
        })
    }

    /// Those of Grafana's dashboard.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn of_grafana(root: &Path) -> Result<Option<Self>> {
        let text =
            fs::read_to_string(root.join(GRAFANA)).with_context(|| format!("could not read {GRAFANA}"))?;
        let dashboard: Value =
            serde_json::from_str(&text).with_context(|| format!("{GRAFANA} is not JSON"))?;
        Ok(Self::of_dashboard(&dashboard))
    }

    /// What the variables of a dashboard for Grafana have in them before anybody writes something else there.
    pub fn of_dashboard(dashboard: &Value) -> Option<Self> {
        let variable = |name: &str| -> Option<f64> {
            let list = dashboard["templating"]["list"].as_array()?;
            let variable = list.iter().find(|it| it["name"] == name)?;
            let value = variable["query"].as_str()?;
            // Grafana shows the one at first, and goes back to the other.
            (variable["current"]["value"] == value).then(|| value.parse().ok())?
        };
        Some(Self {
            month_usd: variable("month_usd")?,
            million_jobs_usd: variable("million_jobs_usd")?,
        })
    }
}

/// Where an environment is, as its `terraform.tfvars` has it.
///
/// # Errors
///
/// When the file can't be read, or names no region.
pub fn region(root: &Path, environment: &str) -> Result<String> {
    let file = tfvars(environment);
    let text = fs::read_to_string(root.join(&file)).with_context(|| format!("could not read {file}"))?;
    region_in(&text)
        .map(str::to_owned)
        .with_context(|| format!("{file} names no region"))
}

fn tfvars(environment: &str) -> String {
    format!("terraform/environments/{environment}/terraform.tfvars")
}

/// The value of `region = "…"`.
pub fn region_in(tfvars: &str) -> Option<&str> {
    tfvars.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "region").then(|| value.trim().trim_matches('"'))
    })
}
