//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::digest::ProgramDigest;
use crate::wait::Pace;

/// Brings a release into an environment, and takes it back.
///
/// Region, credentials and endpoint are those of the AWS SDK: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL` and so on. What an
/// environment consists of is read from the SSM parameter /<name>/deploy, which Terraform writes. A command that was
/// interrupted or killed is run again, and goes on from what it finds.
///
/// Exit codes: 0 done, or nothing to do; 1 failed, and what ran before runs; 2 the command line makes no sense; 3 refused
/// before anything was changed; 4 the release failed and was turned back; 5 failed half-way, see `status`; 6 `verify` found
/// the environment unwell; 7 interrupted or out of time, and AWS goes on.
#[derive(Debug, Parser)]
#[command(name = "tandem-deploy", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the schema up to date with the migrations of an image, as a task that ends
    Migrate(MigrateArgs),
    /// Exchange what runs: migrations first, then the worker, then the api
    Release(ReleaseArgs),
    /// Try an environment from outside: versions, health, jobs of each kind, alarms
    Verify(VerifyArgs),
    /// Go back to what ran before, also while a release is under way
    Rollback(RollbackArgs),
    /// Find the images that staging has tested, verify where they come from, and name them by a version
    Promote(PromoteArgs),
    /// Show what runs, what is under way, and which alarms there are
    Status(StatusArgs),
}

/// Which environment.
#[derive(Clone, Debug, Args)]
pub(crate) struct EnvironmentArgs {
    /// The environment, by the prefix of all its names, such as tandem-prod
    #[arg(long, env = "TANDEM_DEPLOY_NAME", value_parser = parse_name)]
    pub(crate) name: String,
}

/// How to wait.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitArgs {
    /// How often to look while something is under way
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub(crate) poll_interval: Duration,
    /// How long one change of a program may take, the bake included
    #[arg(long, default_value = "45m", value_parser = parse_duration)]
    pub(crate) limit: Duration,
    /// How long a migration may take
    #[arg(long, default_value = "20m", value_parser = parse_duration)]
    pub(crate) migrate_limit: Duration,
}

impl WaitArgs {
    /// For a change of a program.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            interval: self.poll_interval,
            limit: self.limit,
        }
    }

    /// For a migration.
    pub(crate) fn migrate_pace(&self) -> Pace {
        Pace {
            limit: self.migrate_limit,
            ..self.pace()
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
    /// The api's image, which has the migrations, as api@sha256:…; others are passed over
    #[arg(
        long = "digest",
        required = true,
        value_delimiter = ',',
        value_name = "PROGRAM@DIGEST"
    )]
    pub(crate) digests: Vec<ProgramDigest>,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
    /// The images, as api@sha256:… and worker@sha256:…; may be repeated, or hold both with a comma between them
    #[arg(
        long = "digest",
        required = true,
        value_delimiter = ',',
        value_name = "PROGRAM@DIGEST"
    )]
    pub(crate) digests: Vec<ProgramDigest>,
    /// Do not migrate; for images whose migrations the schema has
    #[arg(long)]
    pub(crate) skip_migrate: bool,
    /// Release although an alarm is raised that would turn the release back; for the release that is the cure
    #[arg(long, env = "TANDEM_DESPITE_ALARMS")]
    pub(crate) despite_alarms: bool,
    /// Refuse images in which the registry's scan found something of this severity or worse
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) refuse_findings: Option<Severity>,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// How bad a finding is, as ECR counts them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum)]
pub(crate) enum Severity {
    /// Low, medium, high or critical
    Low,
    /// Medium, high or critical
    Medium,
    /// High or critical
    High,
    /// Critical
    Critical,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
    /// The image to go back to, as api@sha256:… or worker@sha256:…, in place of the previous one; a program that is not named
    /// goes to what was released last. May be repeated
    #[arg(long = "to", value_delimiter = ',', value_name = "PROGRAM@DIGEST")]
    pub(crate) to: Vec<ProgramDigest>,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
    /// Where the api is; the environment's own address, if absent
    #[arg(long, env = "TANDEM_URL")]
    pub(crate) url: Option<String>,
    /// The API key, with the scopes jobs:read and jobs:write
    #[arg(long, env = "TANDEM_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// The name of a secret in Secrets Manager that is the API key, in place of --api-key; the environment's own, if both are
    /// absent
    #[arg(long, conflicts_with = "api_key")]
    pub(crate) api_key_secret: Option<String>,
    /// How many jobs of each kind to submit
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) jobs: u16,
    /// How long they may take altogether
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    pub(crate) within: Duration,
    /// What jobs of the kind http.request call; the api's own /health, if absent
    #[arg(long)]
    pub(crate) target_url: Option<String>,
    /// An alarm that may be raised; may be repeated
    #[arg(long, value_name = "ALARM")]
    pub(crate) ignore_alarm: Vec<String>,
    /// Also write `unwell=true` to the end of this file, such as `$GITHUB_OUTPUT`, when that was found; not when it could not
    /// be found out
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The environment whose repositories have the images
    #[arg(long, env = "TANDEM_DEPLOY_NAME", value_parser = parse_name, required_unless_present = "registry")]
    pub(crate) name: Option<String>,
    /// The registry with the images, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com, in place of --name
    #[arg(long)]
    pub(crate) registry: Option<String>,
    /// What the repositories' names begin with, with --registry
    #[arg(long, default_value = "tandem")]
    pub(crate) prefix: String,
    /// The git tree that was built: `git rev-parse HEAD^{tree}`
    #[arg(long, value_parser = parse_tree)]
    pub(crate) tree: String,
    /// The version to name them by, such as 1.4.0
    #[arg(long, value_parser = parse_version)]
    pub(crate) version: String,
    /// Whether images need attestations; they can be skipped only with the --name of an environment that is not production
    #[arg(long, value_enum, default_value_t = Attestations::Require)]
    pub(crate) attestations: Attestations,
    /// The repository on GitHub that must have built them, as owner/name
    #[arg(long, env = "GITHUB_REPOSITORY")]
    pub(crate) repository: Option<String>,
    /// The workflow that must have built and tested them
    #[arg(long, default_value = ".github/workflows/release-candidate.yml")]
    pub(crate) signer_workflow: String,
    /// The branch that it must have run for
    #[arg(long, default_value = "refs/heads/develop")]
    pub(crate) source_ref: String,
    /// Also write what is printed to the end of this file, such as `$GITHUB_OUTPUT`
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
}

/// Whether images must be attested.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Attestations {
    /// They must be
    Require,
    /// Nobody asks
    Skip,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    if begins_well && (3..=20).contains(&text.len()) && text.chars().all(is_known) {
        return Ok(text.to_owned());
    }
    Err(
        "must be 3 to 20 lower-case letters, digits and hyphens, and begin with a letter, like tandem-prod"
            .to_owned(),
    )
}

fn parse_tree(text: &str) -> Result<String, String> {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if matches!(text.len(), 40 | 64) && text.chars().all(is_hex) {
        return Ok(text.to_owned());
    }
    Err("must be the whole hash of a tree, as `git rev-parse HEAD^{tree}` tells it".to_owned())
}

fn parse_version(text: &str) -> Result<String, String> {
    let numbers: Vec<&str> = text.split('.').collect();
    let is_number = |it: &&str| {
        !it.is_empty()
            && it.len() < 10
            && it.chars().all(|c| c.is_ascii_digit())
            && (*it == "0" || !it.starts_with('0'))
    };
    if numbers.len() == 3 && numbers.iter().all(is_number) {
        return Ok(text.to_owned());
    }
    Err("must be three numbers like 1.4.0, without the v".to_owned())
}

/// Reads a duration of more than nothing and at most a day.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = runtime::duration::parse(text)?;
    if duration.is_zero() || duration > Duration::from_hours(24) {
        return Err("must be more than nothing and at most a day".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_an_end() {
        assert_eq!(parse_duration("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(parse_duration("24h"), Ok(Duration::from_hours(24)));
        for wrong in ["", "0s", "25h", "86400001ms"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn trees_and_versions_are_whole() {
        assert!(parse_tree(&"a1".repeat(20)).is_ok());
        for wrong in ["", "HEAD", "a1b2c3d", &"A1".repeat(20)] {
            assert!(parse_tree(wrong).is_err(), "{wrong}");
        }
        assert!(parse_version("1.40.0").is_ok());
        for wrong in ["", "v1.4.0", "1.4", "1.4.0-rc.1", "1.04.0", "1.4.x"] {
            assert!(parse_version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_those_that_terraform_takes() {
        assert!(parse_name("tandem-prod").is_ok());
        for wrong in ["", "ab", "Tandem", "9lives", "a_b_c", "tandem-production-eu-west"] {
            assert!(parse_name(wrong).is_err(), "{wrong}");
        }
    }
}
