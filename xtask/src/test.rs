//! `cargo xtask test`: everything from an empty machine to one line of counts.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::chaos::{Chaos, Ran};
use crate::counts::Counts;
use crate::interrupt::Interrupts;
use crate::openapi::{Comparison, Description};
use crate::phases::Phases;
use crate::psql::Psql;
use crate::services::Services;
use crate::{browser, contract, cost, drills, emulated, python_client, scan, terraform, workflows};

/// Sets up, builds and runs the tests, and stops what was started. The last line printed is the counts,
/// whatever happens; what kept the tests from running at all counts as one failure.
pub fn run(root: &Path, interrupts: &Interrupts, cargo_args: &[String]) -> ExitCode {
    let mut phases = Phases::default();
    let counts =
        run_phases(&mut phases, root, interrupts, &Selection::from(cargo_args)).unwrap_or_else(|error| {
            println!("error: {error:#}");
            let mut counts = Counts::default();
            counts.finish(false);
            counts
        });
    for failure in counts.failures() {
        println!("failed: {failure}");
    }
    println!("{phases}");
    println!("{counts}");
    counts.exit_code()
}

/// What the phases after the tests are given.
struct Ground<'a> {
    root: &'a Path,
    interrupts: &'a Interrupts,
    services: &'a Services,
}

/// What a phase does; it counts what it tries.
type Step = fn(&Ground<'_>, &mut Counts) -> Result<()>;

/// The phases after the tests of the crates, in their order, a line for each.
#[rustfmt::skip]
const AFTER_THE_TESTS: [(&str, Step); 11] = [
    ("openapi", openapi),
    ("contract", |it, counts| contract::quick(it.root, it.interrupts, it.services, counts)),
    ("python client", |it, counts| python_client::count(it.root, it.interrupts, it.services, counts)),
    ("docs page", docs_page),
    ("terraform", |it, counts| terraform::check_all(it.root, it.interrupts, counts)),
    ("scan", |it, counts| scan::check(it.root, it.interrupts, counts)),
    ("workflows", |it, counts| workflows::check_all(it.root, it.interrupts, it.services, counts)),
    ("cost", cost),
    ("emulated", emulated),
    ("drills", |it, counts| drills::check(it.root, it.interrupts, it.services, counts)),
    ("chaos", chaos),
];

/// Runs each phase, whatever becomes of those before it. What keeps one from its work counts as a failure.
fn walk<S: Copy>(
    phases: &mut Phases,
    steps: &[(&'static str, S)],
    counts: &mut Counts,
    run: impl Fn(S, &mut Counts) -> Result<()>,
) {
    for &(name, step) in steps {
        if let Err(error) = phases.run(name, || run(step, counts)) {
            counts.add_error(name, &error);
        }
    }
}

fn run_phases(
    phases: &mut Phases,
    root: &Path,
    interrupts: &Interrupts,
    selection: &Selection<'_>,
) -> Result<Counts> {
    let services = phases.run("services", || {
        let services = Services::start(root, interrupts)?;
        drop_old_databases(&services)?;
        Ok(services)
    })?;
    let counts = phases
        .run("build", || selection.build(root, interrupts))
        .and_then(|()| phases.run("tests", || selection.test(root, interrupts, &services)));
    let counts = counts.map(|mut counts| {
        if selection.packages.is_empty() {
            let ground = Ground {
                root,
                interrupts,
                services: &services,
            };
            walk(phases, &AFTER_THE_TESTS, &mut counts, |step, counts| {
                step(&ground, counts)
            });
        }
        counts
    });
    phases.run("stop", || services.stop())?;
    counts
}

/// Which packages to build and what to hand to `cargo test`.
struct Selection<'a> {
    packages: Vec<&'a str>,
    arguments: &'a [String],
}

impl<'a> Selection<'a> {
    fn from(arguments: &'a [String]) -> Self {
        let of_cargo = arguments.split(|it| it == "--").next().unwrap_or_default();
        let mut packages = Vec::new();
        let mut rest = of_cargo.iter();
        while let Some(argument) = rest.next() {
            let attached = argument
                .strip_prefix("--package=")
                .or_else(|| argument.strip_prefix("-p"));
            match (argument.as_str(), attached) {
                ("-p" | "--package", _) => packages.extend(rest.next().map(String::as_str)),
                (_, Some(package)) => packages.push(package),
                _ => {}
            }
        }
        Self { packages, arguments }
    }

    /// The arguments that select packages, as far as the caller's do not.
    fn scope(&self) -> &'static [&'static str] {
        if self.packages.is_empty() {
            &["--workspace"]
        } else {
            &[]
        }
    }

    /// The programs first: tests of the whole system run them, and `cargo test` would not build them for
    /// that.
    fn build(&self, root: &Path, interrupts: &Interrupts) -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(root)
            .args(["build", "--bins", "--examples"])
            .args(self.scope());
        for package in &self.packages {
            cargo.args(["--package", package]);
        }
        let status = interrupts.run(&mut cargo)?;
        if !status.success() {
            bail!("the programs do not build");
        }
        Ok(())
    }

    fn test(&self, root: &Path, interrupts: &Interrupts, services: &Services) -> Result<Counts> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(root)
            .args(["test", "--no-fail-fast"])
            .args(self.scope())
            .args(self.arguments);
        cargo.envs(services.variables());
        // Most tests wait most of the time: for a lease, a retry, a timeout. `-- --test-threads N` has the last word.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        cargo.env("RUST_TEST_THREADS", (3 * cores).to_string());
        let mut counts = Counts::default();
        let status = interrupts.run_by_line(&mut cargo, |line| {
            println!("{line}");
            counts.add_line(line);
        })?;
        counts.finish(status.success());
        Ok(counts)
    }
}

/// Counts each look at the api's description as a test.
fn openapi(it: &Ground<'_>, counts: &mut Counts) -> Result<()> {
    let description = Description {
        root: it.root,
        interrupts: it.interrupts,
    };
    let looks = [
        ("openapi lint", description.lint()),
        ("openapi breaking", description.breaking(&Comparison::default())),
    ];
    for (name, look) in looks {
        match look {
            Ok(passed) => counts.add(name, passed),
            Err(error) => counts.add_error(name, &error),
        }
    }
    Ok(())
}

fn docs_page(it: &Ground<'_>, counts: &mut Counts) -> Result<()> {
    if let Some(passed) = browser::use_page(it.root, it.interrupts, it.services.postgres())? {
        counts.add("docs page", passed);
    }
    Ok(())
}

fn cost(it: &Ground<'_>, counts: &mut Counts) -> Result<()> {
    cost::check(it.root, it.interrupts, counts);
    Ok(())
}

fn emulated(it: &Ground<'_>, counts: &mut Counts) -> Result<()> {
    emulated::count(it.root, it.interrupts, it.services.postgres(), counts);
    Ok(())
}

fn chaos(it: &Ground<'_>, counts: &mut Counts) -> Result<()> {
    let chaos = Chaos {
        root: it.root,
        interrupts: it.interrupts,
    };
    count_chaos(&chaos.quick(&it.services.sqs_endpoint())?, counts);
    Ok(())
}

/// Counts each run as a test.
fn count_chaos(runs: &[Ran], counts: &mut Counts) {
    for run in runs {
        counts.add(&format!("chaos {}", run.name), run.held);
    }
}

/// Drops the databases that killed test runs left behind; nobody else uses this server.
fn drop_old_databases(services: &Services) -> Result<()> {
    let postgres = services.postgres();
    let psql = Psql::new(postgres.bin_dir(), &postgres.url("postgres"));
    psql.execute(
        "select format('drop database %I with (force)', datname) \
         from pg_database where not datistemplate and datname <> 'postgres' \\gexec\n",
    )
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn packages(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
        Selection::from(&arguments)
            .packages
            .iter()
            .map(|&it| it.to_owned())
            .collect()
    }

    #[test]
    fn each_chaos_run_counts_as_a_test() {
        let ran = |name: &str, held| Ran {
            name: name.to_owned(),
            held,
            told: String::new(),
        };
        let mut counts = Counts::default();
        count_chaos(
            &[ran("quick-postgres-1", true), ran("quick-sqs-1", false)],
            &mut counts,
        );
        assert_eq!(counts.to_string(), "1 passed, 1 failed");
        assert_eq!(counts.failures(), ["chaos quick-sqs-1"]);
    }

    #[test]
    fn a_phase_that_can_not_work_counts_as_a_failure_and_hides_no_other() {
        let steps = [("first", Some(true)), ("second", None), ("third", Some(false))];
        let (mut phases, mut counts) = (Phases::default(), Counts::default());
        walk(&mut phases, &steps, &mut counts, |step, counts| {
            counts.add("a test", step.unwrap_or(true));
            step.map(|_| ()).context("nothing listens")
        });
        assert_eq!(counts.to_string(), "2 passed, 2 failed");
        assert_eq!(counts.failures(), ["second: nothing listens", "a test"]);
        assert_eq!(phases.to_string(), "first 0.0 s, second 0.0 s, third 0.0 s");
    }

    #[test]
    fn packages_are_found_in_every_spelling_but_not_among_the_tests_arguments() {
        assert_eq!(
            packages(&["-p", "a", "--package", "b", "--package=c", "-pd", "name"]),
            ["a", "b", "c", "d"]
        );
        assert_eq!(packages(&["--lib", "--", "-p", "a"]), Vec::<String>::new());
    }
}
