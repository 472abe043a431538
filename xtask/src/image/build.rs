//! Building, so that the same commit makes the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::Program;
use crate::git;
use crate::interrupt::Interrupts;
use crate::version::workspace_version;

/// How an image is built.
#[derive(Args, Debug)]
pub struct Build {
    /// Which one.
    #[arg(long, value_enum)]
    program: Program,
    /// What it runs on, such as linux/arm64.
    #[arg(long)]
    platform: String,
    /// The file that it is written to, as an OCI archive.
    #[arg(long)]
    to: PathBuf,
    /// Where the source is, for the image's label.
    #[arg(long, env = "SOURCE", default_value = "unknown")]
    source: String,
    /// Build everything anew.
    #[arg(long)]
    without_cache: bool,
}

/// Which image's binaries are looked at.
#[derive(Args, Debug)]
pub struct Audit {
    /// Which one.
    #[arg(long, value_enum)]
    program: Program,
    /// What it runs on, such as linux/arm64.
    #[arg(long)]
    platform: String,
}

/// What is built, as the image's labels tell it.
#[derive(Debug)]
struct Origin {
    version: String,
    commit: String,
    tree: String,
    /// When the commit was made, in seconds since 1970: the time of everything in the image.
    epoch: String,
}

impl Build {
    pub(super) fn run(&self, root: &Path, interrupts: &Interrupts) -> Result<ExitCode> {
        let manifest = fs::read_to_string(root.join("Cargo.toml")).context("could not read Cargo.toml")?;
        let origin = Origin {
            version: workspace_version(&manifest)?.to_string(),
            commit: git::commit(root)?,
            tree: git::tree(root)?,
            epoch: git::ask(root, &["log", "-1", "--format=%ct"])?,
        };
        docker(root, interrupts, &self.arguments(&origin))
    }

    fn arguments(&self, origin: &Origin) -> Vec<String> {
        let Origin {
            version,
            commit,
            tree,
            epoch,
        } = origin;
        let mut arguments = common(self.program, &self.platform);
        for (name, value) in [
            ("SOURCE_DATE_EPOCH", epoch),
            ("VERSION", version),
            ("REVISION", commit),
            ("SOURCE", &self.source),
        ] {
            arguments.push(format!("--build-arg={name}={value}"));
        }
        arguments.push(format!("--label=tandem.tree={tree}"));
        // Without them the image is one manifest, and its digest is the image's.
        arguments.extend(["--provenance=false", "--sbom=false"].map(str::to_owned));
        arguments.push(format!(
            "--output=type=oci,rewrite-timestamp=true,dest={}",
            self.to.display()
        ));
        if self.without_cache {
            arguments.push("--no-cache".to_owned());
        }
        arguments.push(".".to_owned());
        arguments
    }
}

impl Audit {
    pub(super) fn run(&self, root: &Path, interrupts: &Interrupts) -> Result<ExitCode> {
        docker(root, interrupts, &self.arguments())
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = common(self.program, &self.platform);
        // The list of vulnerabilities changes without our files; a stage that is kept would not look at it again.
        arguments.extend(
            [
                "--target=scan",
                "--no-cache-filter=scan",
                "--output=type=cacheonly",
                ".",
            ]
            .map(str::to_owned),
        );
        arguments
    }
}

fn common(program: Program, platform: &str) -> Vec<String> {
    vec![
        "buildx".to_owned(),
        "build".to_owned(),
        format!("--file=Dockerfile.{}", program.name()),
        format!("--platform={platform}"),
    ]
}

fn docker(root: &Path, interrupts: &Interrupts, arguments: &[String]) -> Result<ExitCode> {
    let mut docker = Command::new("docker");
    let status = interrupts.run(docker.current_dir(root).args(arguments))?;
    ensure!(status.success(), "docker could not build it ({status})");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_what_it_is_built_from_and_is_one_manifest() {
        let build = Build {
            program: Program::Worker,
            platform: "linux/arm64".to_owned(),
            to: "image.tar".into(),
            source: "https://example.org/tandem".to_owned(),
            without_cache: true,
        };
        let origin = Origin {
            version: "1.2.3".to_owned(),
            commit: "c0".to_owned(),
            tree: "7e".to_owned(),
            epoch: "86400".to_owned(),
        };
        let expected = "buildx build --file=Dockerfile.worker --platform=linux/arm64 --build-arg=SOURCE_DATE_EPOCH=86400 \
                        --build-arg=VERSION=1.2.3 --build-arg=REVISION=c0 --build-arg=SOURCE=https://example.org/tandem \
                        --label=tandem.tree=7e --provenance=false --sbom=false \
                        --output=type=oci,rewrite-timestamp=true,dest=image.tar --no-cache .";
        assert_eq!(build.arguments(&origin).join(" "), expected);
    }

    #[test]
    fn what_is_passed_and_looked_at_is_in_the_dockerfiles() {
        for program in [Program::Api, Program::Worker] {
            let path = crate::root().join(format!("Dockerfile.{}", program.name()));
            let dockerfile = fs::read_to_string(path).unwrap();
            for wanted in [
                "ARG SOURCE_DATE_EPOCH",
                "ARG VERSION",
                "ARG REVISION",
                "ARG SOURCE=",
                " AS scan\n",
            ] {
                assert!(dockerfile.contains(wanted), "{}: {wanted}", program.name());
            }
        }
        let audit = Audit {
            program: Program::Api,
            platform: "linux/amd64".to_owned(),
        };
        assert!(audit.arguments().contains(&"--target=scan".to_owned()));
    }
}
