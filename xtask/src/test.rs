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
    let counts = match counts {
        Ok(mut counts) if selection.packages.is_empty() => {
            phases.run("openapi", || {
                add_openapi(&mut counts, &Description { root, interrupts });
                Ok(())
            })?;
            phases.run("contract", || {
                contract::quick(root, interrupts, &services, &mut counts);
                Ok(())
            })?;
            phases.run("python client", || {
                python_client::count(root, interrupts, &services, &mut counts);
                Ok(())
            })?;
            phases.run("docs page", || {
                match browser::use_page(root, interrupts, services.postgres()) {
                    Ok(None) => {}
                    Ok(Some(passed)) => counts.add("docs page", passed),
                    Err(error) => {
                        println!("error: {error:#}");
                        counts.add("docs page", false);
                    }
                }
                Ok(())
            })?;
            phases.run("terraform", || {
                terraform::check_all(root, interrupts, &mut counts);
                Ok(())
            })?;
            phases.run("scan", || {
                scan::check_all(root, interrupts, &mut counts);
                Ok(())
            })?;
            phases.run("workflows", || {
                workflows::check_all(root, interrupts, &mut counts);
                Ok(())
            })?;
            phases.run("cost", || {
                cost::check(root, interrupts, &mut counts);
                Ok(())
            })?;
            phases.run("emulated", || {
                emulated::count(root, interrupts, services.postgres(), &mut counts);
                Ok(())
            })?;
            phases.run("drills", || {
                drills::check(root, interrupts, &services, &mut counts);
                Ok(())
            })?;
            phases.run("chaos", || {
                let chaos = Chaos { root, interrupts };
                add_chaos(&mut counts, chaos.quick(&services.sqs_endpoint()));
                Ok(counts)
            })
        }
        counts => counts,
    };
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

/// Counts each run as a test. What kept chaos from running at all does not hide how the other tests went.
fn add_chaos(counts: &mut Counts, runs: Result<Vec<Ran>>) {
    match runs {
        Ok(runs) => {
            for run in runs {
                counts.add(&format!("chaos {}", run.name), run.held);
            }
        }
        Err(error) => {
            println!("error: {error:#}");
            counts.add("chaos", false);
        }
    }
}

/// Counts each look at the api's description as a test.
fn add_openapi(counts: &mut Counts, description: &Description<'_>) {
    let looks = [
        ("openapi lint", description.lint()),
        ("openapi breaking", description.breaking(&Comparison::default())),
    ];
    for (name, look) in looks {
        let passed = look.unwrap_or_else(|error| {
            println!("error: {error:#}");
            false
        });
        counts.add(name, passed);
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
    fn each_chaos_run_counts_as_a_test_and_so_does_its_absence() {
        let ran = |name: &str, held| Ran {
            name: name.to_owned(),
            held,
            told: String::new(),
        };
        let mut counts = Counts::default();
        add_chaos(
            &mut counts,
            Ok(vec![ran("quick-postgres-1", true), ran("quick-sqs-1", false)]),
        );
        assert_eq!(counts.to_string(), "1 passed, 1 failed");
        assert_eq!(counts.failures(), ["chaos quick-sqs-1"]);
        add_chaos(&mut counts, Err(anyhow::anyhow!("the programs do not build")));
        assert_eq!(counts.to_string(), "1 passed, 2 failed");
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
