//! Everything that the model remembers between two steps.

use domain::JobState;

/// A worker process's id in the database. An id that nobody remembers is given out again, which keeps states few.
pub(crate) type WorkerId = u8;

/// The whole system at one moment.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct State {
    pub(crate) database: Database,
    /// The queue: how many messages name each job. Any of them may be delivered at any time, so they have no order.
    pub(crate) messages: Vec<u8>,
    pub(crate) processes: Vec<Process>,
    /// What maintenance has read and not yet acted on.
    pub(crate) found: Option<Held>,
    /// The cancel that is between two statements.
    pub(crate) cancelling: Option<Cancelling>,
    /// How many more disturbances may happen.
    pub(crate) disturbances: u8,
}

/// The statement of a cancel that comes next, and its job.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Cancelling {
    /// The one that ends a waiting job: it was moved since it was looked for where it waits.
    Waiting(usize),
    /// The one that marks a running job.
    Running(usize),
}

/// The tables, job by job, and the leases.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Database {
    pub(crate) jobs: Vec<Job>,
    /// Workers whose lease has not run out. An expired lease and an absent one are the same to every statement.
    pub(crate) leases: Vec<WorkerId>,
}

/// A job's row and its rows in the small tables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Job {
    pub(crate) state: JobState,
    pub(crate) attempt: u8,
    pub(crate) attempts_spent: u8,
    pub(crate) cancel_requested: bool,
    pub(crate) outbox: Option<Doorbell>,
    pub(crate) due: Option<Due>,
    /// A list, although the table's key allows one row per job: the protocol must not need the key.
    pub(crate) claims: Vec<Right>,
    pub(crate) dead_letter: bool,
    pub(crate) tally: Tally,
}

/// What an observer counts, from the submit or the last redrive on. No statement reads it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Tally {
    /// Attempts that began and were not given back by a snooze or a release.
    pub(crate) starts: u8,
    /// Terminal outcomes that were recorded.
    pub(crate) ends: u8,
    /// Whether a handler has done the work: the effect outside.
    pub(crate) worked: bool,
    /// Whether somebody has decided about the failure.
    pub(crate) discarded: bool,
    /// Whether a client was told that the job is cancelled, or is going to be.
    pub(crate) cancel_acknowledged: bool,
}

/// A row of `outbox`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Doorbell {
    /// Announced, and hidden until `visible_at`.
    pub(crate) hidden: bool,
    /// Whether there is a time by which the job must be started.
    pub(crate) start_by: bool,
}

/// A row of `due`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Due {
    /// Whether there is a time by which the job must be started.
    pub(crate) start_by: bool,
}

/// A right to one attempt: a row of `claim`, and what its worker remembers of it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Right {
    pub(crate) attempt: u8,
    pub(crate) worker: WorkerId,
}

/// A right to an attempt of a certain job, with what decides what follows.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Held {
    pub(crate) job: usize,
    pub(crate) right: Right,
    /// Attempts spent, this one included.
    pub(crate) spent: u8,
}

/// A worker process. One that ended is replaced at once by another that remembers nothing.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Process {
    /// Who it is in the database. One that has not registered yet is like one that does nothing yet.
    pub(crate) worker: WorkerId,
    pub(crate) draining: bool,
    pub(crate) slots: Vec<Work>,
}

/// What a slot is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Work {
    Idle,
    /// A message was delivered that names this job.
    Received(usize),
    /// Only where [`super::scope::Flaw::OutboxDeletedFirst`] splits the claim: its first half is committed.
    HalfClaimed(usize),
    /// The handler runs, or hangs.
    Running(Held),
    /// The handler came to an end that has to be recorded.
    Ended(Held, End),
    /// The message of this job is to be deleted.
    Settled(usize),
}

/// How an attempt ends; each is an outcome of the domain.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum End {
    Succeeded,
    Failed,
    Aborted,
    Snoozed,
    Released,
    Cancelled,
}

impl State {
    /// Whether every job is in a terminal state.
    pub(crate) fn all_ended(&self) -> bool {
        self.database.jobs.iter().all(|job| job.state.is_terminal())
    }

    /// Whether anything happens, or counts as happening, in a worker's name.
    pub(crate) fn has_work_under(&self, worker: WorkerId) -> bool {
        let is_busy = |process: &Process| process.worker == worker && process.is_busy();
        let holds = |process: &Process| process.holds_under(worker);
        self.database.jobs.iter().any(|job| job.is_claimed_by(worker))
            || self.processes.iter().any(|it| is_busy(it) || holds(it))
    }

    /// Has a process begin anew, remembering nothing.
    pub(crate) fn restart(&mut self, process: usize) {
        let this = &mut self.processes[process];
        this.draining = false;
        this.slots.fill(Work::Idle);
        self.register(process);
    }

    /// Makes a process known under an id that nobody remembers.
    pub(crate) fn register(&mut self, process: usize) {
        let worker = self.fresh_worker_id();
        self.processes[process].worker = worker;
        self.database.leases.push(worker);
    }

    fn fresh_worker_id(&self) -> WorkerId {
        let is_known = |worker: WorkerId| {
            self.has_work_under(worker)
                || self.database.lease_is_valid(worker)
                || self.found.is_some_and(|found| found.right.worker == worker)
                || self.processes.iter().any(|process| process.worker == worker)
        };
        let mut ids = 0..WorkerId::MAX;
        ids.find(|worker| !is_known(*worker)).expect("few ids are in use")
    }
}

impl Process {
    /// Whether it has anything in hand.
    pub(crate) fn is_busy(&self) -> bool {
        self.slots.iter().any(|work| *work != Work::Idle)
    }

    /// Whether it believes to hold an attempt in this worker's name, which may be the name it had before.
    fn holds_under(&self, worker: WorkerId) -> bool {
        let mut held = self.slots.iter().filter_map(Work::held);
        held.any(|held| held.right.worker == worker)
    }
}

impl Work {
    /// The attempt that the slot believes to hold.
    pub(crate) fn held(&self) -> Option<&Held> {
        match self {
            Self::Running(held) | Self::Ended(held, _) => Some(held),
            Self::Idle | Self::Received(_) | Self::HalfClaimed(_) | Self::Settled(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn held_mut(&mut self) -> Option<&mut Held> {
        match self {
            Self::Running(held) | Self::Ended(held, _) => Some(held),
            Self::Idle | Self::Received(_) | Self::HalfClaimed(_) | Self::Settled(_) => None,
        }
    }
}
