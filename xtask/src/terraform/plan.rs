//! The plan of an environment as JSON: what Terraform would ask AWS for, with all values that are known before.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::interrupt::Interrupts;
use crate::ministack::Ministack;
use crate::python;

use super::account::{Account, REGION};
use super::environment::{Environment, Extent};
use super::program::Terraform;

/// Plans all of an environment as if nothing were there, and gives what `terraform show -json` says of the plan.
///
/// An emulator is started to answer what a plan asks of an account. It makes nothing, so nothing of the environment has
/// to be left away for its sake.
///
/// # Errors
///
/// When Terraform or its provider are missing, the emulator does not start or the plan fails.
pub fn plan_json(root: &Path, interrupts: &Interrupts, environment: &str) -> Result<Value> {
    let python = python::ensure_venv(root, interrupts)?;
    let ministack = Ministack::start(root, &python)?;
    let terraform = Terraform::find(root, interrupts)?;
    let account = Account::open(&Cloud::new(root, &python, &ministack, REGION))?;
    Environment::prepare(&terraform, root, "planned", environment, &account)?.plan(Extent::Full)
}
