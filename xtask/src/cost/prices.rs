//! `docs/prices.json`: what AWS asks for, what we assume to use of it, and what it may come to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Where it is, from the root.
pub const FILE: &str = "docs/prices.json";

/// All of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The region whose list this is.
    pub region: String,
    /// What AWS counts as a month.
    pub hours_per_month: f64,
    /// Where prices were read, and when, by a name.
    pub sources: BTreeMap<String, String>,
    /// Dollars for one unit of something.
    pub prices: BTreeMap<String, Price>,
    /// What costs something else in other regions.
    pub elsewhere: BTreeMap<String, Elsewhere>,
    /// What one job uses.
    pub per_job: PerJob,
    /// What else is assumed.
    pub assumed: Assumed,
    /// How many values each label of a published metric has.
    pub label_values: BTreeMap<String, f64>,
    /// What each environment has to do.
    pub environments: BTreeMap<String, Usage>,
    /// What may be spent.
    pub budgets: Vec<Budget>,
    /// Numbers of jobs for which the sum is computed as well, in millions a month.
    pub variations_million_jobs: Vec<f64>,
    /// Types of resources that cost nothing, and why.
    pub free: BTreeMap<String, String>,
}

/// What a unit costs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Dollars.
    pub usd: f64,
    /// For one of these, in a month where no other time is named.
    pub per: String,
    /// A name in `sources`.
    pub source: String,
}

/// Another region's prices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// Where they were read.
    pub source: String,
    /// Dollars, by the key of the price that they take the place of.
    pub usd: BTreeMap<String, f64>,
}

/// What one job uses; kilobytes are thousands of bytes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerJob {
    pub http_requests: f64,
    pub sqs_requests: f64,
    pub kb_to_targets: f64,
    pub kb_answered: f64,
    pub kb_between_zones: f64,
    pub kb_logged_by_api: f64,
    pub kb_logged_by_worker: f64,
}

/// What holds for every environment.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// Long polls of twenty seconds in a month.
    pub polls_of_a_queue: f64,
    pub kb_of_metrics_per_task_and_minute: f64,
    pub lcu_hours_per_million_requests: f64,
    pub jobs_per_second_and_worker: f64,
    pub busiest_hour_to_average: f64,
    /// While a deployment goes on, in a month.
    pub hours_of_two_versions: f64,
    /// Of all hours, where tasks sleep at night.
    pub office_hours_share: f64,
    /// What AWS lets everybody send to the internet for nothing.
    pub internet_gb_free: f64,
}

/// What an environment has to do in a month.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    pub million_jobs: f64,
    /// By the last part of a log group's name, beside what jobs and metrics log; `monitoring` is RDS's.
    pub log_gb: BTreeMap<String, f64>,
    /// For each repository.
    pub image_gb: f64,
    /// What the database holds.
    pub database_gb: f64,
    /// What goes to the second region.
    pub backup_change_gb: f64,
    /// In all vaults.
    pub snapshot_gb: f64,
    pub access_log_gb: f64,
    /// How many units of a price AWS gives each organisation for nothing, where this environment has them.
    pub allowances: BTreeMap<String, f64>,
}

/// What something may come to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub environment: String,
    pub of: Share,
    /// Dollars a month.
    pub usd: f64,
}

/// What a budget is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// All of an environment.
    Everything,
    /// What runs jobs.
    Platform,
    /// What looks at it.
    Monitoring,
}

impl Prices {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it has another form, or names a source that is not there.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("could not read {FILE}"))?;
        Self::parse(&text).with_context(|| format!("{FILE} is wrong"))
    }

    /// Reads its text.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let prices: Self = serde_json::from_str(text)?;
        for (key, price) in &prices.prices {
            if !prices.sources.contains_key(&price.source) {
                bail!("{key} has the source {}, which is not in sources", price.source);
            }
            if price.usd <= 0.0 {
                bail!("{key} costs nothing; what is free belongs into free");
            }
        }
        for (region, other) in &prices.elsewhere {
            if let Some(key) = other.usd.keys().find(|key| !prices.prices.contains_key(*key)) {
                bail!("{key} of {region} takes the place of no price");
            }
        }
        Ok(prices)
    }

    /// The list as it is in another region, if that is known.
    pub fn of_region(&self, region: &str) -> Option<Self> {
        let other = self.elsewhere.get(region)?;
        let mut prices = self.clone();
        region.clone_into(&mut prices.region);
        for (key, usd) in &other.usd {
            prices.prices.get_mut(key)?.usd = *usd;
        }
        Some(prices)
    }
}
