//! What a process finds out about itself when it is asked how it is.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::Shutdown;

/// Load balancers give up after a few seconds; an honest "no" in time is better than none.
const LIMIT: Duration = Duration::from_secs(2);

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// What was looked at, e.g. `database`.
    pub name: &'static str,
    /// What is wrong with it, for operators.
    pub result: Result<(), String>,
}

impl Check {
    /// Whether the process still takes work; belongs into every readiness.
    #[must_use]
    pub fn not_draining(shutdown: &Shutdown) -> Self {
        let draining = shutdown.draining().is_cancelled();
        Self {
            name: "lifecycle",
            result: if draining {
                Err("draining".to_owned())
            } else {
                Ok(())
            },
        }
    }
}

/// Looks at everything that matters; asked anew for every request.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, Vec<Check>> + Send + Sync>;

/// Makes a [`Probe`] of an async closure.
pub fn probe<F, Checks>(look: F) -> Probe
where
    F: Fn() -> Checks + Send + Sync + 'static,
    Checks: Future<Output = Vec<Check>> + Send + 'static,
{
    Arc::new(move || Box::pin(look()))
}

/// The answers to all checks.
pub(super) struct Checks(Vec<Check>);

/// Asks, but not for longer than whoever wants to know would wait.
pub(super) async fn run(probe: &Probe) -> Checks {
    let late = || {
        vec![Check {
            name: "time",
            result: Err(format!("no answer within {LIMIT:?}")),
        }]
    };
    Checks(
        tokio::time::timeout(LIMIT, probe())
            .await
            .unwrap_or_else(|_| late()),
    )
}

impl Checks {
    pub(super) fn is_ok(&self) -> bool {
        self.0.iter().all(|check| check.result.is_ok())
    }

    pub(super) fn to_json(&self) -> Value {
        let word = |check: &Check| check.result.clone().err().unwrap_or_else(|| "ok".to_owned());
        let checks: Map<String, Value> = self
            .0
            .iter()
            .map(|check| (check.name.to_owned(), Value::String(word(check))))
            .collect();
        json!({ "status": if self.is_ok() { "ok" } else { "failing" }, "checks": checks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failure_fails_the_whole_and_is_named() {
        let ok = Check {
            name: "queue",
            result: Ok(()),
        };
        let bad = Check {
            name: "database",
            result: Err("connection refused".to_owned()),
        };
        let checks = [ok, bad].to_vec();
        let checks = run(&probe(move || std::future::ready(checks.clone()))).await;
        assert!(!checks.is_ok());
        let expected =
            json!({ "status": "failing", "checks": { "queue": "ok", "database": "connection refused" } });
        assert_eq!(checks.to_json(), expected);
    }

    #[tokio::test]
    async fn nothing_to_check_is_fine() {
        let checks = run(&probe(async || Vec::new())).await;
        assert!(checks.is_ok());
        assert_eq!(checks.to_json(), json!({ "status": "ok", "checks": {} }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_has_failed() {
        let checks = run(&probe(std::future::pending)).await;
        assert!(!checks.is_ok());
        assert_eq!(checks.to_json()["checks"]["time"], "no answer within 2s");
    }
}
