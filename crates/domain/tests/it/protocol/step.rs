//! What each step does.

use std::time::Duration;

use domain::{Failure, Finish, JobState, Outcome};

use super::actions::{Action, orphan};
use super::properties::breaches_of_finish;
use super::scope::{Flaw, Scope};
use super::state::{Cancelling, End, Held, State, Work};
use super::statements::{Claim, Finished, Log};

/// A step that was taken.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) after: State,
    pub(crate) log: Log,
}

/// Takes a step that is possible.
pub(crate) fn take(before: &State, action: Action, scope: &Scope) -> Step {
    let mut taking = Taking {
        state: before.clone(),
        log: Log::default(),
        scope,
    };
    taking.state.disturbances -= u8::from(action.is_disturbance(before));
    taking.act(action);
    Step {
        after: taking.state,
        log: taking.log,
    }
}

/// A step that is being taken.
struct Taking<'a> {
    state: State,
    log: Log,
    scope: &'a Scope,
}

impl Taking<'_> {
    fn act(&mut self, action: Action) {
        let State {
            database,
            messages,
            found,
            cancelling,
            ..
        } = &mut self.state;
        match action {
            Action::Announce(job) => {
                database.jobs[job].set_hidden(true);
                messages[job] += 1;
            }
            Action::Reappear(job) => database.jobs[job].set_hidden(false),
            Action::Promote(job) => database.jobs[job].promote(&mut self.log),
            Action::Expire(job) => database.jobs[job].expire(&mut self.log),
            Action::LeaseRunsOut(worker) => database.end_lease(worker),
            Action::FindLost(job) => *found = database.expired_lease(job, self.scope.flaw),
            Action::Recover => self.recover(),

            Action::HearLoss(process) => self.hear_loss(process),
            Action::HandBack(process, job) => self.hand_back(process, job),
            Action::Receive(process, job) => *self.idle_slot(process) = Work::Received(job),
            Action::Claim(process, slot) => self.claim(process, slot),
            Action::ClaimUnanswered(process, slot) => {
                let received = *self.slot(process, slot);
                self.claim(process, slot);
                *self.slot(process, slot) = received;
            }
            Action::Run(process, slot, end) => self.run(process, slot, end),
            Action::Finish(process, slot) => self.finish(process, slot),
            Action::FinishUnanswered(process, slot) => {
                let ended = *self.slot(process, slot);
                self.finish(process, slot);
                *self.slot(process, slot) = ended;
            }
            Action::Delete(process, slot) => self.delete(process, slot),
            Action::Drain(process) => self.state.processes[process].draining = true,
            Action::Leave(process) => self.leave(process),
            Action::Crash(process) => self.state.restart(process),

            Action::Cancel(job) => {
                let sufficed = database.jobs[job].cancel_waiting(&mut self.log);
                *cancelling = (!sufficed).then_some(Cancelling::Running(job));
            }
            Action::GoOnCancelling => {
                *cancelling = match cancelling.take().expect("a cancel is under way") {
                    Cancelling::Running(job) => database.jobs[job]
                        .request_cancel(self.scope.flaw)
                        .then_some(Cancelling::Waiting(job)),
                    Cancelling::Waiting(job) => {
                        let sufficed = database.jobs[job].cancel_waiting(&mut self.log);
                        (!sufficed).then_some(Cancelling::Running(job))
                    }
                };
            }
            Action::Redrive(job) => database.jobs[job].redrive(&mut self.log),
            Action::Discard(job) => database.jobs[job].discard(&mut self.log),

            Action::Lose(job) => messages[job] -= 1,
            Action::Duplicate(job) => messages[job] += 1,
        }
    }

    fn slot(&mut self, process: usize, slot: usize) -> &mut Work {
        &mut self.state.processes[process].slots[slot]
    }

    fn idle_slot(&mut self, process: usize) -> &mut Work {
        let slots = &mut self.state.processes[process].slots;
        let idle = slots.iter_mut().find(|work| **work == Work::Idle);
        idle.expect("a slot is idle")
    }

    /// `heartbeat.rs`: all handlers are stopped, and the next beat registers anew. Outcomes are already on their way.
    fn hear_loss(&mut self, process: usize) {
        let this = &mut self.state.processes[process];
        if self.scope.flaw == Some(Flaw::ExpiredLeaseIsRenewed) {
            self.state.database.leases.push(this.worker);
            return;
        }
        for work in &mut this.slots {
            if matches!(work, Work::Running(_)) {
                *work = Work::Idle;
            }
        }
        self.state.register(process);
    }

    /// `heartbeat.rs`: an outcome is offered for an attempt that nobody here runs.
    fn hand_back(&mut self, process: usize, job: usize) {
        let this = &self.state.processes[process];
        let held = orphan(&self.state.database, this, job).expect("there is an orphan");
        *self.idle_slot(process) = Work::Ended(held, End::Released);
    }

    /// `consumer.rs` and `step.rs`: what the answer to a claim means for the message.
    fn claim(&mut self, process: usize, slot: usize) {
        let worker = self.state.processes[process].worker;
        let (work, database, log) = (*self.slot(process, slot), &mut self.state.database, &mut self.log);
        let next = match (work, self.scope.flaw) {
            (Work::Received(job), Some(Flaw::OutboxDeletedFirst)) if database.take_doorbell(job, worker) => {
                Work::HalfClaimed(job)
            }
            (Work::Received(job), Some(Flaw::MessageIsTruth)) => {
                database.take_doorbell(job, worker);
                after_claim(job, database.begin(job, worker, log))
            }
            (Work::Received(job), _) => after_claim(job, database.claim(job, worker, log)),
            (Work::HalfClaimed(job), _) => after_claim(job, database.start(job, worker, log)),
            (Work::Idle | Work::Running(_) | Work::Ended(..) | Work::Settled(_), _) => {
                panic!("there is nothing to claim here")
            }
        };
        *self.slot(process, slot) = next;
    }

    fn run(&mut self, process: usize, slot: usize, end: End) {
        let Work::Running(held) = *self.slot(process, slot) else {
            panic!("no handler runs here")
        };
        self.state.database.jobs[held.job].tally.worked |= end == End::Succeeded;
        *self.slot(process, slot) = Work::Ended(held, end);
    }

    /// `started.rs`: the outcome is recorded, then the message is cared for.
    fn finish(&mut self, process: usize, slot: usize) {
        let Work::Ended(held, end) = *self.slot(process, slot) else {
            panic!("there is no outcome here")
        };
        let finish = Finish::decide(outcome(end), &self.scope.policy(), held.spent.into(), 0.5);
        let next = match self.record(held, &finish) {
            // The message stays, for whoever takes the job next.
            Finished::Recorded(JobState::Queued) if end == End::Released => Work::Idle,
            Finished::Recorded(_) => Work::Settled(held.job),
            Finished::LeaseLost => Work::Idle,
        };
        *self.slot(process, slot) = next;
    }

    /// `recover.rs`: the attempt that was found is ended, fenced like any other.
    fn recover(&mut self) {
        let held = self.state.found.take().expect("an attempt was found");
        let mut finish = Finish::decide(
            Outcome::LeaseExpired,
            &self.scope.policy(),
            held.spent.into(),
            0.5,
        );
        if self.scope.flaw == Some(Flaw::CrashIsNotCounted) {
            finish.spends_attempt = false;
        }
        self.record(held, &finish);
    }

    fn record(&mut self, held: Held, finish: &Finish) -> Finished {
        let job = &mut self.state.database.jobs[held.job];
        let before = job.clone();
        let finished = job.finish(held.right, finish, self.scope.flaw, &mut self.log);
        self.log
            .breaches
            .extend(breaches_of_finish(&before, held.right, job, finished));
        finished
    }

    fn delete(&mut self, process: usize, slot: usize) {
        let Work::Settled(job) = *self.slot(process, slot) else {
            panic!("there is no message to delete here")
        };
        // It may be lost already.
        let messages = &mut self.state.messages[job];
        *messages = messages.saturating_sub(1);
        *self.slot(process, slot) = Work::Idle;
    }

    /// `drain.rs`: the worker is deregistered and the process ends.
    fn leave(&mut self, process: usize) {
        let worker = self.state.processes[process].worker;
        self.state.database.end_lease(worker);
        self.state.restart(process);
    }
}

fn after_claim(job: usize, claim: Claim) -> Work {
    match claim {
        Claim::Started(held) => Work::Running(held),
        // However a held attempt ends, what follows announces itself.
        Claim::Finished | Claim::Held | Claim::NotDue => Work::Settled(job),
        // The message stays, and comes again later.
        Claim::NotStarted => Work::Idle,
    }
}

fn outcome(end: End) -> Outcome {
    match end {
        End::Succeeded => Outcome::Succeeded(None),
        End::Failed => Outcome::Failed {
            failure: Failure::worker_lost(),
            retry_after: None,
        },
        End::Aborted => Outcome::Aborted(Failure::worker_lost()),
        End::Snoozed => Outcome::Snoozed(Duration::ZERO),
        End::Released => Outcome::Released,
        End::Cancelled => Outcome::Cancelled,
    }
}
