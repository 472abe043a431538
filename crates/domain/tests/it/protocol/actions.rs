//! What may happen next.

use domain::JobState;

use super::drain::Calm;
use super::scope::{Flaw, Scope};
use super::state::{Database, End, Held, Process, State, Work, WorkerId};

/// One atomic step. Numbers name jobs, processes, and slots of a process, in the order that is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// The dispatcher hides the doorbell of a job for a while and sends a message.
    Announce(usize),
    /// The time for which the doorbell of a job was hidden is over.
    Reappear(usize),
    /// Maintenance queues a job whose time has come.
    Promote(usize),
    /// Maintenance ends a job that was not started by its `start_by`.
    Expire(usize),
    /// A worker's lease runs out: its process is gone, or was paused for too long and does not know it yet.
    LeaseRunsOut(WorkerId),
    /// Maintenance reads that the attempt of a job has lost its worker.
    FindLost(usize),
    /// Maintenance ends the attempt that it found.
    Recover,

    /// A process hears that its lease had run out, stops its handlers, and registers as another worker.
    HearLoss(usize),
    /// A process sets about giving back the attempt of a job that its heartbeat tells of and that it does not run:
    /// process, job.
    HandBack(usize, usize),
    /// A message is delivered, and may be delivered again until it is deleted: process, job.
    Receive(usize, usize),
    /// The job in a slot is claimed: process, slot.
    Claim(usize, usize),
    /// The claim is committed, but its answer is lost; the process will ask again: process, slot.
    ClaimUnanswered(usize, usize),
    /// The handler in a slot ends: process, slot.
    Run(usize, usize, End),
    /// Its outcome is recorded: process, slot.
    Finish(usize, usize),
    /// The outcome is recorded, but the answer is lost; the process will ask again: process, slot.
    FinishUnanswered(usize, usize),
    /// The message is deleted: process, slot.
    Delete(usize, usize),
    /// A process is told to end.
    Drain(usize),
    /// A draining process ends. What it has not handed back it abandons.
    Leave(usize),
    /// A process dies.
    Crash(usize),

    /// A client cancels a job: the first of two statements.
    Cancel(usize),
    /// The next one, when the last has not met the job: in turns until one does.
    GoOnCancelling,
    /// A client retries a job from a terminal state.
    Redrive(usize),
    /// A client decides that a failed job needs no retry.
    Discard(usize),

    /// The queue loses a message of a job.
    Lose(usize),
    /// The queue doubles a message of a job.
    Duplicate(usize),
}

/// Every step that is possible in this state.
pub(crate) fn actions(state: &State, scope: &Scope) -> Vec<Action> {
    let mut actions = Vec::with_capacity(32);
    for job in 0..state.database.jobs.len() {
        of_job(state, scope, job, &mut actions);
    }
    for process in 0..state.processes.len() {
        of_process(state, process, &mut actions);
    }
    let leases = state.database.leases.iter();
    let matters = leases.filter(|worker| state.has_work_under(**worker));
    actions.extend(matters.map(|worker| Action::LeaseRunsOut(*worker)));
    actions.extend(state.found.map(|_| Action::Recover));
    actions.extend(state.cancelling.map(|_| Action::GoOnCancelling));
    if state.disturbances == 0 {
        actions.retain(|action| !action.is_disturbance(state));
    }
    actions
}

fn of_job(state: &State, scope: &Scope, job: usize, actions: &mut Vec<Action>) {
    let (row, messages) = (&state.database.jobs[job], state.messages[job]);
    let hidden = row.outbox.map(|doorbell| doorbell.hidden);
    let has_start_by =
        row.outbox.is_some_and(|doorbell| doorbell.start_by) || row.due.is_some_and(|due| due.start_by);
    let lost = state.database.expired_lease(job, scope.flaw);
    let ended = row.state.is_terminal();
    let can_cancel = !ended && !row.cancel_requested && state.cancelling.is_none();
    let possible = [
        // One message that can be delivered over and over stands for as many as were sent.
        (hidden == Some(false) && messages == 0, Action::Announce(job)),
        (
            hidden == Some(true) && scope.flaw != Some(Flaw::NoSweep),
            Action::Reappear(job),
        ),
        (row.due.is_some(), Action::Promote(job)),
        (has_start_by, Action::Expire(job)),
        (state.found.is_none() && lost.is_some(), Action::FindLost(job)),
        (can_cancel, Action::Cancel(job)),
        (ended && row.state != JobState::Succeeded, Action::Redrive(job)),
        (row.dead_letter, Action::Discard(job)),
        (messages > 0, Action::Lose(job)),
        (messages == 1, Action::Duplicate(job)),
    ];
    let possible = possible.into_iter().filter(|(possible, _)| *possible);
    actions.extend(possible.map(|(_, action)| action));
}

fn of_process(state: &State, process: usize, actions: &mut Vec<Action>) {
    let (this, database) = (&state.processes[process], &state.database);
    let jobs = 0..database.jobs.len();
    let is_free = this.slots.contains(&Work::Idle);
    if !database.lease_is_valid(this.worker) {
        actions.push(Action::HearLoss(process));
    } else if is_free {
        let orphans = jobs.clone().filter(|job| orphan(database, this, *job).is_some());
        actions.extend(orphans.map(|job| Action::HandBack(process, job)));
    }
    if is_free && !this.draining {
        let named = jobs.filter(|job| state.messages[*job] > 0);
        actions.extend(named.map(|job| Action::Receive(process, job)));
    }
    for slot in 0..this.slots.len() {
        of_slot(state, process, slot, actions);
    }
    if this.draining {
        actions.push(Action::Leave(process));
    }
    // The end of a process that has nothing in hand and holds nothing changes nothing.
    if state.has_work_under(this.worker) || this.is_busy() {
        actions.push(Action::Crash(process));
        actions.extend((!this.draining).then_some(Action::Drain(process)));
    }
}

fn of_slot(state: &State, process: usize, slot: usize, actions: &mut Vec<Action>) {
    let (this, jobs) = (&state.processes[process], &state.database.jobs);
    match this.slots[slot] {
        Work::Idle => {}
        Work::Received(job) => {
            actions.push(Action::Claim(process, slot));
            // The answer of a claim that changes nothing may as well not have been asked for.
            let starts = jobs[job].outbox.is_some() && state.database.lease_is_valid(this.worker);
            actions.extend(starts.then_some(Action::ClaimUnanswered(process, slot)));
        }
        Work::HalfClaimed(_) => actions.push(Action::Claim(process, slot)),
        Work::Running(held) => {
            actions.extend(ends(state, this, held).map(|end| Action::Run(process, slot, end)));
        }
        Work::Ended(held, _) => {
            actions.push(Action::Finish(process, slot));
            let records = jobs[held.job].claims.contains(&held.right);
            actions.extend(records.then_some(Action::FinishUnanswered(process, slot)));
        }
        Work::Settled(_) => actions.push(Action::Delete(process, slot)),
    }
}

/// How a handler may end. Of a cancel it hears by a heartbeat, which only a valid lease has.
fn ends(state: &State, process: &Process, held: Held) -> impl Iterator<Item = End> {
    let row = &state.database.jobs[held.job];
    let hears_cancel = row.cancel_requested
        && row.claims.contains(&held.right)
        && state.database.lease_is_valid(held.right.worker);
    [End::Succeeded, End::Failed, End::Aborted, End::Snoozed]
        .into_iter()
        .chain(process.draining.then_some(End::Released))
        .chain(hears_cancel.then_some(End::Cancelled))
}

/// The attempt of a job that the database counts as this worker's and that is neither here nor on its way here.
pub(crate) fn orphan(database: &Database, process: &Process, job: usize) -> Option<Held> {
    let row = &database.jobs[job];
    let right = *row.claims.iter().find(|claim| claim.worker == process.worker)?;
    let is_known = process.slots.iter().any(|work| match work {
        Work::Received(claiming) | Work::HalfClaimed(claiming) => *claiming == job,
        Work::Running(held) | Work::Ended(held, _) => held.job == job && held.right == right,
        Work::Idle | Work::Settled(_) => false,
    });
    (!is_known).then_some(Held {
        job,
        right,
        spent: row.attempts_spent,
    })
}

impl Action {
    /// Whether this is one of the things that happen a bounded number of times: a fault, an act of a client, a snooze.
    pub(crate) fn is_disturbance(self, state: &State) -> bool {
        match self {
            Self::ClaimUnanswered(..)
            | Self::FinishUnanswered(..)
            | Self::Run(_, _, End::Snoozed)
            | Self::Drain(_)
            | Self::Crash(_)
            | Self::Cancel(_)
            | Self::Redrive(_)
            | Self::Discard(_)
            | Self::Lose(_)
            | Self::Duplicate(_) => true,
            // The lease of a dead process runs out anyway; that of a living one only if it is paused or cut off.
            Self::LeaseRunsOut(worker) => state.processes.iter().any(|process| process.worker == worker),
            Self::Announce(_)
            | Self::Reappear(_)
            | Self::Promote(_)
            | Self::Expire(_)
            | Self::FindLost(_)
            | Self::Recover
            | Self::HearLoss(_)
            | Self::HandBack(..)
            | Self::Receive(..)
            | Self::Claim(..)
            | Self::Run(..)
            | Self::Finish(..)
            | Self::Delete(..)
            | Self::Leave(_)
            | Self::GoOnCancelling => false,
        }
    }

    /// Whether it may be counted on when nothing disturbs. That jobs end by missing their `start_by` may not, nor that
    /// handlers give up.
    pub(crate) fn calm(self, state: &State) -> Calm {
        match self {
            Self::Expire(_) | Self::Run(_, _, End::Aborted) => Calm::Never,
            action if action.is_disturbance(state) => Calm::Never,
            Self::Run(_, _, End::Succeeded) => Calm::WhenHandlersSucceed,
            Self::Run(_, _, End::Failed) => Calm::WhenHandlersFail,
            _ => Calm::Always,
        }
    }
}
