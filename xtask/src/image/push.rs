//! Pushing: a file becomes an image in the registry, with the digest that it has in the file.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::{Program, digest_in, said};
use crate::interrupt::Interrupts;
use crate::version::tell;

/// What is pushed where.
#[derive(Args, Debug)]
pub struct Push {
    /// What is in it.
    #[arg(long, value_enum)]
    program: Program,
    /// The file that `image build` wrote.
    #[arg(long)]
    from: PathBuf,
    /// The repository, with its registry.
    #[arg(long)]
    repository: String,
    /// The tags. If one says of which tree the image is and is there already, nothing is pushed.
    #[arg(long, value_delimiter = ',', required = true)]
    tags: Vec<String>,
    /// The file that digest and pushed are added to, such as `$GITHUB_OUTPUT`.
    #[arg(long)]
    output: Option<PathBuf>,
}

impl Push {
    pub(super) fn run(&self, interrupts: &Interrupts) -> Result<ExitCode> {
        if let Some(tag) = self.tags.iter().find(|tag| tag.starts_with("tree-"))
            && let Some(digest) = self.digest_of(tag)?
        {
            println!("{} of this tree is there already", self.program.name());
            return tell(&outcome(&digest, false), self.output.as_deref());
        }
        let digest = digest_in(&self.from)?;
        // The tree's tag comes last: when it is there, everything is.
        let mut tags = self.tags.clone();
        tags.sort_by_key(|tag| tag.starts_with("tree-"));
        for tag in &tags {
            let mut skopeo = Command::new("skopeo");
            skopeo
                .args(["copy", "--preserve-digests"])
                .arg(format!("oci-archive:{}", self.from.display()))
                .arg(self.reference(tag));
            let status = interrupts.run(&mut skopeo)?;
            ensure!(status.success(), "skopeo could not push {tag} ({status})");
        }
        for tag in &tags {
            let pushed = self
                .digest_of(tag)?
                .with_context(|| format!("{tag} is not there after its push"))?;
            ensure!(
                pushed == digest,
                "{tag} is {pushed} in the registry, and {digest} was pushed"
            );
        }
        tell(&outcome(&digest, true), self.output.as_deref())
    }

    fn reference(&self, tag: &str) -> String {
        format!("docker://{}:{tag}", self.repository)
    }

    /// The digest that a tag has in the registry, if there is that tag.
    fn digest_of(&self, tag: &str) -> Result<Option<String>> {
        let mut skopeo = Command::new("skopeo");
        skopeo.args([
            "inspect",
            "--no-tags",
            "--format",
            "{{.Digest}}",
            &self.reference(tag),
        ]);
        match said(&mut skopeo) {
            Ok(digest) => Ok(Some(digest)),
            Err(error) if is_absence(&error.to_string()) => Ok(None),
            Err(error) => bail!("the registry does not tell whether it has {tag}: {error:#}"),
        }
    }
}

/// Whether a registry's refusal says that there is no such tag; ECR says so in words of its own.
fn is_absence(refusal: &str) -> bool {
    ["manifest unknown", "does not exist", "name unknown: The image"]
        .iter()
        .any(|words| refusal.contains(words))
        && !refusal.contains("repository with name")
}

fn outcome(digest: &str, is_new: bool) -> String {
    format!("digest={digest}\npushed={is_new}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absent_tag_is_no_failure() {
        for (refusal, is_absent) in [
            ("reading manifest tree-1 in r: manifest unknown", true),
            ("manifest unknown: Requested image not found", true),
            (
                "name unknown: The repository with name 'tandem/api' does not exist in the registry",
                false,
            ),
            ("unauthorized: authentication required", false),
            ("dial tcp: lookup r: no such host", false),
        ] {
            assert_eq!(is_absence(refusal), is_absent, "{refusal}");
        }
    }

    #[test]
    fn the_outcome_tells_whether_there_is_something_new_to_sign() {
        assert_eq!(outcome("sha256:0", true), "digest=sha256:0\npushed=true\n");
        assert_eq!(outcome("sha256:0", false), "digest=sha256:0\npushed=false\n");
    }
}
