//! What every service of ours does before its own work: `--help`, `healthcheck`, settings, logs.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::env::{self, Env, Setting};
use crate::telemetry::Telemetry;
use crate::{error_chain, ops};

/// The exit code for wrong settings or a wrong command line.
const USAGE: u8 = 2;

/// A service, as its `--help` tells it.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// The binary's name.
    pub name: &'static str,
    /// What it does, as a sentence.
    pub about: &'static str,
    /// What can be set, in groups.
    pub settings: &'static [&'static [&'static Setting]],
}

/// What a service's settings come to: how it tells what it does, and the rest. Each is absent when something is wrong with it.
pub type Read<S> = fn(&mut Env<'_>) -> (Option<Telemetry>, Option<S>);

/// Runs a service: reads its settings, sets up its logs, and serves. `health_addr` says where `healthcheck` asks.
pub fn main<S, F>(
    process: &Process,
    read: Read<S>,
    health_addr: fn(&S) -> Option<SocketAddr>,
    serve: impl FnOnce(S) -> F,
) -> ExitCode
where
    F: Future<Output = Result<ExitCode, Box<dyn Error + Send + Sync>>>,
{
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--help" | "-h" | "help"] => {
            print(&help(process));
            return ExitCode::SUCCESS;
        }
        ["--version" | "-V"] => {
            print(&format!("{} {}\n", process.name, env!("CARGO_PKG_VERSION")));
            return ExitCode::SUCCESS;
        }
        [] | ["healthcheck" | "--check-config"] => {}
        _ => return usage(&format!("unknown arguments; see {} --help", process.name)),
    }
    let mut env = Env::from_process();
    let (telemetry, settings) = read(&mut env);
    let (telemetry, settings) = match env.finish(|| Some((telemetry?, settings?))) {
        Ok(both) => both,
        Err(problems) => {
            return usage(&format!(
                "{} can't start with these settings:\n{problems}",
                process.name
            ));
        }
    };
    match arguments[..] {
        ["--check-config"] => ExitCode::SUCCESS,
        ["healthcheck"] => healthcheck(health_addr(&settings)),
        _ => start(process, telemetry, serve(settings)),
    }
}

fn start<F>(process: &Process, telemetry: Telemetry, serving: F) -> ExitCode
where
    F: Future<Output = Result<ExitCode, Box<dyn Error + Send + Sync>>>,
{
    let telling = match telemetry.start(process.name) {
        Ok(telling) => telling,
        Err(error) => return usage(&error.to_string()),
    };
    let settings: Vec<&Setting> = process.settings.iter().copied().flatten().copied().collect();
    for warning in env::likely_typos(&settings, Env::process_names()) {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return usage(&format!("no threads can be made: {error}")),
    };
    let ended = runtime.block_on(serving);
    // A handler that blocks its thread must not keep the process from ending.
    runtime.shutdown_background();
    let code = ended.unwrap_or_else(|error| {
        tracing::error!(error = %error_chain(&*error), "{} has failed", process.name);
        ExitCode::FAILURE
    });
    telling.end();
    code
}

fn healthcheck(addr: Option<SocketAddr>) -> ExitCode {
    let Some(addr) = addr else {
        return usage("no address is set at which health could be asked");
    };
    match ops::healthcheck(addr) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            usage(&format!("not healthy: {error}"));
            // Container engines take 1 for unhealthy and reserve 2.
            ExitCode::FAILURE
        }
    }
}

fn help(process: &Process) -> String {
    let settings: Vec<&Setting> = process.settings.iter().copied().flatten().copied().collect();
    format!(
        "{about}\n\nUsage: {name} [healthcheck | --check-config | --help | --version]\n\n\
         Without arguments it serves until SIGTERM. Everything is set by environment variables:\n\n{table}\n\
         AWS credentials, the region and AWS_ENDPOINT_URL are read as every AWS SDK reads them.\n",
        about = process.about,
        name = process.name,
        table = env::help(&settings),
    )
}

#[expect(clippy::print_stdout, reason = "what was asked for goes to standard output")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "logging is not set up when this is needed")]
fn usage(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(USAGE)
}
