//! Whether images come from where they say, asked of GitHub's own program.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Candidate;
use crate::args::PromoteArgs;
use crate::failure::{Exit, Failure};

/// What the workflow attests after the tests on staging have passed.
const STAGING_PASSED: &str = "urn:tandem:staging-passed:v1";
/// What the build attests: how the image came to be.
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

const TIMEOUT: Duration = Duration::from_secs(120);

/// The attestations that are missing, or not by whom they should be.
pub(super) async fn objections(candidates: &[Candidate], args: &PromoteArgs) -> Result<Vec<String>, Failure> {
    let Some(repository) = &args.repository else {
        let why = "--repository must name the repository on GitHub that built the images, as owner/name";
        return Err(Failure::new(Exit::Usage, why));
    };
    let mut refusals = Vec::new();
    for it in candidates {
        let image = format!("{}@{}", it.url, it.manifest.digest);
        for predicate in [PROVENANCE, STAGING_PASSED] {
            if let Err(why) = verify(&image, predicate, repository, args).await {
                refusals.push(format!("{image} is not attested ({predicate}): {why}"));
            }
        }
    }
    Ok(refusals)
}

async fn verify(image: &str, predicate: &str, repository: &str, args: &PromoteArgs) -> Result<(), String> {
    let mut gh = Command::new("gh");
    gh.args([
        "attestation",
        "verify",
        &format!("oci://{image}"),
        "--repo",
        repository,
    ])
    .args([
        "--signer-workflow",
        &format!("{repository}/{}", args.signer_workflow),
    ])
    .args(["--source-ref", &args.source_ref, "--predicate-type", predicate])
    .stdin(Stdio::null())
    .kill_on_drop(true);
    let ended = tokio::time::timeout(TIMEOUT, gh.output()).await;
    let ended = ended.map_err(|_| format!("gh did not end within {} s", TIMEOUT.as_secs()))?;
    let ended = ended.map_err(|error| format!("gh can't be run: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("gh says nothing").trim().to_owned())
}
