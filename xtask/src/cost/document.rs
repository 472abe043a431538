//! The tables of `docs/cost.md`, which are made from the bills and stand between two comments each.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::bill::{Bill, Row};
use super::prices::{Prices, Share};
use super::shown::Shown;

/// The document, from the root.
pub const FILE: &str = "docs/cost.md";

/// Replaces the text between `<!-- name -->` and `<!-- end of name -->`.
///
/// # Errors
///
/// When the comments are not there.
pub fn with_block(document: &str, name: &str, block: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = document
        .split_once(&begin)
        .with_context(|| format!("{FILE} has no {}", begin.trim_end()))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("{FILE} has no {end}"))?;
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", block.trim_end()))
}

/// An environment's bill, line by line.
pub fn table(bill: &Bill) -> String {
    let mut text = "| Line | Quantity | Dollars for each | Dollars a month |\n|---|---|---|---|\n".to_owned();
    let mut last = None;
    for row in &bill.rows {
        let title = if last == Some(row.line) {
            ""
        } else {
            row.line.title()
        };
        last = Some(row.line);
        let given = if row.is_allowance { ", given by AWS" } else { "" };
        let Row { per, usd_each, .. } = row;
        text.push_str(&format!(
            "| {title} | {} × {per}{given} | {usd_each} | {:.2} |\n",
            number(row.quantity),
            row.usd()
        ));
    }
    for (name, share) in [
        ("What runs jobs", Share::Platform),
        ("Monitoring", Share::Monitoring),
        ("Everything", Share::Everything),
    ] {
        text.push_str(&format!("| **{name}** | | | **{:.2}** |\n", bill.sum(share)));
    }
    text
}

/// Sums against budgets, by the list and by those of other regions.
pub fn budgets(bills: &[Bill], elsewhere: &BTreeMap<String, Vec<Bill>>, prices: &Prices) -> String {
    let lists: Vec<(&str, &[Bill])> = std::iter::once((prices.region.as_str(), bills))
        .chain(
            elsewhere
                .iter()
                .map(|(region, bills)| (region.as_str(), bills.as_slice())),
        )
        .collect();
    let mut text = "| Environment | What | Budget |".to_owned();
    for (region, _) in &lists {
        text.push_str(&format!(" Dollars a month in {region} |"));
    }
    text.push_str(&format!("\n|---|---|---|{}\n", "---|".repeat(lists.len())));
    for budget in &prices.budgets {
        let what = match budget.of {
            Share::Everything => "everything",
            Share::Platform => "what runs jobs",
            Share::Monitoring => "monitoring",
        };
        text.push_str(&format!("| {} | {what} | {} |", budget.environment, budget.usd));
        for (_, bills) in &lists {
            let sum = bills.iter().find(|it| it.environment == budget.environment);
            text.push_str(&format!(
                " {:.2} |",
                sum.map_or(f64::NAN, |bill| bill.sum(budget.of))
            ));
        }
        text.push('\n');
    }
    text
}

/// What other numbers of jobs come to: million jobs, the sum, and the bill with one million more.
pub fn variations(rows: &[(f64, f64, f64)]) -> String {
    let mut text =
        "| Million jobs a month | Dollars a month | Dollars for each million | Dollars for one million more |\n\
         |---|---|---|---|\n"
            .to_owned();
    for (jobs, usd, more) in rows {
        text.push_str(&format!(
            "| {jobs} | {usd:.2} | {:.2} | {:.2} |\n",
            usd / jobs,
            more - usd
        ));
    }
    text
}

/// What dashboards are told.
pub fn figures(shown: &[Shown]) -> String {
    let mut text =
        "| Environment | Region | Dollars a month without jobs | Dollars for each million jobs |\n\
                    |---|---|---|---|\n"
            .to_owned();
    for it in shown {
        text.push_str(&format!(
            "| {} | {} | {:.2} | {:.2} |\n",
            it.environment, it.region, it.billed.month_usd, it.billed.million_jobs_usd
        ));
    }
    text
}

/// With as many digits as tell something.
fn number(quantity: f64) -> String {
    let digits = match quantity.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 1.0 => 1,
        _ => 3,
    };
    let text = format!("{quantity:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
