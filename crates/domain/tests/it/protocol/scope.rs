//! What is varied between searches: the bounds, and the mistakes.

use domain::{Backoff, RetryPolicy};

use super::state::{Database, Job, Process, State, Work};

/// The bounds of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) jobs: usize,
    pub(crate) processes: u8,
    /// How many attempts a process may run at once.
    pub(crate) slots: usize,
    pub(crate) max_attempts: u8,
    /// How many disturbances may happen, of whatever kinds: see `Action::is_disturbance`.
    pub(crate) disturbances: u8,
    pub(crate) submit: Submit,
    /// What is done wrong.
    pub(crate) flaw: Option<Flaw>,
}

/// How the jobs are submitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Submit {
    /// Due at once.
    Now,
    /// Due later, and to be started by a certain time.
    LaterWithStartBy,
}

/// A mistake that the protocol must not contain, to show that the search would find it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// A finish ends whatever attempt runs.
    NoFencing,
    /// A finish looks at the worker, but not at the attempt.
    FencedByWorkerOnly,
    /// The claim takes the doorbell in one transaction and starts the attempt in another.
    OutboxDeletedFirst,
    /// A doorbell that was announced once is never announced again.
    NoSweep,
    /// Recovery takes attempts from workers whose lease is valid.
    RecoveryIgnoresLease,
    /// A heartbeat renews a lease that has run out.
    ExpiredLeaseIsRenewed,
    /// Recovery gives the attempt of a dead worker back.
    CrashIsNotCounted,
    /// A cancel that finds its job neither waiting nor running marks it, and says that it was heard.
    WaitingJobIsMarked,
    /// A message alone is the right to start its job, whatever the tables say.
    MessageIsTruth,
}

impl Scope {
    /// The moment after the submits.
    pub(crate) fn start(&self) -> State {
        let processes = (0..self.processes).map(|process| Process {
            worker: process,
            draining: false,
            slots: vec![Work::Idle; self.slots],
        });
        State {
            database: Database {
                jobs: vec![Job::submitted(self.submit); self.jobs],
                leases: (0..self.processes).collect(),
            },
            messages: vec![0; self.jobs],
            processes: processes.collect(),
            found: None,
            cancelling: None,
            disturbances: self.disturbances,
        }
    }

    pub(crate) fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            max_attempts: self.max_attempts.into(),
            backoff: Backoff::default(),
        }
    }
}
