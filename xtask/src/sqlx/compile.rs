//! Making the query macros run, all of them, against a live database.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cache::Cache;
use crate::interrupt::Interrupts;
use crate::metadata;

/// Compiles every package that depends on sqlx, tests and optional features included, and collects what the
/// macros write about their statements.
pub(super) fn statements(root: &Path, interrupts: &Interrupts, database_url: &str) -> Result<Cache> {
    let packages: Vec<Value> = metadata::packages(root)?
        .into_iter()
        .filter(|package| metadata::depends_on(package, "sqlx"))
        .collect();
    if packages.is_empty() {
        bail!("no package depends on sqlx");
    }
    let written = Written::create(root)?;
    touch(&packages)?;
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root)
        .args([
            "check",
            "--all-targets",
            "--all-features",
            "--message-format=json-render-diagnostics",
        ])
        .env("DATABASE_URL", database_url)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &written.0);
    for package in &packages {
        cargo.args(["--package", package["name"].as_str().unwrap_or_default()]);
    }
    let mut skipped = Vec::new();
    let status = interrupts.run_by_line(&mut cargo, |line| skipped.extend(not_compiled(line, &packages)))?;
    if !status.success() {
        bail!("the crates with statements do not compile against the migrated database");
    }
    // Without this, a macro that did not run would look like a statement that is gone.
    if !skipped.is_empty() {
        bail!(
            "cargo did not compile {} anew, so their statements are unknown",
            skipped.join(", ")
        );
    }
    Cache::read(&written.0)
}

/// The folder that the macros write into, removed in the end.
struct Written(std::path::PathBuf);

impl Written {
    fn create(root: &Path) -> Result<Self> {
        let dir = root.join(format!("target/sqlx-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("could not create {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // What stays behind lies in the build folder and is read by nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Makes cargo compile the packages anew. It neither knows that the macros ask a database nor has an option
/// for this, but goes by the time of the source files; a build folder of its own would compile all
/// dependencies twice.
fn touch(packages: &[Value]) -> Result<()> {
    for source in packages.iter().flat_map(metadata::target_sources) {
        File::options()
            .append(true)
            .open(source)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .with_context(|| format!("could not touch {source}"))?;
    }
    Ok(())
}

/// The target that a message of cargo reports as not compiled this time, if it is one of the packages'.
fn not_compiled(message: &str, packages: &[Value]) -> Option<String> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = packages
        .iter()
        .any(|package| package["id"] == message["package_id"]);
    // A build script can't hold statements, and has its own idea of what makes it stale.
    let kind = &message["target"]["kind"][0];
    let may_hold_statements = kind != "custom-build";
    let skipped = message["reason"] == "compiler-artifact" && message["fresh"] == true && may_hold_statements;
    (ours && skipped).then(|| format!("{} ({kind})", message["target"]["name"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_that_cargo_skipped_is_noticed() {
        let packages = [json!({ "id": "store" })];
        let artifact = |id: &str, kind: &str, fresh: bool| {
            let target = json!({ "name": "it", "kind": [kind] });
            json!({ "reason": "compiler-artifact", "package_id": id, "target": target, "fresh": fresh })
                .to_string()
        };
        let message = |id: &str, fresh: bool| artifact(id, "test", fresh);
        assert_eq!(
            not_compiled(&message("store", true), &packages).unwrap(),
            "\"it\" (\"test\")"
        );
        assert_eq!(not_compiled(&message("store", false), &packages), None);
        assert_eq!(not_compiled(&message("serde", true), &packages), None);
        assert_eq!(
            not_compiled(&artifact("store", "custom-build", true), &packages),
            None
        );
    }

    #[test]
    fn touching_makes_sources_new() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("lib.rs");
        fs::write(&source, "").unwrap();
        let file = File::options().append(true).open(&source).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        touch(&[json!({ "targets": [{ "src_path": source, "kind": ["lib"] }] })]).unwrap();
        assert!(fs::metadata(&source).unwrap().modified().unwrap() > SystemTime::UNIX_EPOCH);
    }
}
