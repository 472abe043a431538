//! A worker as a service: the queues of its lanes, the built-in handlers, and its answers to health checks.

use std::sync::Arc;

use domain::BreakerPolicy;
use queue::Queue;
use queue::postgres::{Bell, Listener, PostgresQueue};
use queue::sqs::{self, SqsQueue};
use runtime::Shutdown;
use runtime::lanes::{Backend, Lanes, SQS_DEAD_LETTER_QUEUE_URLS};
use runtime::ops::{Check, Probe, probe};
use store::Store;
use tokio_util::task::TaskTracker;

use crate::handlers::{self, HttpRequest, Targets};
use crate::{Config, Error, Handle, Lane, Parts, Registry, Worker};

/// The receives of a busy SQS lane: each brings ten messages at most.
const SQS_RECEIVERS: usize = 4;

/// What a worker process is made of.
#[derive(Debug)]
pub struct Service {
    /// The database, as [`store::Role::Worker`].
    pub store: Store,
    /// The lanes to take jobs from.
    pub lanes: Lanes,
    /// The settings.
    pub config: Config,
    /// Whether `test.echo`, `test.sleep` and `test.fail` are there.
    pub test_handlers: bool,
    /// Where `http.request` may send.
    pub targets: Targets,
    /// When `http.request` gives a target a rest.
    pub breaker: BreakerPolicy,
    /// Where this process runs, for people.
    pub host: String,
}

impl Service {
    /// Puts the worker together, with the built-in handlers and those of the caller.
    ///
    /// # Errors
    /// As [`Worker::build`], and when the HTTP client can't be made.
    pub async fn build(self, registry: Registry, shutdown: &Shutdown) -> Result<Worker, Error> {
        let pool = self.store.pool();
        // They serve the drain too, so the drain does not wait for their tasks.
        let tasks = TaskTracker::new();
        let bell = Bell::start(pool.clone(), &tasks, shutdown.abort().clone());
        let listener = Listener::start(pool.clone(), &tasks, shutdown.draining().clone());
        let lanes = queues(&self.lanes, &self.store, &listener).await;
        #[cfg(feature = "failpoints")]
        let lanes = with_faults(lanes)?;
        let http_request =
            HttpRequest::with_targets(self.store.clone(), self.targets)?.with_breaker(self.breaker);
        let mut registry = registry.register(http_request);
        if self.test_handlers {
            registry = handlers::test::register(registry);
        }
        Worker::build(Parts {
            lanes,
            store: self.store,
            bell,
            listener,
            registry,
            config: self.config,
            host: self.host,
        })
    }
}

async fn queues(lanes: &Lanes, store: &Store, listener: &Listener) -> Vec<Lane> {
    match &lanes.backend {
        Backend::Postgres => {
            let queue = |name: &domain::QueueName| {
                PostgresQueue::new(store.pool().clone(), name.clone(), listener.clone())
            };
            let lane = |name| Lane {
                name: Clone::clone(name),
                queue: Arc::new(queue(name)),
                dead_letters: None,
                receivers: 1,
            };
            lanes.names.iter().map(lane).collect()
        }
        Backend::Sqs(urls) => {
            let client = sqs::client().await;
            let queue = |url: &url::Url| -> Arc<dyn Queue> { Arc::new(SqsQueue::new(&client, url.as_str())) };
            if lanes.dead_letter_queues.is_empty() {
                tracing::info!(
                    setting = SQS_DEAD_LETTER_QUEUE_URLS.name,
                    "there are no dead-letter queues: failed jobs wait in the database only"
                );
            }
            let lane = |name: &domain::QueueName| {
                Some(Lane {
                    name: name.clone(),
                    queue: queue(urls.get(name)?),
                    dead_letters: lanes.dead_letter_queues.get(name).map(queue),
                    receivers: SQS_RECEIVERS,
                })
            };
            lanes.names.iter().filter_map(lane).collect()
        }
    }
}

/// The lanes, with queues that misbehave as `TANDEM_FAULTY_QUEUE` says; the lanes as they are when it is not set.
#[cfg(feature = "failpoints")]
fn with_faults(mut lanes: Vec<Lane>) -> Result<Vec<Lane>, Error> {
    use queue::faulty::{Faults, Faulty};

    const VARIABLE: &str = "TANDEM_FAULTY_QUEUE";
    #[expect(
        clippy::disallowed_methods,
        reason = "not a setting: no product has it, and no help may list it"
    )]
    let Ok(wanted) = std::env::var(VARIABLE) else {
        return Ok(lanes);
    };
    let faults: Faults = wanted
        .parse()
        .map_err(|error| Error::Config(vec![format!("{VARIABLE}: {error}")]))?;
    tracing::warn!(?faults, "the queues misbehave");
    let faulty = |queue: &mut Arc<dyn Queue>| {
        *queue = Arc::new(Faulty::new(Arc::clone(queue), faults.clone()));
    };
    for lane in &mut lanes {
        faulty(&mut lane.queue);
        lane.dead_letters.iter_mut().for_each(faulty);
    }
    Ok(lanes)
}

/// Whether the process works at all: what a restart would cure.
#[must_use]
pub fn health() -> Probe {
    probe(|| async { Vec::new() })
}

/// Whether the worker takes jobs: it is registered, the database answers with the schema that this program was built
/// for or a newer one, the lanes' queues answer, and it does not drain.
#[must_use]
pub fn readiness(handle: Handle, store: Store, queues: Vec<Arc<dyn Queue>>, shutdown: Shutdown) -> Probe {
    probe(move || {
        let (handle, store, queues) = (handle.clone(), store.clone(), queues.clone());
        let draining = Check::not_draining(&shutdown);
        async move {
            let registered = handle
                .status()
                .worker_id
                .ok_or_else(|| "not registered".to_owned())
                .map(drop);
            let mut checks = vec![
                draining,
                Check {
                    name: "registration",
                    result: registered,
                },
                Check {
                    name: "database",
                    result: schema(&store).await,
                },
            ];
            for queue in queues {
                let result = queue
                    .check()
                    .await
                    .map_err(|error| runtime::error_chain(&error).to_string());
                checks.push(Check {
                    name: "queue",
                    result,
                });
            }
            checks
        }
    })
}

async fn schema(store: &Store) -> Result<(), String> {
    let expected = Store::expected_schema_version();
    match store.schema_version().await {
        // A newer schema is one that this program still works with: migrations expand first and contract later.
        Ok(Some(version)) if version >= expected => Ok(()),
        Ok(version) => Err(format!(
            "the schema is at version {version:?}, this program needs {expected}"
        )),
        Err(error) => Err(runtime::error_chain(&error).to_string()),
    }
}
