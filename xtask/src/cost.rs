//! `cargo xtask cost`: what each environment costs in a month by AWS's list, computed from what Terraform plans for it, and
//! whether that is within its budget and stands in `docs/cost.md`.

pub mod bill;
pub mod charges;
pub mod document;
pub mod line;
pub mod plan;
pub mod prices;
pub mod shown;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::counts::Counts;
use crate::interrupt::Interrupts;

use bill::Bill;
use plan::Plan;
use prices::{Prices, Share};
use shown::{Figures, Shown};

/// What the services publish.
const METRICS: &str = "terraform/modules/observability/metrics.json";
/// The environment that is computed for other numbers of jobs as well.
const VARIED: &str = "prod";

/// Computes the bills, prints them and checks them; with `write`, puts them into the document before.
///
/// # Errors
///
/// When something can't be read, planned or priced. A sum above its budget, and a document that is not what it should be,
/// are told on the standard output and by the exit code.
pub fn run(root: &Path, interrupts: &Interrupts, write: bool) -> Result<ExitCode> {
    let bills = Bills::compute(root, interrupts)?;
    let document = bills.document(root)?;
    for bill in &bills.bills {
        println!("{}\n\n{}", bill.environment, document::table(bill));
    }
    if write {
        fs::write(root.join(document::FILE), &document.new)
            .with_context(|| format!("could not write {}", document::FILE))?;
    }
    let mut complaints = bills.above_budget();
    complaints.extend(bills.shown_wrong());
    complaints.extend(document.complaint().filter(|_| !write));
    for complaint in &complaints {
        println!("{complaint}");
    }
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Counts one test for the budgets, one for what dashboards are told and one for the document.
pub fn check(root: &Path, interrupts: &Interrupts, counts: &mut Counts) {
    let checked = Bills::compute(root, interrupts).and_then(|bills| Ok((bills.document(root)?, bills)));
    match checked {
        Ok((document, bills)) => {
            let above = bills.above_budget();
            let wrong = bills.shown_wrong();
            let complaint = document.complaint();
            for line in above.iter().chain(&wrong).chain(&complaint) {
                println!("{line}");
            }
            counts.add_look("cost budgets", &above);
            counts.add_look("cost on dashboards", &wrong);
            counts.add_look("cost document", complaint.as_slice());
        }
        Err(error) => {
            counts.add_error("cost", &error);
        }
    }
}

/// All environments.
struct Bills {
    prices: Prices,
    bills: Vec<Bill>,
    /// The bills by the lists of other regions.
    elsewhere: BTreeMap<String, Vec<Bill>>,
    /// Million jobs, their sum, and that with one million more.
    variations: Vec<(f64, f64, f64)>,
    /// The environments whose dashboards show what a million jobs cost.
    shown: Vec<Shown>,
    /// What Grafana's dashboard is told.
    in_grafana: Option<Figures>,
}

/// The document as it is, and as it should be.
struct Document {
    old: String,
    new: String,
}

impl Document {
    fn complaint(&self) -> Option<String> {
        (self.old != self.new).then(|| {
            format!(
                "{} has other tables: `cargo xtask cost --write` writes them",
                document::FILE
            )
        })
    }
}

impl Bills {
    fn compute(root: &Path, interrupts: &Interrupts) -> Result<Self> {
        let prices = Prices::read(root)?;
        let metrics =
            fs::read_to_string(root.join(METRICS)).with_context(|| format!("could not read {METRICS}"))?;
        let metrics: Value =
            serde_json::from_str(&metrics).with_context(|| format!("{METRICS} is not JSON"))?;
        let plans = plans(root, interrupts, &prices)?;
        let bill = |prices: &Prices, environment: &str, jobs| {
            Bill::of(environment, &plans[environment], prices, &metrics, jobs)
        };
        let all = |prices: &Prices| -> Result<Vec<Bill>> {
            prices
                .environments
                .keys()
                .map(|it| bill(prices, it, None))
                .collect()
        };
        let bills = all(&prices)?;
        let mut elsewhere = BTreeMap::new();
        for region in prices.elsewhere.keys() {
            if let Some(there) = prices.of_region(region) {
                elsewhere.insert(region.clone(), all(&there)?);
            }
        }
        let mut variations = Vec::new();
        for jobs in &prices.variations_million_jobs {
            let sum = |jobs| bill(&prices, VARIED, Some(jobs)).map(|it| it.sum(Share::Everything));
            variations.push((*jobs, sum(*jobs)?, sum(jobs + 1.0)?));
        }
        let mut shown = Vec::new();
        for (environment, usage) in &prices.environments {
            let plan = &plans[environment.as_str()];
            let told = plan.told_cost()?;
            if told.is_none() && !plan.shows_business()? {
                continue;
            }
            let region = shown::region(root, environment)?;
            let there = prices.of_region(&region);
            let there = there.as_ref().unwrap_or(&prices);
            let sum = |jobs| bill(there, environment, Some(jobs)).map(|it| it.sum(Share::Everything));
            let billed = Figures {
                month_usd: sum(0.0)?,
                million_jobs_usd: sum(usage.million_jobs + 1.0)? - sum(usage.million_jobs)?,
            };
            shown.push(Shown {
                environment: environment.clone(),
                region,
                billed,
                told,
            });
        }
        Ok(Self {
            bills,
            elsewhere,
            variations,
            shown,
            in_grafana: Figures::of_grafana(root)?,
            prices,
        })
    }

    /// Figures on dashboards that are not those of the bill; Grafana's has those of the environment that is varied.
    fn shown_wrong(&self) -> Vec<String> {
        let varied = self.shown.iter().find(|it| it.environment == VARIED);
        let grafana = varied.and_then(|it| it.billed.complaint(shown::GRAFANA, self.in_grafana));
        self.shown
            .iter()
            .filter_map(Shown::complaint)
            .chain(grafana)
            .collect()
    }

    /// Sums above the budgets of the list, or above those that AWS is told of.
    fn above_budget(&self) -> Vec<String> {
        let limits = self.bills.iter().filter_map(|bill| {
            let (sum, limit) = (bill.sum(Share::Everything), bill.limit_usd?);
            (sum > limit).then(|| {
                format!(
                    "{} costs {sum:.2} dollars a month, and its budget in Terraform is {limit}",
                    bill.environment
                )
            })
        });
        let budgets = self.prices.budgets.iter();
        let above = budgets.filter_map(|budget| {
            let bill = self
                .bills
                .iter()
                .find(|it| it.environment == budget.environment)?;
            let sum = bill.sum(budget.of);
            (sum > budget.usd).then(|| {
                format!(
                    "{}: {:?} costs {sum:.2} dollars a month, which is above {}",
                    budget.environment, budget.of, budget.usd
                )
            })
        });
        limits.chain(above).collect()
    }

    fn document(&self, root: &Path) -> Result<Document> {
        let old = fs::read_to_string(root.join(document::FILE))
            .with_context(|| format!("could not read {}", document::FILE))?;
        let mut new = document::with_block(
            &old,
            "budgets",
            &document::budgets(&self.bills, &self.elsewhere, &self.prices),
        )?;
        for bill in &self.bills {
            new = document::with_block(&new, &bill.environment, &document::table(bill))?;
        }
        new = document::with_block(&new, "variations", &document::variations(&self.variations))?;
        new = document::with_block(&new, "figures", &document::figures(&self.shown))?;
        Ok(Document { old, new })
    }
}

/// The plans of all environments, two at a time, since each waits for its provider most of the time.
fn plans<'a>(root: &Path, interrupts: &Interrupts, prices: &'a Prices) -> Result<BTreeMap<&'a str, Plan>> {
    let names: Vec<&str> = prices.environments.keys().map(String::as_str).collect();
    let mut plans = BTreeMap::new();
    for pair in names.chunks(2) {
        let made: Vec<(&str, Result<Plan>)> = std::thread::scope(|scope| {
            let mut running = Vec::new();
            for name in pair {
                running.push((*name, scope.spawn(move || Plan::of(root, interrupts, name))));
            }
            running
                .into_iter()
                .map(|(name, thread)| (name, thread.join().expect("planning does not panic")))
                .collect()
        });
        for (name, plan) in made {
            plans.insert(name, plan?);
        }
    }
    Ok(plans)
}
