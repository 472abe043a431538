//! One run: one scenario on one backend with one seed, from an empty folder to a verdict.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use chrono::{DateTime, Utc};
use history::{History, Report, check};
use serde_json::json;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::expectations::unmet;
use crate::guard::Guard;
use crate::injector::Injector;
use crate::load::Load;
use crate::plan::Plan;
use crate::ports::Ports;
use crate::progress::{Progress, say};
use crate::scenario::{Backend, Dose, DoseOptions, Scenario};
use crate::site::check_programs;
use crate::summary::Summary;
use crate::{clock, dump, logs};

/// How often it is looked whether everything is done.
const DRAIN_POLL: Duration = Duration::from_millis(250);
/// How often the leader of the maintenance looks for attempts of dead workers.
const SWEEP_SECS: f64 = 5.0;

/// What all runs of this program share.
#[derive(Debug)]
pub struct Surroundings {
    /// The folder of the product's programs.
    pub programs: PathBuf,
    /// Where runs have their folders.
    pub runs: PathBuf,
    /// An SQS-protocol server.
    pub sqs_endpoint: Option<String>,
    /// What was built.
    pub commit: String,
    /// How it was built.
    pub profile: String,
    /// Whether folders are kept of runs in which everything held, too.
    pub keep: bool,
    pub(crate) guard: Arc<Guard>,
    pub(crate) ports: Arc<Ports>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) backend: Backend,
    pub(crate) seed: u64,
    pub(crate) dose: Dose,
}

/// What a run came to.
#[derive(Debug)]
pub struct Verdict {
    /// The figures, and what was broken.
    pub report: Report,
    /// What only the run itself knows.
    pub summary: Summary,
    /// What was expected of this scenario and is not so.
    pub unmet: Vec<String>,
    /// From the start of the run to the verdict.
    pub took: Duration,
}

impl Verdict {
    /// Whether every promise was kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.report.holds() && self.unmet.is_empty()
    }

    /// What was broken, and how often, in a few words.
    #[must_use]
    pub fn broken(&self) -> String {
        let broken = self.report.broken();
        let mut broken: Vec<String> = broken.iter().map(|(it, times)| format!("{it} {times}")).collect();
        if !self.unmet.is_empty() {
            broken.push(format!("expectations {}", self.unmet.len()));
        }
        broken.join(", ")
    }
}

/// When the phases of a run ended.
struct Times {
    started_at: DateTime<Utc>,
    faults_ended_at: DateTime<Utc>,
    drained_at: Option<DateTime<Utc>>,
}

impl Surroundings {
    /// What runs need beside the programs: a guard, and ports of their own.
    ///
    /// # Errors
    /// When the programs are not there, or were built without failpoints.
    pub fn new(programs: PathBuf, runs: PathBuf, guard: Guard) -> Result<Self> {
        check_programs(&programs)?;
        Ok(Self {
            programs,
            runs,
            sqs_endpoint: None,
            commit: "unknown".to_owned(),
            profile: "unknown".to_owned(),
            keep: false,
            guard: Arc::new(guard),
            ports: Arc::new(Ports::new()?),
        })
    }
}

impl Run {
    /// A run of a scenario, with what the options say about the dose.
    #[must_use]
    pub fn new(scenario: Scenario, backend: Backend, seed: u64, options: &DoseOptions) -> Self {
        Self {
            scenario,
            backend,
            seed,
            dose: scenario.dose(options),
        }
    }

    /// Names the run, and its folder.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.scenario, self.backend.name(), self.seed)
    }

    /// Does everything, and judges. The folder is kept when something was broken, or the run itself.
    ///
    /// # Errors
    /// When the run could not be carried out; that says nothing about the product.
    pub async fn carry_out(&self, around: &Surroundings) -> Result<Verdict> {
        let began = Instant::now();
        let folder = around.runs.join(self.name());
        let _alone = locked(&around.runs, &self.name())?;
        make_empty(&folder)?;
        let cluster = Arc::new(Cluster::prepare(self, around, &folder).await?);
        let mut keepers = cluster.keep();
        let driven = tokio::select! {
            driven = self.drive(&cluster) => driven,
            broken = broken(&mut keepers) => Err(broken),
        };
        // What still runs is ended, not observed any more.
        keepers.shutdown().await;
        let (mut summary, times) = match driven {
            Ok(driven) => driven,
            Err(error) => {
                self.end(&cluster, false).await;
                return Err(error.context(format!("the run broke off; see {}", folder.display())));
            }
        };
        dump::write(&cluster.database.pool, &folder).await?;
        self.describe(&times, around, &folder)?;
        cluster.end_processes();
        summary.rejected = logs::count(&cluster.site.logs, &folder)?;
        let report = judged(&folder).await?;
        let verdict = Verdict {
            unmet: unmet(self, &report.figures, &summary),
            report,
            summary,
            took: began.elapsed(),
        };
        let remove = verdict.holds() && !around.keep;
        self.end(&cluster, remove).await;
        if remove {
            fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
        } else {
            say(&self.name(), &format!("its folder is {}", folder.display()));
        }
        Ok(verdict)
    }

    /// From the first process to the last job.
    async fn drive(&self, cluster: &Arc<Cluster>) -> Result<(Summary, Times)> {
        let started_at = clock::now();
        cluster.ready().await?;
        let load = Load::new(&cluster.clients, self.dose.rate, self.dose.end);
        let plan = Plan::of(self.scenario, self.backend, self.seed, &self.dose);
        let injector = Injector::new(cluster, &load, &plan);
        let planned = plan.strikes();
        say(
            &self.name(),
            &format!("{} faults are planned", plan.faults().len()),
        );
        let progress = Progress::start(self.name(), cluster);
        progress.phase("load");
        let injecting = async {
            Arc::clone(&injector).run(plan).await?;
            load.faults_ended();
            Ok(())
        };
        tokio::try_join!(Arc::clone(&load).run(), injecting)?;
        let counted = cluster.counted().await;
        progress.phase("calm");
        cluster.calm().await?;
        let faults_ended_at = clock::now();
        progress.phase("drain");
        let drained_at = self.drained(cluster).await?;
        let times = Times {
            started_at,
            faults_ended_at,
            drained_at,
        };
        let summary = Summary {
            planned,
            counted,
            ..Summary::of(cluster, &injector)
        };
        Ok((summary, times))
    }

    /// Waits until nothing is left to do; `None` when the time is up before.
    async fn drained(&self, cluster: &Cluster) -> Result<Option<DateTime<Utc>>> {
        let deadline = Instant::now() + self.dose.drain_limit;
        loop {
            // One statement, so one moment: a job between two tables is counted once.
            let outlook = cluster.database.outlook().await;
            if outlook.as_ref().is_ok_and(|outlook| outlook.remaining == 0) {
                return Ok(Some(clock::now()));
            }
            if Instant::now() >= deadline {
                // A database that did not answer now may have been slow; one that never does is told.
                return outlook.map(|_| None);
            }
            sleep(DRAIN_POLL).await;
        }
    }

    /// Writes `run.json`.
    fn describe(&self, times: &Times, around: &Surroundings, folder: &Path) -> Result<()> {
        let run = json!({
            "scenario": self.scenario.to_string(),
            "backend": self.backend.name(),
            "seed": self.seed,
            "commit": around.commit,
            "profile": around.profile,
            "started_at": clock::text(times.started_at),
            "faults_ended_at": clock::text(times.faults_ended_at),
            "drained_at": times.drained_at.map(clock::text),
            "lease_secs": self.dose.lease.as_secs_f64(),
            "sweep_secs": SWEEP_SECS,
            "drain_limit_secs": self.dose.drain_limit.as_secs_f64(),
            "max_stale_pauses": self.dose.faults,
            "allow_5xx": self.scenario.allows_5xx(),
            // Jobs that can succeed have so many attempts that crashes never use them up.
            "crash_failures_allowed": false,
        });
        let file = folder.join("run.json");
        fs::write(&file, format!("{run:#}\n")).with_context(|| format!("could not write {}", file.display()))
    }

    /// Ends what is left of the system.
    async fn end(&self, cluster: &Cluster, remove: bool) {
        cluster.end_processes();
        if let Some(queues) = &cluster.site.queues {
            queues.delete().await;
        }
        if let Err(error) = cluster.database.end(remove).await {
            say(&self.name(), &format!("Postgres did not end in order: {error:#}"));
        }
    }
}

/// Waits for the failure of a keeper: they don't end otherwise.
async fn broken(keepers: &mut JoinSet<Result<()>>) -> anyhow::Error {
    match keepers.join_next().await {
        Some(Ok(Ok(()))) | None => anyhow!("a process is not kept running any more"),
        Some(Ok(Err(error))) => error,
        Some(Err(error)) => anyhow!(error).context("keeping a process running panicked"),
    }
}

async fn judged(folder: &Path) -> Result<Report> {
    let of_folder = folder.to_owned();
    let report = spawn_blocking(move || History::read(&of_folder).map(|history| check(&history)))
        .await
        .context("the checker panicked")??;
    let file = folder.join("report.json");
    let text = serde_json::to_string_pretty(&report).context("the report is no JSON")?;
    fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
    Ok(report)
}

/// Sees to it that nobody else carries out the run of this name meanwhile: its folder would be taken away.
fn locked(runs: &Path, name: &str) -> Result<File> {
    fs::create_dir_all(runs).with_context(|| format!("could not create {}", runs.display()))?;
    let file = runs.join(format!("{name}.lock"));
    let lock = File::create(&file).with_context(|| format!("could not create {}", file.display()))?;
    lock.try_lock()
        .with_context(|| format!("the run {name} is under way elsewhere"))?;
    Ok(lock)
}

/// Makes the folder of a run, without what an earlier run of the same name may have left there.
fn make_empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        // Not whatever somebody points us to.
        if !folder.join("logs").is_dir() && folder.read_dir().is_ok_and(|mut it| it.next().is_some()) {
            bail!("{} is no folder of a run", folder.display());
        }
        fs::remove_dir_all(folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))
}
