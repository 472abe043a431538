//! `cargo xtask sqlx`: the cache in `.sqlx`, from which the query macros learn what a statement takes and
//! gives when there is no database at build time.
//!
//! It is made by applying the migrations to a scratch database and compiling every crate with statements
//! against it; the macros then write one file per statement.

mod cache;
mod compile;
pub(crate) mod scratch;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::interrupt::Interrupts;
use crate::services;
use cache::Cache;
use scratch::Scratch;

/// The workspace whose statements are meant.
#[derive(Debug)]
pub struct Workspace<'a> {
    /// Its root folder, with `migrations/` and `.sqlx/`.
    pub root: &'a Path,
    /// Who ends the commands on Ctrl-C.
    pub interrupts: &'a Interrupts,
    /// A superuser's address of a running server; None starts the private one.
    pub server: Option<String>,
}

impl Workspace<'_> {
    /// Writes the cache anew.
    ///
    /// # Errors
    ///
    /// When a migration fails or a statement does not compile.
    pub fn prepare(&self) -> Result<ExitCode> {
        let fresh = self.fresh_cache()?;
        fresh.write(&self.committed())?;
        println!("{} statements are in .sqlx.", fresh.len());
        Ok(ExitCode::SUCCESS)
    }

    /// Compares the cache with what [`Self::prepare`] would write, and lists the differences.
    ///
    /// # Errors
    ///
    /// Like [`Self::prepare`]. Differences are not an error but a failing exit code.
    pub fn check(&self) -> Result<ExitCode> {
        let fresh = self.fresh_cache()?;
        let differences = Cache::read(&self.committed())?.differences(&fresh);
        for difference in &differences {
            println!("{difference}");
        }
        if differences.is_empty() {
            println!("{} statements in .sqlx are up to date.", fresh.len());
            return Ok(ExitCode::SUCCESS);
        }
        println!("Run `cargo xtask sqlx prepare` and commit .sqlx.");
        Ok(ExitCode::FAILURE)
    }

    fn committed(&self) -> std::path::PathBuf {
        self.root.join(".sqlx")
    }

    fn fresh_cache(&self) -> Result<Cache> {
        match &self.server {
            Some(url) => self.cache_made_on(&local_postgres::find_binaries()?, url),
            None => {
                let postgres = services::start_postgres(self.root, self.interrupts)?;
                self.cache_made_on(postgres.bin_dir(), &postgres.url("postgres"))
            }
        }
    }

    fn cache_made_on(&self, bin_dir: &Path, server: &str) -> Result<Cache> {
        let scratch = Scratch::create(bin_dir, server)?;
        scratch.migrate(&self.root.join("migrations"))?;
        compile::statements(self.root, self.interrupts, scratch.url())
    }
}
