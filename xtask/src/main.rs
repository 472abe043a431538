//! `cargo xtask`: see the library for what the commands do.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::chaos::Chaos;
use xtask::contract::Dose;
use xtask::infrastructure::{Place, Verb};
use xtask::interrupt::Interrupts;
use xtask::openapi::{Comparison, Description};
use xtask::{
    browser, contract, cost, drills, emulated, fuzz, image, infrastructure, python_client, root, scan,
    services, sqlx, terraform, test, tidy, version, workflows,
};

/// Checks and tests of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs all tests against a private Postgres and a local SQS server.
    Test {
        /// Passed on to `cargo test`, e.g. `-- -p store -- --nocapture`. With -p only those packages are
        /// built.
        #[arg(last = true)]
        cargo_args: Vec<String>,
    },
    /// Starts the test services and runs a command with their addresses, or waits for Ctrl-C.
    Services {
        /// The command and its arguments.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// The offline cache of the SQL statements in `.sqlx`.
    Sqlx {
        /// Use this server instead of starting one; a scratch database is created there and dropped again.
        #[arg(long, env = "TANDEM_TEST_POSTGRES_URL", hide_env_values = true, global = true)]
        server: Option<String>,
        #[command(subcommand)]
        action: Sqlx,
    },
    /// Kills, stops and starves the real processes under load, and checks that every promise was kept.
    ///
    /// Builds them with their failpoints and runs the program `chaos`, whose options these are; `--help` lists them.
    /// `--mutant NAME` takes a promise out of a copy of the product first, and then the run must find that.
    /// `--release` builds everything as it ships, for measurements.
    #[command(disable_help_flag = true)]
    Chaos {
        /// Use this SQS-protocol server instead of starting one.
        #[arg(long, env = "TANDEM_TEST_SQS_ENDPOINT")]
        sqs_endpoint: Option<String>,
        /// Passed on to `chaos`, e.g. `--scenario kill-worker --backend sqs`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Tries everything that the api's description says against a running api.
    Contract(Dose),
    /// Checks the api's description by its format and by the rules of a linter.
    OpenapiLint,
    /// Fails when the api's description has changed in a way that breaks clients of the released one.
    OpenapiBreaking(Comparison),
    /// Tries the parsers that read what strangers send with millions of inputs that may be anything.
    ///
    /// Builds the program `fuzz` as it ships, and runs it; `--help` lists its options.
    #[command(disable_help_flag = true)]
    Fuzz {
        /// Passed on to `fuzz`, e.g. `--executions 10000000 --target cursor`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Checks and packs the client for Python, and tests it against a running api and worker.
    PythonClient {
        /// Passed on to pytest, e.g. `-- -k retries -x`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Uses the page at `/docs` in Chromium, if the machine has it.
    DocsPage,
    /// Checks the infrastructure in `terraform/`: form, types, tests against a mocked provider, and what it refuses.
    Terraform {
        /// The modules and roots to check, such as `network` or `environments/prod`; all of them, if none is named.
        folders: Vec<String>,
    },
    /// Makes the environments of `terraform/` in an emulator of AWS, from nothing and to nothing again.
    Emulated(emulated::Wanted),
    /// Shows scanners the infrastructure, images, workflows, scripts and dependencies: checkov, zizmor, actionlint,
    /// hadolint, shellcheck and cargo-deny. Nothing may be found that has no reason beside it.
    Scan,
    /// Compares the dependencies with the vulnerabilities that are known today; needs the network.
    Advisories,
    /// The version, and what a release of it is called.
    #[command(subcommand)]
    Version(version::Question),
    /// Images as files, for workflows; needs docker or skopeo.
    #[command(subcommand)]
    Image(image::Action),
    /// Terraform on an environment, as workflows run it.
    Infrastructure {
        #[command(subcommand)]
        verb: Verb,
        #[command(flatten)]
        place: Place,
    },
    /// Looks at the workflows in `.github`, and runs what their steps run.
    #[command(subcommand)]
    Workflows(workflows::Look),
    /// Computes what each environment costs in a month, and compares it with its budget and with `docs/cost.md`.
    Cost {
        /// Writes the tables of the document anew.
        #[arg(long)]
        write: bool,
    },
    /// Checks the scripts in `drills/`, and runs those that need no account.
    Drills,
    /// Checks the repository's own rules.
    Tidy,
}

#[derive(Clone, Copy, Subcommand)]
enum Sqlx {
    /// Writes the cache anew from the migrations and the statements in the code.
    Prepare,
    /// Fails when the cache is not what `prepare` would write.
    Check,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "the last word of a command line tool that failed"
            )]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Test { cargo_args } => Ok(test::run(root(), &Interrupts::catch()?, &cargo_args)),
        Command::Services { command } => services::run(root(), &Interrupts::catch()?, &command),
        Command::Sqlx { server, action } => {
            let workspace = sqlx::Workspace {
                root: root(),
                interrupts: &Interrupts::catch()?,
                server,
            };
            match action {
                Sqlx::Prepare => workspace.prepare(),
                Sqlx::Check => workspace.check(),
            }
        }
        Command::Chaos {
            sqs_endpoint,
            arguments,
        } => {
            let chaos = Chaos {
                root: root(),
                interrupts: &Interrupts::catch()?,
            };
            chaos.run(&arguments, sqs_endpoint.as_deref())
        }
        Command::Contract(dose) => contract::run(root(), &Interrupts::catch()?, dose),
        Command::OpenapiLint => Ok(exit_code(description(&Interrupts::catch()?).lint()?)),
        Command::OpenapiBreaking(with) => Ok(exit_code(description(&Interrupts::catch()?).breaking(&with)?)),
        Command::Fuzz { arguments } => fuzz::run(root(), &Interrupts::catch()?, &arguments),
        Command::PythonClient { arguments } => python_client::run(root(), &Interrupts::catch()?, &arguments),
        Command::DocsPage => browser::run(root(), &Interrupts::catch()?),
        Command::Terraform { folders } => terraform::run(root(), &Interrupts::catch()?, &folders),
        Command::Emulated(wanted) => emulated::run(root(), &Interrupts::catch()?, &wanted),
        Command::Scan => scan::run(root(), &Interrupts::catch()?),
        Command::Advisories => scan::advisories(root(), &Interrupts::catch()?),
        Command::Version(question) => version::run(root(), &question),
        Command::Image(action) => image::run(root(), &Interrupts::catch()?, &action),
        Command::Infrastructure { verb, place } => {
            infrastructure::run(root(), &Interrupts::catch()?, &verb, &place)
        }
        Command::Workflows(look) => workflows::run(root(), &Interrupts::catch()?, look),
        Command::Cost { write } => cost::run(root(), &Interrupts::catch()?, write),
        Command::Drills => drills::run(root(), &Interrupts::catch()?),
        Command::Tidy => tidy::run(root()),
    }
}

fn description(interrupts: &Interrupts) -> Description<'_> {
    Description {
        root: root(),
        interrupts,
    }
}

fn exit_code(is_fine: bool) -> ExitCode {
    if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step's command in the words that its shell would make of it, with values in place of its variables.
    fn words(run: &str) -> Vec<String> {
        let value = |word: &str| match word {
            "$PROGRAM" => "api".to_owned(),
            "$SEED" => "7".to_owned(),
            "$RUN-$ATTEMPT" => "7-1".to_owned(),
            "$VERSION" => "1.2.3".to_owned(),
            other => other.replace('$', ""),
        };
        run.split(' ').map(|word| value(word.trim_matches('"'))).collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_command_that_workflows_run_is_understood() {
        let list = std::fs::read_to_string(root().join(".github/commands.json")).unwrap();
        let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
        let runs = list.iter().filter_map(|entry| entry["run"].as_str());
        let ours: Vec<&str> = runs
            .filter_map(|run| {
                run.strip_prefix("cargo ")
                    .or_else(|| run.strip_prefix("programs/"))
            })
            .filter(|run| run.starts_with("xtask "))
            .collect();
        assert!(ours.len() > 15, "{ours:?}");
        for run in ours {
            if let Err(error) = Cli::try_parse_from(words(run)) {
                panic!("{run}: {error}");
            }
        }
    }
}
