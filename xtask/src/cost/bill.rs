//! What an environment costs in a month: charges, added up by line and price.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::charges::Case;
use super::line::{Charge, Line};
use super::plan::Plan;
use super::prices::{Prices, Share};

/// An environment's bill.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Which environment.
    pub environment: String,
    /// Its rows, by line and price.
    pub rows: Vec<Row>,
    /// What AWS is told that it may come to, in dollars a month.
    pub limit_usd: Option<f64>,
}

/// One row of it.
#[derive(Clone, Debug)]
pub struct Row {
    pub line: Line,
    pub quantity: f64,
    pub usd_each: f64,
    pub per: String,
    /// Whether it is what AWS gives for nothing.
    pub is_allowance: bool,
}

impl Row {
    /// Dollars.
    pub fn usd(&self) -> f64 {
        self.quantity * self.usd_each
    }
}

impl Bill {
    /// The bill for a plan, with another number of jobs if one is given, in millions.
    ///
    /// # Errors
    ///
    /// When something planned or used has no price; all of it is named.
    pub fn of(
        environment: &str,
        plan: &Plan,
        prices: &Prices,
        metrics: &Value,
        million_jobs: Option<f64>,
    ) -> Result<Self> {
        let mut usage = prices
            .environments
            .get(environment)
            .with_context(|| format!("{} says nothing of {environment}", super::prices::FILE))?
            .clone();
        usage.million_jobs = million_jobs.unwrap_or(usage.million_jobs);
        let case = Case {
            plan,
            prices,
            usage: &usage,
        };
        let mut charges = case.used_by_jobs();
        charges.extend(case.published(metrics)?);
        let mut unpriced = Vec::new();
        for resource in plan.resources() {
            match case.charges(resource) {
                Ok(more) => charges.extend(more),
                Err(error) => unpriced.push(format!("{error:#}")),
            }
        }
        if !unpriced.is_empty() {
            anyhow::bail!("{environment}: {}", unpriced.join("\n"));
        }
        let mut rows = rows(&charges, prices)?;
        rows.extend(allowances(&charges, &usage.allowances, prices)?);
        rows.sort_by_key(|row| row.line);
        Ok(Self {
            environment: environment.to_owned(),
            rows,
            limit_usd: limit(plan)?,
        })
    }

    /// Dollars a month for a share of it.
    pub fn sum(&self, of: Share) -> f64 {
        let counts = |line: Line| match of {
            Share::Everything => true,
            Share::Platform => !line.is_monitoring(),
            Share::Monitoring => line.is_monitoring(),
        };
        self.rows
            .iter()
            .filter(|row| counts(row.line))
            .map(Row::usd)
            .sum()
    }
}

fn limit(plan: &Plan) -> Result<Option<f64>> {
    let budget = plan.of_kind("aws_budgets_budget").next();
    budget.map(|it| it.number("limit_amount")).transpose()
}

fn rows(charges: &[Charge], prices: &Prices) -> Result<Vec<Row>> {
    let mut sums: BTreeMap<(Line, &str), f64> = BTreeMap::new();
    for charge in charges {
        *sums.entry((charge.line, &charge.price)).or_default() += charge.quantity;
    }
    let used = sums.into_iter().filter(|(_, quantity)| *quantity > 0.0);
    used.map(|((line, price), quantity)| row(line, price, quantity, prices))
        .collect()
}

/// What is given for nothing is at most what is used.
fn allowances(charges: &[Charge], allowed: &BTreeMap<String, f64>, prices: &Prices) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (price, most) in allowed {
        let used: Vec<&Charge> = charges.iter().filter(|it| it.price == *price).collect();
        let quantity: f64 = used.iter().map(|it| it.quantity).sum();
        if let Some(first) = used.first() {
            let mut row = row(first.line, price, -quantity.min(*most), prices)?;
            row.is_allowance = true;
            rows.push(row);
        }
    }
    Ok(rows)
}

fn row(line: Line, price: &str, quantity: f64, prices: &Prices) -> Result<Row> {
    let known = prices
        .prices
        .get(price)
        .with_context(|| format!("{} has no price for {price}", super::prices::FILE))?;
    Ok(Row {
        line,
        quantity,
        usd_each: known.usd,
        per: known.per.clone(),
        is_allowance: false,
    })
}
