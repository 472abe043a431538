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
    /// The tags.
    #[arg(long, value_delimiter = ',', required = true)]
    tags: Vec<String>,
    /// A tag with which an image is taken as it is, in place of the file; empty for none.
    #[arg(long, default_value = "")]
    unless: String,
    /// The digest that it must have in the end; empty for any.
    #[arg(long, default_value = "")]
    only: String,
    /// The file that digest and sign are added to, such as `$GITHUB_OUTPUT`.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// What is there before anything is pushed.
struct Found<'a> {
    /// The digest of the image in the file.
    file: String,
    /// The digest of what has passed for the same tree.
    passed: Option<String>,
    /// The digest that each tag has.
    tags: Vec<(&'a str, Option<String>)>,
}

/// What comes of it.
#[derive(Debug, Eq, PartialEq)]
struct Outcome<'a> {
    digest: String,
    /// Whether it is the file's image. That is signed, also when an attempt before this one has pushed it already and may have
    /// signed it: twice does no harm, and never makes it worthless.
    is_ours: bool,
    /// The tags that it gets. A tag that it has is left alone, since registries whose tags stay refuse even the same image.
    push: Vec<&'a str>,
}

impl Push {
    pub(super) fn run(&self, interrupts: &Interrupts) -> Result<ExitCode> {
        let found = Found {
            file: digest_in(&self.from)?,
            passed: if self.unless.is_empty() {
                None
            } else {
                self.digest_of(&self.unless)?
            },
            tags: self
                .tags
                .iter()
                .map(|tag| Ok((tag.as_str(), self.digest_of(tag)?)))
                .collect::<Result<_>>()?,
        };
        let outcome = outcome(found, &self.only)?;
        for tag in &outcome.push {
            let mut skopeo = Command::new("skopeo");
            skopeo
                .args(["copy", "--preserve-digests"])
                .arg(format!("oci-archive:{}", self.from.display()))
                .arg(self.reference(tag));
            let status = interrupts.run(&mut skopeo)?;
            ensure!(status.success(), "skopeo could not push {tag} ({status})");
            let pushed = self
                .digest_of(tag)?
                .with_context(|| format!("{tag} is not there after its push"))?;
            ensure!(
                pushed == outcome.digest,
                "{tag} is {pushed} in the registry, and {} was pushed",
                outcome.digest
            );
        }
        if outcome.push.is_empty() {
            println!("{} is there already", self.program.name());
        }
        tell(&outcome.to_string(), self.output.as_deref())
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

/// What is to be done.
fn outcome<'a>(found: Found<'a>, only: &str) -> Result<Outcome<'a>> {
    let is_ours = found.passed.as_ref().is_none_or(|passed| *passed == found.file);
    let digest = found.passed.unwrap_or(found.file);
    ensure!(
        only.is_empty() || digest == only,
        "this image must be {only}, and it is {digest}"
    );
    let mut push = Vec::new();
    for (tag, there) in found.tags {
        match there {
            // Nothing is pushed in place of what has passed.
            _ if !is_ours => {}
            None => push.push(tag),
            Some(there) => ensure!(
                there == digest,
                "{tag} is another image already, {there}, and this one is {digest}; run all jobs again"
            ),
        }
    }
    Ok(Outcome {
        digest,
        is_ours,
        push,
    })
}

impl std::fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "digest={}", self.digest)?;
        writeln!(f, "sign={}", self.is_ours)
    }
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

    /// What becomes of the file's image `ours`, with what is in the registry.
    fn pushed<'a>(
        passed: Option<&str>,
        tags: &[(&'a str, Option<&str>)],
        only: &str,
    ) -> Result<(String, Vec<&'a str>), String> {
        let found = Found {
            file: "ours".to_owned(),
            passed: passed.map(str::to_owned),
            tags: tags
                .iter()
                .map(|&(tag, there)| (tag, there.map(str::to_owned)))
                .collect(),
        };
        let outcome = outcome(found, only).map_err(|error| error.to_string())?;
        Ok((outcome.to_string(), outcome.push))
    }

    const SIGNED: &str = "digest=ours\nsign=true\n";

    #[test]
    fn what_no_attempt_has_finished_is_pushed_and_signed() {
        let rc = "rc-1";
        // The first attempt; one after the api was pushed and the worker was not, for the worker.
        assert_eq!(pushed(None, &[(rc, None)], ""), Ok((SIGNED.to_owned(), vec![rc])));
        // The same, for the api; and one after a signature has failed.
        assert_eq!(
            pushed(None, &[(rc, Some("ours"))], ""),
            Ok((SIGNED.to_owned(), vec![]))
        );
        // Another attempt that has built other bytes has another tag.
        assert_eq!(
            pushed(None, &[("rc-2", None)], ""),
            Ok((SIGNED.to_owned(), vec!["rc-2"]))
        );
        assert_eq!(
            pushed(None, &[(rc, Some("theirs"))], ""),
            Err("rc-1 is another image already, theirs, and this one is ours; run all jobs again".to_owned())
        );
    }

    #[test]
    fn what_has_passed_is_taken_as_it_is() {
        // A tree that comes again, by a revert or another commit. Its image was signed, and not by this run.
        let again = pushed(Some("theirs"), &[("rc-2", None)], "");
        assert_eq!(again, Ok(("digest=theirs\nsign=false\n".to_owned(), vec![])));
        // The same run once more, after everything has passed.
        let same = pushed(Some("ours"), &[("rc-1", Some("ours"))], "");
        assert_eq!(same, Ok((SIGNED.to_owned(), vec![])));
    }

    #[test]
    fn only_what_was_signed_gets_the_trees_tag() {
        let tree = "tree-7e";
        assert_eq!(
            pushed(None, &[(tree, None)], "ours"),
            Ok((SIGNED.to_owned(), vec![tree]))
        );
        assert_eq!(
            pushed(None, &[(tree, None)], "signed"),
            Err("this image must be signed, and it is ours".to_owned())
        );
        // What was taken has it already.
        let taken = pushed(Some("theirs"), &[(tree, Some("theirs"))], "theirs");
        assert_eq!(taken, Ok(("digest=theirs\nsign=false\n".to_owned(), vec![])));
        assert!(pushed(Some("theirs"), &[(tree, Some("theirs"))], "ours").is_err());
    }
}
