//! What must be true of every state and of every step.

use domain::JobState;

use super::actions::Action;
use super::scope::Scope;
use super::state::{Job, Right, State, Work};
use super::statements::Finished;

/// A promise of the protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Property {
    /// A state changes only as `JobState::next` says.
    TransitionsAreLegal,
    /// A job has one claim at the most.
    OneClaim,
    /// A job has exactly the token of its state, and a claim is of its newest attempt.
    TokenFitsState,
    /// Every start counts against the attempts, unless it was given back.
    EveryStartCounts,
    /// No more than `max_attempts` starts count, and no more than there were.
    AttemptsAreBounded,
    /// One terminal outcome is recorded from the submit, or from a redrive, on.
    OneEnd,
    /// An outcome is recorded only for the attempt that holds the claim.
    OnlyTheHolderRecords,
    /// A finish of any other attempt changes nothing.
    StaleFinishChangesNothing,
    /// While a worker with a valid lease runs a job, no other such worker does.
    OneValidLease,
    /// What is terminal stays as it is, unless somebody redrives or discards it.
    TerminalIsFinal,
    /// Once a client was told so, a cancelled job starts no other attempt.
    CancelIsKept,
    /// A success is recorded only after the handler has done the work.
    SuccessIsEarned,
    /// From every state, once nothing disturbs any more, all jobs can still come to their end.
    Drains,
}

impl Property {
    /// All of them.
    pub(crate) const ALL: [Self; 13] = [
        Self::TransitionsAreLegal,
        Self::OneClaim,
        Self::TokenFitsState,
        Self::EveryStartCounts,
        Self::AttemptsAreBounded,
        Self::OneEnd,
        Self::OnlyTheHolderRecords,
        Self::StaleFinishChangesNothing,
        Self::OneValidLease,
        Self::TerminalIsFinal,
        Self::CancelIsKept,
        Self::SuccessIsEarned,
        Self::Drains,
    ];
}

/// What is wrong with a state.
pub(crate) fn breaches_of_state(state: &State, scope: &Scope) -> Vec<Property> {
    let mut breaches = Vec::new();
    for (number, job) in state.database.jobs.iter().enumerate() {
        let tally = job.tally;
        let bounded =
            tally.starts.max(job.attempts_spent) <= scope.max_attempts && job.attempts_spent <= job.attempt;
        let earned = job.state != JobState::Succeeded || tally.worked;
        let holds = [
            (Property::OneClaim, job.claims.len() <= 1),
            (Property::TokenFitsState, token_fits(job)),
            (Property::EveryStartCounts, tally.starts == job.attempts_spent),
            (Property::AttemptsAreBounded, bounded),
            (Property::OneEnd, tally.ends <= 1),
            (Property::OneValidLease, valid_leases(state, number) <= 1),
            (Property::SuccessIsEarned, earned),
        ];
        let broken = holds.into_iter().filter(|(_, holds)| !holds);
        breaches.extend(broken.map(|(property, _)| property));
    }
    breaches
}

fn token_fits(job: &Job) -> bool {
    let tokens = (
        job.due.is_some(),
        job.outbox.is_some(),
        &job.claims[..],
        job.dead_letter,
    );
    match job.state {
        JobState::Scheduled => matches!(tokens, (true, false, [], false)),
        JobState::Queued => matches!(tokens, (false, true, [], false)),
        JobState::Running => {
            matches!(tokens, (false, false, [claim], false) if claim.attempt == job.attempt)
        }
        JobState::Failed => matches!(tokens, (false, false, [], dead) if dead != job.tally.discarded),
        JobState::Succeeded | JobState::Cancelled | JobState::Expired => {
            matches!(tokens, (false, false, [], false))
        }
    }
}

/// How many handlers run this job under a lease that is valid.
fn valid_leases(state: &State, job: usize) -> usize {
    let works = state.processes.iter().flat_map(|process| &process.slots);
    let counts = |work: &&Work| {
        matches!(work, Work::Running(held)
            if held.job == job && state.database.lease_is_valid(held.right.worker))
    };
    works.filter(counts).count()
}

/// What is wrong with a step, beside what its statements have noticed.
pub(crate) fn breaches_of_step(before: &State, action: Action, after: &State) -> Option<Property> {
    let pairs = before.database.jobs.iter().zip(&after.database.jobs);
    let decided_about = |job| matches!(action, Action::Redrive(it) | Action::Discard(it) if it == job);
    let has_changed = |(job, (before, after)): (usize, (&Job, &Job))| {
        before.state.is_terminal() && !decided_about(job) && !same_rows(before, after)
    };
    let breach = pairs.enumerate().any(has_changed);
    breach.then_some(Property::TerminalIsFinal)
}

/// What is wrong with the answer to a finish and with what it did.
pub(crate) fn breaches_of_finish(
    before: &Job,
    right: Right,
    after: &Job,
    finished: Finished,
) -> impl Iterator<Item = Property> {
    let holds = before.claims.contains(&right) && before.attempt == right.attempt;
    let recorded = finished != Finished::LeaseLost;
    let stranger = (recorded && !holds).then_some(Property::OnlyTheHolderRecords);
    let changed = (!holds && !same_rows(before, after)).then_some(Property::StaleFinishChangesNothing);
    stranger.into_iter().chain(changed)
}

/// Whether the tables say the same; the observer's tally is none of them.
fn same_rows(one: &Job, other: &Job) -> bool {
    let other = Job {
        tally: one.tally,
        ..other.clone()
    };
    *one == other
}
