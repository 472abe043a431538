//! A database that exists for one command.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::psql::{Psql, with_database};

pub(crate) struct Scratch {
    name: String,
    url: String,
    server: Psql,
    database: Psql,
}

impl Scratch {
    pub(crate) fn create(bin_dir: &Path, server_url: &str) -> Result<Self> {
        let name = format!("xtask_sqlx_{}", std::process::id());
        let url = with_database(server_url, &name);
        let server = Psql::new(bin_dir, server_url);
        server.execute(&format!("create database {name}"))?;
        let database = Psql::new(bin_dir, &url);
        Ok(Self {
            name,
            url,
            server,
            database,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Applies all migrations as the product would.
    pub(crate) fn migrate(&self, migrations: &Path) -> Result<()> {
        // The product's migrator makes this table before the first migration, and migrations grant access to
        // it.
        self.database
            .execute("create table _sqlx_migrations (version bigint)")?;
        for file in in_order(migrations)? {
            let sql =
                fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
            self.database
                .execute_file(&file, !sql.starts_with("-- no-transaction"))?;
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // psql has shown why, should it fail; what is left is an empty database.
        drop(
            self.server
                .execute(&format!("drop database {} with (force)", self.name)),
        );
    }
}

/// The migrations by their number, which is how the product orders them.
fn in_order(migrations: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(migrations).with_context(|| format!("could not read {}", migrations.display()))?;
    for entry in entries {
        let path = entry.context("could not read the migrations")?.path();
        if path.extension().is_some_and(|it| it == "sql") {
            files.push((number(&path)?, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

fn number(file: &Path) -> Result<u64> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let digits = name.split('_').next().unwrap_or_default();
    digits
        .parse()
        .with_context(|| format!("the migration {name} does not begin with its number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_ordered_by_number() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["10_ten.sql", "2_two.sql", "0001_one.sql", "README.md"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = in_order(dir.path())
            .unwrap()
            .iter()
            .map(|it| number(it).unwrap())
            .collect();
        assert_eq!(names, [1, 2, 10]);
        fs::write(dir.path().join("nameless.sql"), "").unwrap();
        assert!(
            in_order(dir.path())
                .unwrap_err()
                .to_string()
                .contains("nameless.sql")
        );
    }
}
