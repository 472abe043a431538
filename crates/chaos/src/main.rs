//! `chaos`: see `chaos --help`, and the library for how it works.

#![expect(
    clippy::print_stdout,
    reason = "telling how it goes is what this program is for"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use chaos::{Backend, DoseOptions, GUARD_ARGUMENT, Guard, Run, Scenario, Surroundings, Verdict, table};
use clap::{Parser, ValueEnum};
use futures::future::join_all;

/// Runs the product's processes under load, harms them, and checks that every promise was kept.
///
/// Ends with 0 when all runs kept them, with 1 when one was broken, and with 2 when a run could not be carried out.
#[derive(Parser)]
#[command(
    after_help = "`cargo xtask chaos` also takes --mutant NAME, for a build that is broken on purpose, and --release."
)]
struct Cli {
    /// What is done to the system; `all` is every one of them but quick, one after the other
    #[arg(long, default_value = "quick")]
    scenario: ScenarioChoice,
    /// Where the doorbells ring
    #[arg(long, value_enum, default_value = "both")]
    backend: BackendChoice,
    /// Decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds are run, from --seed on
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    #[command(flatten)]
    dose: DoseOptions,
    /// Keep the folders of all runs, not only of those that found something
    #[arg(long)]
    keep: bool,
    /// Write the last table to this file, too
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// An SQS-protocol server, as http://127.0.0.1:PORT
    #[arg(long, env = "TANDEM_TEST_SQS_ENDPOINT")]
    sqs_endpoint: Option<String>,
    /// The folder of the programs api, worker and tandem; that of this program, if absent
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Where each run has its folder
    #[arg(long, default_value = "target/chaos/runs")]
    runs: PathBuf,
    /// What was built, for the report
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// How it was built, for the report
    #[arg(long, default_value = "unknown")]
    profile: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackendChoice {
    Postgres,
    Sqs,
    Both,
}

/// One scenario, or all of them.
#[derive(Clone)]
struct ScenarioChoice(Vec<Scenario>);

impl std::str::FromStr for ScenarioChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Scenario::all().collect()));
        }
        let names = || {
            let names: Vec<String> = Scenario::value_variants()
                .iter()
                .map(ToString::to_string)
                .collect();
            format!("must be all or one of {}", names.join(", "))
        };
        Scenario::from_str(text, false)
            .map(|scenario| Self(vec![scenario]))
            .map_err(|_| names())
    }
}

impl BackendChoice {
    fn backends(self) -> &'static [Backend] {
        match self {
            Self::Postgres => &[Backend::Postgres],
            Self::Sqs => &[Backend::Sqs],
            Self::Both => &[Backend::Postgres, Backend::Sqs],
        }
    }
}

fn main() -> ExitCode {
    let result = if std::env::args().nth(1).as_deref() == Some(GUARD_ARGUMENT) {
        chaos::guard().map(|()| ExitCode::SUCCESS)
    } else {
        start(&Cli::parse())
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start(cli: &Cli) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("no threads can be made")?;
    runtime.block_on(async {
        tokio::select! {
            code = run(cli) => code,
            interrupted = interrupted() => interrupted.and_then(|()| bail!("interrupted")),
        }
    })
}

/// Waits for Ctrl-C, or for being told to end.
async fn interrupted() -> Result<()> {
    let kind = tokio::signal::unix::SignalKind::terminate();
    let mut terminate = tokio::signal::unix::signal(kind).context("could not take over SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("could not take over Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}

async fn run(cli: &Cli) -> Result<ExitCode> {
    let around = surroundings(cli)?;
    let mut verdicts = Vec::new();
    for together in batches(cli) {
        let carried_out = join_all(together.iter().map(|run| run.carry_out(&around))).await;
        for (run, result) in together.into_iter().zip(carried_out) {
            tell(&run, &result);
            verdicts.push((run, result.ok()));
        }
    }
    let table = table(verdicts.iter().map(|(run, verdict)| (run, verdict.as_ref())));
    println!("\n{table}");
    if let Some(file) = &cli.markdown {
        std::fs::write(file, format!("{table}\n"))
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    let all = |wanted: fn(&Verdict) -> bool| verdicts.iter().all(|(_, it)| it.as_ref().is_some_and(wanted));
    Ok(if verdicts.is_empty() || !all(|_| true) {
        ExitCode::from(2)
    } else if all(Verdict::holds) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn surroundings(cli: &Cli) -> Result<Surroundings> {
    let beside = || {
        let program = std::env::current_exe().context("could not find this program's own file")?;
        let folder = program.parent().context("this program is in no folder")?;
        anyhow::Ok(folder.to_owned())
    };
    let programs = match &cli.programs {
        Some(folder) => folder.clone(),
        None => beside()?,
    };
    let runs = std::path::absolute(&cli.runs).context("the runs have no folder")?;
    let mut around = Surroundings::new(programs, runs, Guard::start()?)?;
    around.sqs_endpoint = cli.sqs_endpoint.clone();
    around.commit = cli.commit.clone();
    around.profile = cli.profile.clone();
    around.keep = cli.keep;
    Ok(around)
}

/// The runs, in groups that are carried out at the same time.
fn batches(cli: &Cli) -> Vec<Vec<Run>> {
    let mut batches = Vec::new();
    for seed in (cli.seed..).take(usize::try_from(cli.seeds).unwrap_or(usize::MAX)) {
        for &scenario in &cli.scenario.0 {
            let backends = cli.backend.backends().iter().copied();
            let runs: Vec<Run> = backends
                .filter(|backend| scenario.runs_on(*backend))
                .map(|backend| Run::new(scenario, backend, seed, &cli.dose))
                .collect();
            // The quick one is to be quick; the others measure, and must not be in each other's way.
            if scenario == Scenario::Quick {
                batches.push(runs);
            } else {
                batches.extend(runs.into_iter().map(|run| vec![run]));
            }
        }
    }
    batches
}

/// Prints what a run came to. The last line is for programs.
fn tell(run: &Run, result: &Result<Verdict>) {
    let name = run.name();
    match result {
        Ok(verdict) => {
            let took_secs = verdict.took.as_secs_f64();
            println!("\n{}\n{}", verdict.report, verdict.summary);
            for unmet in &verdict.unmet {
                println!("EXPECTED: {unmet}");
            }
            if verdict.holds() {
                println!("run {name} ... ok after {took_secs:.0} s");
            } else {
                let first = verdict.report.first_broken_secs();
                let first = first.map_or_else(String::new, |secs| format!(" (the first after {secs:.1} s)"));
                println!(
                    "run {name} ... FAILED after {took_secs:.0} s: {}{first}",
                    verdict.broken()
                );
            }
        }
        Err(error) => {
            println!("\nerror: {error:#}");
            println!("run {name} ... FAILED, it broke off");
        }
    }
}
