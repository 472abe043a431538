//! What Terraform plans for an environment, from the tests that the environment has: they plan it as `terraform.tfvars` has
//! it, against a mocked provider, so that neither an account nor an emulator is needed.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::interrupt::Interrupts;
use crate::terraform;

use super::shown::Figures;

/// What is to be made.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Plan {
    #[serde(default)]
    resource_changes: Vec<Change>,
    #[serde(default)]
    output_changes: Value,
}

#[derive(Clone, Debug, Deserialize)]
struct Change {
    address: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    change: After,
}

#[derive(Clone, Debug, Deserialize)]
struct After {
    after: Value,
}

/// One thing that is made.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Its address, such as `module.platform.module.api.aws_ecs_service.canary[0]`.
    pub address: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// Its attributes.
    pub after: &'a Value,
}

#[derive(Deserialize)]
struct Told {
    test_plan: Option<Plan>,
}

impl Plan {
    /// Plans an environment.
    ///
    /// # Errors
    ///
    /// When Terraform is missing or its tests do not come as far as a plan.
    pub fn of(root: &Path, interrupts: &Interrupts, environment: &str) -> Result<Self> {
        let folder = format!("environments/{environment}");
        let output = terraform::told_by_tests(
            root,
            interrupts,
            &folder,
            &format!("tests/{environment}.tftest.hcl"),
        )?;
        let told = String::from_utf8_lossy(&output.stdout);
        let Some(plan) = Self::first_in(&told)? else {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("the tests of {folder} made no plan: {}", said.trim());
        };
        Ok(plan)
    }

    /// The first plan among the lines that `terraform test -json -verbose` tells.
    ///
    /// # Errors
    ///
    /// When a line with a plan has another form.
    pub fn first_in(told: &str) -> Result<Option<Self>> {
        for line in told
            .lines()
            .filter(|line| line.contains("\"type\":\"test_plan\""))
        {
            let told: Told = serde_json::from_str(line).context("Terraform told a plan of another form")?;
            if told.test_plan.is_some() {
                return Ok(told.test_plan);
            }
        }
        Ok(None)
    }

    /// What it makes; data that it only reads is left away.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let managed = self
            .resource_changes
            .iter()
            .filter(|it| it.mode == "managed" && !it.change.after.is_null());
        managed.map(|it| Resource {
            address: &it.address,
            kind: &it.kind,
            after: &it.change.after,
        })
    }

    /// Those of a type.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        self.resources().filter(move |it| it.kind == kind)
    }

    /// How many tasks of a service there always are.
    ///
    /// # Errors
    ///
    /// When the output `platform` does not say so.
    pub fn least_tasks(&self, service: &str) -> Result<f64> {
        self.output(&["deploy", "services", service, "least_tasks"])
            .as_f64()
            .with_context(|| format!("the output platform does not tell the least_tasks of {service}"))
    }

    /// Whether the services publish metrics of their own.
    ///
    /// # Errors
    ///
    /// When the output `platform` does not say so.
    pub fn publishes_metrics(&self) -> Result<bool> {
        self.output(&["application_metrics"])
            .as_bool()
            .context("the output platform does not tell application_metrics")
    }

    /// What dashboards are told that it costs.
    ///
    /// # Errors
    ///
    /// When the output `platform` says it in another form.
    pub fn told_cost(&self) -> Result<Option<Figures>> {
        Option::deserialize(self.output(&["cost"]))
            .context("the output platform tells a cost of another form")
    }

    /// Whether it has the dashboard that shows what a million jobs cost.
    ///
    /// # Errors
    ///
    /// When a dashboard has no name.
    pub fn shows_business(&self) -> Result<bool> {
        for dashboard in self.of_kind("aws_cloudwatch_dashboard") {
            if dashboard.text("dashboard_name")?.ends_with("-business") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn output(&self, path: &[&str]) -> &Value {
        path.iter()
            .fold(&self.output_changes["platform"]["after"], |value, name| {
                &value[*name]
            })
    }
}

impl Resource<'_> {
    /// The module that it is in, such as `module.platform.module.api`.
    pub fn module(&self) -> &str {
        let end = self.address.find(&format!(".{}.", self.kind)).unwrap_or_default();
        &self.address[..end]
    }

    /// An attribute that must be a text.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.after[name]
            .as_str()
            .with_context(|| format!("{} has no {name}", self.address))
    }

    /// An attribute that must be a number, also as Terraform writes those of tasks: in a text.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn number(&self, name: &str) -> Result<f64> {
        let value = &self.after[name];
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        number.with_context(|| format!("{} has no number {name}", self.address))
    }

    /// How many an attribute has.
    pub fn count(&self, name: &str) -> usize {
        self.after[name].as_array().map_or(0, Vec::len)
    }
}
