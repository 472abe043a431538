//! What all processes of a run have in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Client;

use crate::balancer::Balancer;
use crate::faults::Faults;
use crate::guard::Guard;
use crate::mix::LANES;
use crate::ports::Ports;
use crate::process::Incarnation;
use crate::queues::Queues;
use crate::scenario::FaultyQueue;
use crate::strike::{Action, Point, Role, Strike};

/// What the hashes of API keys are made with.
pub(crate) const PEPPER: &str = "a pepper that only chaos runs use, long enough";
const STOP_TIMEOUT_SECS: u64 = 60;

/// How long a worker may take to say that it is ready.
const READY_PATIENCE: Duration = Duration::from_secs(1);
/// What only programs with failpoints contain.
const FAILPOINTS: &str = "TANDEM_FAILPOINTS";

/// How often each point has struck in each way.
pub(crate) type Strikes = BTreeMap<(Point, Action), u32>;

/// Where processes run.
#[derive(Debug)]
pub(crate) struct Site {
    /// The folder of the programs.
    pub(crate) programs: PathBuf,
    /// The folder of what they print.
    pub(crate) logs: PathBuf,
    pub(crate) database_url: String,
    /// Absent on the embedded backend.
    pub(crate) queues: Option<Queues>,
    pub(crate) lease: Duration,
    pub(crate) drain: Duration,
    pub(crate) faults: Faults,
    pub(crate) guard: Arc<Guard>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) balancer: Balancer,
    pub(crate) http: Client,
    pub(crate) faulty_queue: Mutex<Option<FaultyQueue>>,
    pub(crate) strikes: Mutex<Strikes>,
}

impl Site {
    pub(crate) fn program(&self, role: Role) -> PathBuf {
        program(&self.programs, role.program())
    }

    /// The environment of a process that is to answer at this address.
    pub(crate) fn environment(&self, role: Role, addr: SocketAddr) -> Vec<(String, String)> {
        let mut environment = vec![
            ("DATABASE_URL".to_owned(), self.database_url.clone()),
            ("TANDEM_QUEUES".to_owned(), LANES.join(",")),
            ("TANDEM_LOG_FORMAT".to_owned(), "json".to_owned()),
            ("RUST_BACKTRACE".to_owned(), "0".to_owned()),
        ];
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        match role {
            Role::Api => {
                set("TANDEM_API_ADDR", addr.to_string());
                set("TANDEM_KEY_PEPPER", PEPPER.to_owned());
                set("TANDEM_RATE_LIMIT_PER_SECOND", "100000".to_owned());
                set("TANDEM_RATE_LIMIT_BURST", "100000".to_owned());
            }
            Role::Worker => {
                let lease_secs = self.lease.as_secs();
                set("TANDEM_OPS_ADDR", addr.to_string());
                set("TANDEM_LEASE_SECS", lease_secs.to_string());
                set("TANDEM_HEARTBEAT_SECS", (lease_secs / 3).max(1).to_string());
                set("TANDEM_VISIBILITY_SECS", lease_secs.to_string());
                set("TANDEM_DRAIN_SECS", self.drain.as_secs().to_string());
                set("TANDEM_STOP_TIMEOUT_SECS", STOP_TIMEOUT_SECS.to_string());
                set("TANDEM_TEST_HANDLERS", "true".to_owned());
                set("TANDEM_HTTP_TARGETS", "any".to_owned());
            }
        }
        if let Some(queues) = &self.queues {
            environment.extend(queues.environment(role));
        }
        environment
    }

    /// Whether a process says that it is ready. Of an api, the balancer has to know it too.
    pub(crate) async fn is_ready(&self, role: Role, addr: SocketAddr) -> bool {
        match role {
            Role::Api => self.balancer.is_ready(addr),
            Role::Worker => {
                let asked = self.http.get(format!("http://{addr}/ready"));
                let answer = asked.timeout(READY_PATIENCE).send().await;
                answer.is_ok_and(|answer| answer.status().is_success())
            }
        }
    }

    /// Writes down that a point has struck.
    pub(crate) fn struck(&self, incarnation: &Incarnation, strike: Strike) -> Result<()> {
        self.faults.record("failpoint", incarnation, strike.to_string())?;
        let mut strikes = self.strikes.lock().unwrap_or_else(PoisonError::into_inner);
        *strikes.entry((strike.point, strike.action)).or_default() += 1;
        Ok(())
    }

    /// How the queues of workers misbehave that are started now.
    pub(crate) fn faulty_queue(&self) -> Option<FaultyQueue> {
        *self.faulty_queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on queues behave; answers whether they did not before.
    pub(crate) fn mend_queues(&self) -> bool {
        let mut faulty = self.faulty_queue.lock().unwrap_or_else(PoisonError::into_inner);
        faulty.take().is_some()
    }
}

/// Refuses programs that would not suffer what they are armed with: everything would hold.
pub(crate) fn check_programs(folder: &Path) -> Result<()> {
    for role in [Role::Api, Role::Worker] {
        let file = program(folder, role.program());
        // A hundred megabytes, which an unoptimised program of ours would take seconds to search.
        let found = Command::new("grep")
            .args(["-q", "-F", FAILPOINTS])
            .arg(&file)
            .status()
            .context("could not run grep")?;
        match found.code() {
            Some(0) => {}
            Some(1) => bail!("{} was built without failpoints", file.display()),
            _ => bail!("could not read {}", file.display()),
        }
    }
    Ok(())
}

/// A program of the product.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
