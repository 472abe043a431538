//! The operator's command line: how a database gets its schema, its tenants and their keys.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::site::PEPPER;

/// A tenant with a key.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) api_key: String,
}

/// The program, for one database.
#[derive(Debug)]
pub(crate) struct Tandem {
    pub(crate) program: PathBuf,
    pub(crate) database_url: String,
}

impl Tandem {
    pub(crate) async fn migrate(&self) -> Result<()> {
        self.run(&["migrate"]).await.map(drop)
    }

    pub(crate) async fn create_tenant(&self, name: String) -> Result<Tenant> {
        self.run(&["tenants", "create", &name]).await?;
        let key = ["keys", "create", "--tenant", &name, "--name", "chaos"];
        let api_key = self.run(&key).await?.trim().to_owned();
        Ok(Tenant { name, api_key })
    }

    async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("DATABASE_URL", &self.database_url)
            .env("TANDEM_KEY_PEPPER", PEPPER)
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("could not run {}", self.program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("tandem {} failed: {}", arguments.join(" "), said.trim());
        }
        String::from_utf8(output.stdout).context("tandem printed what is no text")
    }
}
