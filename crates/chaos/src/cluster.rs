//! The whole system of a run: Postgres, queues, apis, workers, and what is around them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::balancer::Balancer;
use crate::client::{Clients, Parts};
use crate::counted::Counted;
use crate::database::Database;
use crate::faults::Faults;
use crate::mix::Place;
use crate::proxy::Proxy;
use crate::queues::Queues;
use crate::receiver::Receiver;
use crate::run::{Run, Surroundings};
use crate::scenario::Backend;
use crate::site::{Site, program};
use crate::slot::{Reserved, Slot};
use crate::strike::Role;
use crate::tandem::{Tandem, Tenant};

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const READY_LIMIT: Duration = Duration::from_secs(90);
/// How many tenants are made at a time.
const TENANTS_AT_A_TIME: usize = 4;

/// The system.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) site: Arc<Site>,
    pub(crate) database: Database,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) clients: Arc<Clients>,
    apis: Vec<Arc<Slot>>,
    workers: Vec<Arc<Slot>>,
    _receiver: Receiver,
}

impl Cluster {
    /// Prepares everything; no process of the product runs yet.
    pub(crate) async fn prepare(run: &Run, around: &Surroundings, folder: &Path) -> Result<Self> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("could not create {}", logs.display()))?;
        let http = Client::builder()
            .no_proxy()
            .build()
            .context("the HTTP client can't be made")?;
        let database = Database::start(folder, around.ports.kept()?, &around.guard).await?;
        let tenants = tenants(run, around, database.url()).await?;
        let (queues, proxy) = queues(run, around, &http).await?;
        let receiver = Receiver::start(folder, run.dose.slow).await?;
        let balancer = Balancer::new(http.clone());
        let parts = Parts {
            http: http.clone(),
            balancer: balancer.clone(),
            tenants,
            place: Place {
                receiver_url: receiver.url(),
                sleep: run.dose.sleep,
            },
            seed: run.seed,
        };
        let site = Arc::new(Site {
            programs: around.programs.clone(),
            logs,
            database_url: database.url().to_owned(),
            queues,
            lease: run.dose.lease,
            drain: run.dose.drain,
            faults: Faults::create(folder)?,
            guard: Arc::clone(&around.guard),
            ports: Arc::clone(&around.ports),
            balancer,
            http,
            faulty_queue: run.scenario.faulty_queue().into(),
            strikes: Default::default(),
        });
        let slots = |role, count| {
            (1..=count)
                .map(|number| Slot::new(&site, role, number, run.seed))
                .collect()
        };
        Ok(Self {
            apis: slots(Role::Api, run.dose.apis),
            workers: slots(Role::Worker, run.dose.workers),
            site,
            database,
            proxy,
            clients: Arc::new(Clients::new(parts, folder)?),
            _receiver: receiver,
        })
    }

    /// Starts the processes, and keeps them running for as long as the set lives.
    pub(crate) fn keep(&self) -> JoinSet<Result<()>> {
        let mut keepers = JoinSet::new();
        for slot in self.slots() {
            let slot = Arc::clone(slot);
            keepers.spawn(async move { slot.keep().await });
        }
        keepers
    }

    /// Waits until every process runs and is ready.
    pub(crate) async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let (apis, workers) = self.up().await;
            if apis == self.apis.len() && workers == self.workers.len() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "after {} s only {apis} of {} apis and {workers} of {} workers are ready",
                    READY_LIMIT.as_secs(),
                    self.apis.len(),
                    self.workers.len()
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// How many apis and workers are ready.
    pub(crate) async fn up(&self) -> (usize, usize) {
        let asked = self.slots().map(async |slot| {
            let current = slot.current()?;
            let ready = self.site.is_ready(slot.role, current.addr).await;
            ready.then_some(slot.role)
        });
        let ready: Vec<Role> = join_all(asked).await.into_iter().flatten().collect();
        let apis = ready.iter().filter(|role| **role == Role::Api).count();
        (apis, ready.len() - apis)
    }

    /// What the workers that run now have counted.
    pub(crate) async fn counted(&self) -> Counted {
        let asked = self.workers.iter().map(async |slot| {
            let current = slot.current()?;
            Counted::of(&self.site.http, current.addr).await
        });
        join_all(asked).await.into_iter().flatten().sum()
    }

    /// Ends what would go on by itself: queues behave from here on, which workers learn when they are started anew.
    pub(crate) async fn calm(&self) -> Result<()> {
        if self.site.mend_queues() {
            for worker in &self.workers {
                worker.roll().await?;
            }
        }
        self.ready().await
    }

    /// A process that something can be done to: it runs, nobody else does something to it, and at least one of its kind
    /// is left in peace.
    pub(crate) async fn victim(&self, role: Role, index: usize) -> Reserved {
        let slots = match role {
            Role::Api => &self.apis,
            Role::Worker => &self.workers,
        };
        loop {
            let in_turn = (0..slots.len()).map(|step| &slots[(index + step) % slots.len()]);
            let idle: Vec<&Arc<Slot>> = in_turn.filter(|slot| !slot.is_busy()).collect();
            let victim = idle.iter().find(|slot| slot.current().is_some());
            if (idle.len() > 1 || slots.len() == 1)
                && let Some(reserved) = victim.and_then(|slot| slot.reserve())
            {
                return reserved;
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Ends all processes at once.
    pub(crate) fn end_processes(&self) {
        for slot in self.slots() {
            slot.clear();
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.apis.iter().chain(&self.workers)
    }
}

async fn tenants(run: &Run, around: &Surroundings, database_url: &str) -> Result<Vec<Tenant>> {
    let tandem = Tandem {
        program: program(&around.programs, "tandem"),
        database_url: database_url.to_owned(),
    };
    tandem.migrate().await?;
    let names = (1..=run.dose.tenants).map(|number| format!("tenant-{number}"));
    stream::iter(names)
        .map(|name| tandem.create_tenant(name))
        .buffered(TENANTS_AT_A_TIME)
        .try_collect()
        .await
}

async fn queues(run: &Run, around: &Surroundings, http: &Client) -> Result<(Option<Queues>, Option<Proxy>)> {
    if run.backend == Backend::Postgres {
        return Ok((None, None));
    }
    let endpoint = around
        .sqs_endpoint
        .as_ref()
        .context("the backend sqs needs --sqs-endpoint")?;
    let authority = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let server = authority
        .parse()
        .with_context(|| format!("{endpoint} is not of the form http://127.0.0.1:PORT"))?;
    let proxy = Proxy::start(server).await?;
    // Names of queues must not meet those of another run on the same server.
    let prefix = format!("chaos-{}-{}", run.name(), std::process::id());
    let queues = Queues::create(http, endpoint, &proxy.url(), &prefix).await?;
    Ok((Some(queues), Some(proxy)))
}
