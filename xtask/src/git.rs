//! What git knows of the checkout.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What a command of git prints, without the last line's end.
///
/// # Errors
///
/// When there is no git, or it refuses.
pub fn ask(root: &Path, arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    let output = git
        .current_dir(root)
        .args(arguments)
        .output()
        .context("could not run git")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("git {} failed: {}", arguments.join(" "), said.trim());
    }
    let said = String::from_utf8(output.stdout).context("git prints something else than text")?;
    Ok(said.trim_end().to_owned())
}

/// The hash of everything that is committed: commits with the same content have the same.
///
/// # Errors
///
/// As [`ask`].
pub fn tree(root: &Path) -> Result<String> {
    ask(root, &["rev-parse", "HEAD^{tree}"])
}

/// The commit that is checked out.
///
/// # Errors
///
/// As [`ask`].
pub fn commit(root: &Path) -> Result<String> {
    ask(root, &["rev-parse", "HEAD"])
}
