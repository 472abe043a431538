//! Whether the process can take requests now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use queue::Queue;
use runtime::Shutdown;
use runtime::ops::Check;
use store::Store;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

/// Load balancers give up after a few seconds; an honest "no" in time is better than none.
const LIMIT: Duration = Duration::from_secs(2);

/// How long an answer is good. Anybody may ask, so asking often must not cost the database anything.
const FRESH: Duration = Duration::from_millis(500);

/// What is told about the lanes' queues. Only workers need them: a job is stored, and announced when they are back.
pub(crate) const QUEUE: &str = "queue";

/// Looks at everything that requests need, and at the queues.
pub(crate) struct Readiness {
    store: Store,
    queues: Vec<Arc<dyn Queue>>,
    shutdown: Shutdown,
    warmed_up: OnceCell<()>,
    last: Mutex<Option<(Instant, Vec<Check>)>>,
}

impl Readiness {
    pub(crate) fn new(store: Store, queues: Vec<Arc<dyn Queue>>, shutdown: Shutdown) -> Self {
        Self {
            store,
            queues,
            shutdown,
            warmed_up: OnceCell::new(),
            last: Mutex::new(None),
        }
    }

    /// One answer per thing that was looked at.
    pub(crate) async fn checks(&self) -> Vec<Check> {
        let mut last = self.last.lock().await;
        let mut checks = match &*last {
            Some((at, checks)) if at.elapsed() < FRESH => checks.clone(),
            _ => {
                let (mut checks, queues) = join(self.database(), self.queues()).await;
                checks.push(queues);
                last.insert((Instant::now(), checks)).1.clone()
            }
        };
        checks.push(Check::not_draining(&self.shutdown));
        checks
    }

    async fn database(&self) -> Vec<Check> {
        let look = async {
            self.warmed_up.get_or_init(|| self.warm_up()).await;
            self.store.schema_version().await
        };
        let (answers, schema) = match timeout(LIMIT, look).await {
            Ok(Ok(version)) => (Ok(()), schema(version)),
            Ok(Err(error)) => {
                tracing::info!(error.chain = %runtime::error_chain(&error), "the database is not ready");
                (Err("not available".to_owned()), Err("unknown".to_owned()))
            }
            Err(_late) => (
                Err(format!("no answer within {LIMIT:?}")),
                Err("unknown".to_owned()),
            ),
        };
        vec![
            Check {
                name: "database",
                result: answers,
            },
            Check {
                name: "schema",
                result: schema,
            },
        ]
    }

    /// Requests come once this process is ready, and a burst of them on a busy machine should not begin with connecting.
    /// A database that has no room for all connections is served with those that there are.
    async fn warm_up(&self) {
        if let Err(error) = self.store.warm_up().await {
            tracing::info!(error.chain = %runtime::error_chain(&error), "not all connections that are kept could be opened");
        }
    }

    async fn queues(&self) -> Check {
        let answers = timeout(LIMIT, join_all(self.queues.iter().map(|queue| queue.check()))).await;
        let result = match answers.map(|answers| answers.into_iter().collect::<Result<Vec<()>, _>>()) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::info!(error.chain = %runtime::error_chain(&error), "a queue is not ready");
                Err("not available".to_owned())
            }
            Err(_late) => Err(format!("no answer within {LIMIT:?}")),
        };
        Check { name: QUEUE, result }
    }
}

/// A newer schema is fine: migrations run before the programs that need them, and keep the older ones
/// working.
fn schema(version: Option<i64>) -> Result<(), String> {
    let needed = Store::expected_schema_version();
    match version {
        Some(version) if version >= needed => Ok(()),
        Some(version) => Err(format!("version {version}, and {needed} is needed")),
        None => Err(format!("none, and version {needed} is needed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_schema_is_not_ready_and_a_newer_one_is() {
        let needed = Store::expected_schema_version();
        assert!(schema(Some(needed)).is_ok() && schema(Some(needed + 1)).is_ok());
        assert!(schema(Some(needed - 1)).unwrap_err().contains("is needed"));
        assert!(schema(None).is_err());
    }
}
