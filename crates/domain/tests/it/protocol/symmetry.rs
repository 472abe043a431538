//! States that differ only in names are one state.
//!
//! Processes are alike, slots of a process are alike, and a worker's id is only ever compared with another one. So a
//! state is known by one form of it, in which processes and slots are sorted, and ids count up in order of appearance.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::state::{Process, State, Work, WorkerId};

impl State {
    /// Identifies the state and those that are like it, by 64 bits. That any two others among a million states have the
    /// same ones has a chance of one to thirty millions.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut form = self.clone();
        form.forget_idle_leases();
        form.sort();
        form.rename_workers();
        let mut hasher = DefaultHasher::new();
        form.hash(&mut hasher);
        hasher.finish()
    }

    /// A lease that nothing depends on any more can't matter again.
    fn forget_idle_leases(&mut self) {
        let mut leases = std::mem::take(&mut self.database.leases);
        let is_process = |worker: WorkerId| self.processes.iter().any(|process| process.worker == worker);
        leases.retain(|worker| is_process(*worker) || self.has_work_under(*worker));
        self.database.leases = leases;
    }

    fn sort(&mut self) {
        for process in &mut self.processes {
            process.slots.sort_unstable();
        }
        let mut processes = std::mem::take(&mut self.processes);
        processes.sort_by_cached_key(|process| self.look_of_process(process));
        self.processes = processes;
    }

    /// What can be told of a process without naming a worker.
    fn look_of_process(&self, process: &Process) -> u64 {
        let mut look = DefaultHasher::new();
        process.draining.hash(&mut look);
        self.look_of_worker(process.worker, &mut look);
        for work in &process.slots {
            let mut work = *work;
            if let Some(held) = work.held_mut() {
                (held.right.worker == process.worker).hash(&mut look);
                self.look_of_worker(held.right.worker, &mut look);
                held.right.worker = 0;
            }
            work.hash(&mut look);
        }
        look.finish()
    }

    fn look_of_worker(&self, worker: WorkerId, look: &mut DefaultHasher) {
        self.database.lease_is_valid(worker).hash(look);
        self.found
            .is_some_and(|found| found.right.worker == worker)
            .hash(look);
        for (number, job) in self.database.jobs.iter().enumerate() {
            let claims = job.claims.iter().filter(|claim| claim.worker == worker);
            claims.for_each(|claim| (number, claim.attempt).hash(look));
        }
    }

    fn rename_workers(&mut self) {
        let mut known = Vec::with_capacity(4);
        let mut rename = |worker: &mut WorkerId| {
            let place = known.iter().position(|it| it == worker).unwrap_or_else(|| {
                known.push(*worker);
                known.len() - 1
            });
            *worker = place as WorkerId;
        };
        for process in &mut self.processes {
            rename(&mut process.worker);
            let held = process.slots.iter_mut().filter_map(Work::held_mut);
            held.for_each(|held| rename(&mut held.right.worker));
        }
        let claims = self.database.jobs.iter_mut().flat_map(|job| &mut job.claims);
        claims.for_each(|claim| rename(&mut claim.worker));
        if let Some(found) = &mut self.found {
            rename(&mut found.right.worker);
        }
        self.database.leases.iter_mut().for_each(rename);
        self.database.leases.sort_unstable();
    }
}
