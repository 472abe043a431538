//! A place for one process of the product: whatever ends there is started again a little later, as a platform does.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::balancer::Registration;
use crate::faults::Victim;
use crate::process::{Incarnation, Launch};
use crate::routes::Target;
use crate::site::Site;
use crate::strike::{Role, Strike};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long a process may take until it is ready; long enough for a busy machine whose Postgres is just down.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// How long a process may take to end after SIGTERM, before it is killed as a platform would.
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// The place.
#[derive(Debug)]
pub(crate) struct Slot {
    name: String,
    pub(crate) role: Role,
    site: Arc<Site>,
    state: Mutex<State>,
    /// Somebody does something to this process that takes time.
    busy: AtomicBool,
}

#[derive(Debug)]
struct State {
    current: Option<Life>,
    lives: u32,
    next_strike: Option<Strike>,
    /// The last process that was started to suffer something.
    armed: Option<Arc<Incarnation>>,
    chance: StdRng,
}

#[derive(Clone, Debug)]
struct Life {
    incarnation: Arc<Incarnation>,
    /// Absent for workers, to which nobody sends requests.
    _registration: Option<Arc<Registration>>,
}

/// The right to do something to a slot that takes time. Dropped, others may.
#[derive(Debug)]
pub(crate) struct Reserved(Arc<Slot>);

impl std::ops::Deref for Reserved {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.0
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

impl Slot {
    pub(crate) fn new(site: &Arc<Site>, role: Role, number: usize, seed: u64) -> Arc<Self> {
        let name = format!("{}-{number}", role.program());
        let salt = (number as u64) << 8 | u64::from(role == Role::Api);
        Arc::new(Self {
            name,
            role,
            site: Arc::clone(site),
            state: Mutex::new(State {
                current: None,
                lives: 0,
                next_strike: None,
                armed: None,
                chance: StdRng::seed_from_u64(seed ^ (salt << 40)),
            }),
            busy: AtomicBool::new(false),
        })
    }

    pub(crate) fn reserve(self: &Arc<Self>) -> Option<Reserved> {
        (!self.busy.swap(true, Ordering::AcqRel)).then(|| Reserved(Arc::clone(self)))
    }

    /// Whether somebody does something to this process that takes time.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// The process that runs here now.
    pub(crate) fn current(&self) -> Option<Arc<Incarnation>> {
        self.state()
            .current
            .as_ref()
            .map(|life| Arc::clone(&life.incarnation))
    }

    /// Starts a process here, and another one whenever it has ended, for as long as the future is polled.
    pub(crate) async fn keep(&self) -> Result<()> {
        loop {
            let life = self.start()?;
            self.state().current = Some(life);
            let (incarnation, status) = self.ended().await?;
            // First of all nobody is sent there any more.
            self.state().current = None;
            self.record_exit(&incarnation, status)?;
            let pause = Duration::from_millis(self.state().chance.random_range(500..2_000));
            sleep(pause).await;
        }
    }

    /// The next process here is started to suffer this.
    pub(crate) fn arm(&self, strike: Strike) {
        let mut state = self.state();
        state.next_strike = Some(strike);
        state.armed = None;
    }

    /// Waits for that process to be started. It may have ended already.
    pub(crate) async fn armed(&self) -> Arc<Incarnation> {
        loop {
            if let Some(armed) = self.state().armed.clone() {
                return armed;
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Kills what runs here; answers whether there was something to be killed.
    pub(crate) fn kill(&self, why: impl Into<Value>) -> Result<bool> {
        let Some(current) = self.current() else {
            return Ok(false);
        };
        // What has ended by itself must not look as if it had been killed.
        if current.exit()?.is_some() {
            return Ok(false);
        }
        self.site.faults.record("kill", &*current, why)?;
        Ok(current.signal(Signal::SIGKILL))
    }

    /// Ends what runs here, without a word.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.current = None;
        state.armed = None;
    }

    /// Waits until a process other than that one runs here and is ready.
    pub(crate) async fn ready_after(&self, number: u32) -> Result<Arc<Incarnation>> {
        let deadline = Instant::now() + READY_LIMIT;
        while Instant::now() < deadline {
            if let Some(current) = self.current()
                && current.number > number
                && self.site.is_ready(self.role, current.addr).await
            {
                return Ok(current);
            }
            sleep(POLL_INTERVAL).await;
        }
        bail!("{} is not ready after {} s", self.name, READY_LIMIT.as_secs());
    }

    /// Replaces the process by a new one, as a rolling deployment does: the new one is ready before the old one is told
    /// to end.
    pub(crate) async fn roll(&self) -> Result<()> {
        let new = self.start()?;
        let deadline = Instant::now() + READY_LIMIT;
        while !self.site.is_ready(self.role, new.incarnation.addr).await {
            if Instant::now() >= deadline || new.incarnation.exit()?.is_some() {
                bail!("the new {} does not become ready", self.name);
            }
            sleep(POLL_INTERVAL).await;
        }
        let old = self.state().current.replace(new);
        if let Some(old) = old {
            self.terminate(&old.incarnation).await?;
        }
        Ok(())
    }

    /// Tells a process that does not run here any more to end, and waits for it.
    async fn terminate(&self, old: &Incarnation) -> Result<()> {
        self.site.faults.record("term", old, Value::Null)?;
        old.signal(Signal::SIGTERM);
        let ended = async {
            loop {
                if let Some(status) = old.exit()? {
                    return self.record_exit(old, status);
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        tokio::pin!(ended);
        if let Ok(ended) = timeout(STOP_LIMIT, &mut ended).await {
            return ended;
        }
        self.site
            .faults
            .record("kill", old, "it did not end after SIGTERM")?;
        old.signal(Signal::SIGKILL);
        ended.await
    }

    fn start(&self) -> Result<Life> {
        let (number, strike, faulty_queue) = {
            let mut state = self.state();
            state.lives += 1;
            let number = state.lives;
            (
                number,
                state.next_strike.take(),
                self.faulty_queue(&mut state.chance),
            )
        };
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, self.site.ports.free()?));
        let detail = json!({
            "failpoint": strike.map(Strike::setting), "faulty_queue": faulty_queue, "addr": addr.to_string(),
        });
        let mut environment = self.site.environment(self.role, addr);
        environment.extend(faulty_queue.map(|settings| ("TANDEM_FAULTY_QUEUE".to_owned(), settings)));
        let launch = Launch {
            binary: &self.site.program(self.role),
            process: &self.name,
            incarnation: number,
            addr,
            environment,
            strike,
            folder: &self.site.logs,
        };
        let victim = Victim {
            process: &self.name,
            incarnation: number,
        };
        self.site.faults.record("start", victim, detail)?;
        let incarnation = Arc::new(Incarnation::start(launch, &self.site.guard)?);
        if strike.is_some() {
            self.state().armed = Some(Arc::clone(&incarnation));
        }
        let registration = (self.role == Role::Api).then(|| {
            let name = self.name.clone();
            Arc::new(self.site.balancer.register(Target { name, addr }))
        });
        Ok(Life {
            incarnation,
            _registration: registration,
        })
    }

    fn faulty_queue(&self, chance: &mut StdRng) -> Option<String> {
        let faulty = self.site.faulty_queue().filter(|_| self.role == Role::Worker)?;
        let seed: u32 = chance.random();
        chance
            .random_bool(faulty.share)
            .then(|| format!("{},seed={seed}", faulty.settings))
    }

    /// Waits for the end of the process that runs here, whichever that is by then.
    async fn ended(&self) -> Result<(Arc<Incarnation>, ExitStatus)> {
        loop {
            let current = self
                .current()
                .context("nothing runs where something was started")?;
            if let Some(status) = current.exit()? {
                return Ok((current, status));
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn record_exit(&self, incarnation: &Incarnation, status: ExitStatus) -> Result<()> {
        // A process that was made to end by a failpoint has not waited for us to write that down.
        if let Some(strike) = incarnation.strike.filter(|_| incarnation.ended_by_strike(status)) {
            self.site.struck(incarnation, strike)?;
        }
        let detail = json!({"code": status.code(), "signal": status.signal()});
        self.site.faults.record("exit", incarnation, detail)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
