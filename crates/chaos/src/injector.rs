//! Does to the system what the plan says.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use local_postgres::StopMode;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::Cluster;
use crate::faults::Victim;
use crate::load::Load;
use crate::plan::{Fault, Line, Plan, Planned};
use crate::process::Incarnation;
use crate::proxy::Mode;
use crate::slot::Reserved;
use crate::strike::{Action, Role, SHUTDOWN_POINT, Strike};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long a process that is armed may take to suffer it. A point may be far from busy, and Postgres down meanwhile.
const STRIKE_LIMIT: Duration = Duration::from_secs(40);

/// How often the same is tried: a process may end before, as when Postgres is down at its start.
const TRIES: u32 = 3;
/// How long what is under way may still come through when the queue is gone.
const LAST_MESSAGES: Duration = Duration::from_secs(1);
/// How long it is waited for the first message after an outage of the queue.
const BACK_LIMIT: Duration = Duration::from_secs(60);
/// How long it is waited for a process that can be killed.
const KILL_LIMIT: Duration = Duration::from_secs(60);

/// How long it is waited for a process to do something that can be interrupted.
const BUSY_LIMIT: Duration = Duration::from_secs(3);

/// Who does it.
#[derive(Debug)]
pub(crate) struct Injector {
    cluster: Arc<Cluster>,
    load: Arc<Load>,
    /// Twice the lease, so that it has run out for certain.
    pause: Duration,
    /// Whether one fault waits for the other.
    is_patient: bool,
    /// One thing at a time for what there is only one of.
    postgres: Mutex<()>,
    queue: Mutex<()>,
    /// Workers that were stopped while they had attempts.
    zombies: AtomicU32,
    /// Faults that did not happen.
    missed: StdMutex<Vec<String>>,
    queue_outages: StdMutex<Vec<QueueOutage>>,
}

/// What came of a time without a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct QueueOutage {
    /// Messages that came through nevertheless.
    pub(crate) leaked: u64,
    /// From its return to the next message; `None` when none came.
    pub(crate) back_secs: Option<f64>,
}

impl Injector {
    pub(crate) fn new(cluster: &Arc<Cluster>, load: &Arc<Load>, plan: &Plan) -> Arc<Self> {
        Arc::new(Self {
            cluster: Arc::clone(cluster),
            load: Arc::clone(load),
            pause: cluster.site.lease * 2,
            is_patient: matches!(plan, Plan::InTurn(_)),
            postgres: Mutex::default(),
            queue: Mutex::default(),
            zombies: AtomicU32::new(0),
            missed: StdMutex::default(),
            queue_outages: StdMutex::default(),
        })
    }

    /// How many workers were stopped while they had attempts.
    pub(crate) fn zombies(&self) -> u32 {
        self.zombies.load(Ordering::Relaxed)
    }

    /// The faults that did not happen though they were planned.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What came of the times without a queue.
    pub(crate) fn queue_outages(&self) -> Vec<QueueOutage> {
        self.queue_outages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Does all of it, and returns when all of it is over.
    pub(crate) async fn run(self: Arc<Self>, plan: Plan) -> Result<()> {
        let mut under_way = JoinSet::new();
        match plan {
            Plan::Spread(faults) => {
                for (at, planned) in faults {
                    while self.load.progress() < at {
                        sleep(POLL_INTERVAL).await;
                    }
                    let injector = Arc::clone(&self);
                    under_way.spawn(async move { injector.carry_out(planned).await });
                }
            }
            Plan::InTurn(lines) => {
                for Line { width, faults } in lines {
                    let faults = Arc::new(Mutex::new(faults.into_iter()));
                    for _ in 0..width {
                        let (injector, faults) = (Arc::clone(&self), Arc::clone(&faults));
                        under_way.spawn(async move {
                            loop {
                                let next = faults.lock().await.next();
                                let Some((pause, planned)) = next else {
                                    return Ok(());
                                };
                                sleep(pause).await;
                                injector.carry_out(planned).await?;
                            }
                        });
                    }
                }
            }
        }
        while let Some(ended) = under_way.join_next().await {
            ended.context("a fault panicked")??;
        }
        Ok(())
    }

    async fn carry_out(&self, planned: Planned) -> Result<()> {
        if !self.happened(planned).await? {
            let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
            missed.push(format!("{:?}", planned.fault));
        }
        Ok(())
    }

    /// Carries a fault out; answers whether it happened.
    async fn happened(&self, planned: Planned) -> Result<bool> {
        match planned.fault {
            Fault::Kill(role) => {
                let victim = self.cluster.victim(role, planned.victim).await;
                // One that has just been started does nothing yet that a kill could interrupt. On a busy machine it may
                // take long, and then it is killed as it is.
                timeout(BUSY_LIMIT, victim.ready_after(0)).await.ok();
                killed(&victim).await
            }
            Fault::Strike(role, strike) => {
                let victim = self.cluster.victim(role, planned.victim).await;
                self.strike(&victim, strike).await
            }
            Fault::Pause => {
                let victim = self.cluster.victim(Role::Worker, planned.victim).await;
                for _ in 0..TRIES {
                    timeout(BUSY_LIMIT, victim.ready_after(0)).await.ok();
                    if self.stop(&victim).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Fault::Roll(role) => {
                let victim = self.cluster.victim(role, planned.victim).await;
                victim.roll().await.map(|()| true)
            }
            Fault::Postgres(mode, down) => self.restart_postgres(mode, down).await.map(|()| true),
            Fault::Queue(mode, down) => self.take_queue_down(mode, down).await,
        }
    }

    /// Stops a worker for longer than its lease, rather while it has attempts: only then there is something to be done
    /// twice.
    async fn stop(&self, victim: &Reserved) -> Result<bool> {
        let Some(process) = victim.current() else {
            return Ok(false);
        };
        let busy = async {
            while !self.holds_attempts(&process).await {
                sleep(POLL_INTERVAL).await;
            }
        };
        // It may be idle for long, or Postgres be down; then it is stopped as it is.
        timeout(BUSY_LIMIT, busy).await.ok();
        self.cluster.site.faults.record("stop", &*process, Value::Null)?;
        if !process.signal(Signal::SIGSTOP) {
            return Ok(false);
        }
        if self.holds_attempts(&process).await {
            self.zombies.fetch_add(1, Ordering::Relaxed);
        }
        self.resume(&process).await.map(|()| true)
    }

    /// Whether a worker holds attempts, as far as the database can tell at the moment.
    async fn holds_attempts(&self, process: &Incarnation) -> bool {
        let claims = self.cluster.database.claims_of(&process.host()).await;
        claims.is_ok_and(|claims| claims > 0)
    }

    async fn resume(&self, process: &Incarnation) -> Result<()> {
        sleep(self.pause).await;
        self.cluster
            .site
            .faults
            .record("continue", process, Value::Null)?;
        process.signal(Signal::SIGCONT);
        Ok(())
    }

    /// Starts a process anew that suffers the strike, and waits until it has; another one, if that one has not. Answers
    /// whether one of them has.
    async fn strike(&self, victim: &Reserved, strike: Strike) -> Result<bool> {
        for _ in 0..TRIES {
            victim.arm(strike);
            victim.kill(format!("to arm {strike}"))?;
            let armed = victim.armed().await;
            match timeout(STRIKE_LIMIT, self.struck(victim, &armed, strike)).await {
                Ok(Ok(false)) => {}
                Ok(ended) => return ended,
                Err(_) => {
                    let why = format!("armed in vain with {strike}");
                    self.cluster.site.faults.record("kill", &*armed, why)?;
                    armed.signal(Signal::SIGKILL);
                }
            }
        }
        Ok(false)
    }

    /// Waits until a process has suffered its strike, or has ended otherwise; answers whether it has.
    async fn struck(&self, victim: &Reserved, armed: &Arc<Incarnation>, strike: Strike) -> Result<bool> {
        if strike.point == SHUTDOWN_POINT {
            // It is passed at the end only, of a process that has lived.
            victim.ready_after(armed.number.saturating_sub(1)).await?;
            self.cluster.site.faults.record("term", &**armed, Value::Null)?;
            armed.signal(Signal::SIGTERM);
        }
        loop {
            // The slot writes the end of a process down, and whether it was the strike.
            if let Some(status) = armed.exit()? {
                return Ok(armed.ended_by_strike(status));
            }
            if strike.action == Action::Pause && armed.was_struck() && armed.is_stopped() {
                self.cluster.site.struck(armed, strike)?;
                self.cluster.site.faults.record("stop", &**armed, Value::Null)?;
                return self.resume(armed).await.map(|()| true);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn restart_postgres(&self, mode: StopMode, down: Duration) -> Result<()> {
        let _alone = self.postgres.lock().await;
        let faults = &self.cluster.site.faults;
        let name = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        faults.record("postgres_stop", Victim::POSTGRES, name)?;
        self.cluster.database.stop(mode).await?;
        sleep(down).await;
        self.cluster.database.start_again().await?;
        faults.record("postgres_up", Victim::POSTGRES, Value::Null)
    }

    async fn take_queue_down(&self, mode: Mode, down: Duration) -> Result<bool> {
        let Some(proxy) = &self.cluster.proxy else {
            return Ok(false);
        };
        let _alone = self.queue.lock().await;
        let faults = &self.cluster.site.faults;
        faults.record("queue_down", Victim::QUEUE, json!(mode.name()))?;
        proxy.set(mode);
        sleep(LAST_MESSAGES).await;
        let before = self.cluster.counted().await.deliveries;
        sleep(down.saturating_sub(LAST_MESSAGES)).await;
        let after = self.cluster.counted().await.deliveries;
        faults.record("queue_up", Victim::QUEUE, Value::Null)?;
        proxy.set(Mode::Pass);
        // Workers that others kill meanwhile count anew, and then the sums tell nothing.
        if self.is_patient {
            let outage = QueueOutage {
                leaked: after.saturating_sub(before),
                back_secs: self.back_secs(after).await,
            };
            let mut outages = self.queue_outages.lock().unwrap_or_else(PoisonError::into_inner);
            outages.push(outage);
        }
        Ok(true)
    }

    /// How long it takes until the queue has brought more messages than these.
    async fn back_secs(&self, deliveries: u64) -> Option<f64> {
        let began = Instant::now();
        let more = async {
            while self.cluster.counted().await.deliveries <= deliveries {
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(BACK_LIMIT, more).await.ok()?;
        Some(began.elapsed().as_secs_f64())
    }
}

/// Kills what runs in a slot, or what is started there next; answers whether there was something.
async fn killed(victim: &Reserved) -> Result<bool> {
    let killing = async {
        while !victim.kill(Value::Null)? {
            sleep(POLL_INTERVAL).await;
        }
        Ok(true)
    };
    timeout(KILL_LIMIT, killing).await.unwrap_or(Ok(false))
}
