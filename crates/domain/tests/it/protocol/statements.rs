//! The statements of `store`, each as one atomic change of the tables: what its SQL deletes, updates and inserts, under
//! its conditions. Where a state changes, [`JobState::next`] says to which.

use domain::state::transitions;
use domain::{Event, Finish, JobState};

use super::properties::Property;
use super::scope::{Flaw, Submit};
use super::state::{Database, Doorbell, Due, Held, Job, Right, Tally, WorkerId};

/// What the statements of one step did, for the observer.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The transitions that happened.
    pub(crate) moves: Vec<(JobState, Event)>,
    /// What was wrong with the step itself; what is wrong with the state after it is seen there.
    pub(crate) breaches: Vec<Property>,
}

/// What a claim came to; as `store::Claim`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Claim {
    Started(Held),
    Finished,
    Held,
    NotDue,
    NotStarted,
}

/// What became of an ending; as `store::Finished`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Finished {
    Recorded(JobState),
    LeaseLost,
}

impl Database {
    pub(crate) fn lease_is_valid(&self, worker: WorkerId) -> bool {
        self.leases.contains(&worker)
    }

    pub(crate) fn end_lease(&mut self, worker: WorkerId) {
        self.leases.retain(|valid| *valid != worker);
    }

    /// `claim.rs`: the doorbell's row is the right to start.
    pub(crate) fn claim(&mut self, job: usize, worker: WorkerId, log: &mut Log) -> Claim {
        if self.take_doorbell(job, worker) {
            return self.start(job, worker, log);
        }
        match self.jobs[job].state {
            JobState::Running => Claim::Held,
            JobState::Scheduled => Claim::NotDue,
            JobState::Queued => Claim::NotStarted,
            JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired => {
                Claim::Finished
            }
        }
    }

    /// The claim's first half, `token`.
    pub(crate) fn take_doorbell(&mut self, job: usize, worker: WorkerId) -> bool {
        self.lease_is_valid(worker) && self.jobs[job].outbox.take().is_some()
    }

    /// The claim's second half, `started` and `claimed`.
    pub(crate) fn start(&mut self, job: usize, worker: WorkerId, log: &mut Log) -> Claim {
        if self.jobs[job].state != JobState::Queued {
            return Claim::NotStarted;
        }
        self.begin(job, worker, log)
    }

    /// A new attempt, whatever the job's state.
    pub(crate) fn begin(&mut self, job: usize, worker: WorkerId, log: &mut Log) -> Claim {
        let row = &mut self.jobs[job];
        if row.tally.cancel_acknowledged {
            log.breaches.push(Property::CancelIsKept);
        }
        row.change(Event::Started, log);
        row.attempt += 1;
        row.attempts_spent += 1;
        row.tally.starts += 1;
        let right = Right {
            attempt: row.attempt,
            worker,
        };
        row.claims.push(right);
        Claim::Started(Held {
            job,
            right,
            spent: row.attempts_spent,
        })
    }

    /// `lease.rs`: an attempt of this job whose worker is gone.
    pub(crate) fn expired_lease(&self, job: usize, flaw: Option<Flaw>) -> Option<Held> {
        let row = &self.jobs[job];
        let lost =
            |claim: &&Right| flaw == Some(Flaw::RecoveryIgnoresLease) || !self.lease_is_valid(claim.worker);
        row.claims.iter().find(lost).map(|&right| Held {
            job,
            right,
            spent: row.attempts_spent,
        })
    }
}

impl Job {
    /// `submit.rs`: the row and its token.
    pub(crate) fn submitted(submit: Submit) -> Self {
        let mut job = Self {
            state: JobState::Queued,
            attempt: 0,
            attempts_spent: 0,
            cancel_requested: false,
            outbox: None,
            due: None,
            claims: Vec::new(),
            dead_letter: false,
            tally: Tally::default(),
        };
        match submit {
            Submit::Now => job.ring(false),
            Submit::LaterWithStartBy => {
                job.state = JobState::Scheduled;
                job.due = Some(Due { start_by: true });
            }
        }
        job
    }

    pub(crate) fn is_claimed_by(&self, worker: WorkerId) -> bool {
        self.claims.iter().any(|claim| claim.worker == worker)
    }

    /// `finish.rs`: the claim's row, fenced by attempt and worker, is the right to finish.
    pub(crate) fn finish(
        &mut self,
        right: Right,
        finish: &Finish,
        flaw: Option<Flaw>,
        log: &mut Log,
    ) -> Finished {
        let fits = |claim: &Right| match flaw {
            Some(Flaw::NoFencing) => true,
            Some(Flaw::FencedByWorkerOnly) => claim.worker == right.worker,
            _ => *claim == right,
        };
        let Some(token) = self.claims.iter().position(fits) else {
            return Finished::LeaseLost;
        };
        self.claims.remove(token);
        let is_unfenced = matches!(flaw, Some(Flaw::NoFencing | Flaw::FencedByWorkerOnly));
        if self.state != JobState::Running || (self.attempt != right.attempt && !is_unfenced) {
            return Finished::LeaseLost;
        }
        let waits = matches!(finish.state, JobState::Scheduled | JobState::Queued);
        let cancelled = self.cancel_requested && waits;
        if matches!(finish.event, Event::Snoozed | Event::Released) {
            self.tally.starts = self.tally.starts.saturating_sub(1);
        }
        if !finish.spends_attempt {
            self.attempts_spent = self.attempts_spent.saturating_sub(1);
        }
        self.change(if cancelled { Event::Cancelled } else { finish.event }, log);
        if !cancelled && self.state != finish.state {
            log.breaches.push(Property::TransitionsAreLegal);
        }
        match self.state {
            JobState::Scheduled => self.due = Some(Due { start_by: false }),
            JobState::Queued => self.ring(false),
            JobState::Failed => self.dead_letter = true,
            JobState::Running | JobState::Succeeded | JobState::Cancelled | JobState::Expired => {}
        }
        Finished::Recorded(self.state)
    }

    /// `maintenance.rs`: the job's time has come.
    pub(crate) fn promote(&mut self, log: &mut Log) {
        if let Some(due) = self.due.take()
            && self.state == JobState::Scheduled
        {
            self.change(Event::Promoted, log);
            self.ring(due.start_by);
        }
    }

    /// `maintenance.rs`: the job was not started by its `start_by`.
    pub(crate) fn expire(&mut self, log: &mut Log) {
        let waiting = self.outbox.take_if(|doorbell| doorbell.start_by).is_some();
        let later = self.due.take_if(|due| due.start_by).is_some();
        if (waiting || later) && matches!(self.state, JobState::Scheduled | JobState::Queued) {
            self.change(Event::Expired, log);
        }
    }

    /// `control.rs`, the first statement of a cancel; answers whether it sufficed.
    pub(crate) fn cancel_waiting(&mut self, log: &mut Log) -> bool {
        let waiting = self.outbox.take().is_some();
        let later = self.due.take().is_some();
        let cancels = (waiting || later) && matches!(self.state, JobState::Scheduled | JobState::Queued);
        if cancels {
            self.change(Event::Cancelled, log);
            self.cancel_requested = true;
            self.tally.cancel_acknowledged = true;
        }
        cancels
    }

    /// `control.rs`, the second statement of a cancel: the job runs, has ended, or was moved meanwhile. In the last case
    /// nothing is done, and the answer is to look again.
    pub(crate) fn request_cancel(&mut self, flaw: Option<Flaw>) -> bool {
        let runs = self.state == JobState::Running;
        let waits = !runs && !self.state.is_terminal();
        if runs || (waits && flaw == Some(Flaw::WaitingJobIsMarked)) {
            self.cancel_requested = true;
            self.tally.cancel_acknowledged = true;
            return false;
        }
        waits
    }

    /// `dead_letters.rs`: it stays failed, and is no dead letter any more.
    pub(crate) fn discard(&mut self, log: &mut Log) {
        self.dead_letter = false;
        self.change(Event::Discarded, log);
        self.tally.discarded = true;
    }

    /// `control.rs`: queued again, with all its attempts.
    pub(crate) fn redrive(&mut self, log: &mut Log) {
        self.dead_letter = false;
        self.change(Event::Redriven, log);
        self.attempts_spent = 0;
        self.cancel_requested = false;
        self.tally = Tally::default();
        self.ring(false);
    }

    /// `outbox.rs`: `visible_at` is set to the future, or has come.
    pub(crate) fn set_hidden(&mut self, hidden: bool) {
        if let Some(doorbell) = &mut self.outbox {
            doorbell.hidden = hidden;
        }
    }

    fn ring(&mut self, start_by: bool) {
        self.outbox = Some(Doorbell {
            hidden: false,
            start_by,
        });
    }

    /// Every change of a state, by the product's own table. What the table refuses is done nevertheless, as a statement
    /// without a condition on the state would do it, so that the harm shows.
    fn change(&mut self, event: Event, log: &mut Log) {
        let to = self.state.next(event).unwrap_or_else(|_| {
            log.breaches.push(Property::TransitionsAreLegal);
            let mut same_event = transitions().filter(|(_, other, _)| *other == event);
            let (_, _, to) = same_event.next().expect("every event leads somewhere");
            to
        });
        log.moves.push((self.state, event));
        self.state = to;
        self.tally.ends += u8::from(to.is_terminal() && event != Event::Discarded);
    }
}
