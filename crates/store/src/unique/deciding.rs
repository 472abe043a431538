//! What becomes of requests, given who holds their keys: nothing is asked here.

use std::collections::{HashMap, HashSet};

use domain::unique::{Holder, Verdict};
use domain::{JobId, UniqueKey};

use super::{Claimant, Place, Refusal, Row, Settled, Wish};

/// Takes the requests in their order.
pub(super) fn decide<W: Wish>(
    requests: &[&[W]],
    rows: &HashMap<UniqueKey, Row>,
    fresh: &HashSet<UniqueKey>,
) -> Settled {
    let held = rows.iter().filter(|(_, row)| row.held);
    let mut deciding = Deciding {
        holders: held.map(|(key, row)| (*key, row.holder())).collect(),
        ..Deciding::default()
    };
    let answers = requests.iter().map(|jobs| deciding.request(jobs)).collect();
    let changes = rows.iter().filter_map(|(key, row)| {
        let (fresh, claimant) = (fresh.contains(key), deciding.claimants.get(key));
        match claimant {
            Some(claimant) if fresh && claimant.job_id == row.job_id => None,
            None if !fresh => None,
            changed => Some((*key, changed.copied())),
        }
    });
    Settled {
        answers,
        changes: changes.collect(),
        replaced: deciding.replaced,
    }
}

/// What the requests so far have come to.
#[derive(Default)]
struct Deciding {
    holders: HashMap<UniqueKey, Holder>,
    /// Of the holders, those that are new.
    claimants: HashMap<UniqueKey, Claimant>,
    replaced: Vec<JobId>,
}

/// What a key was before a request took it.
struct Before {
    key: UniqueKey,
    holder: Option<Holder>,
    claimant: Option<Claimant>,
}

impl Deciding {
    /// One request: what one that is refused would have changed is taken back.
    fn request(&mut self, jobs: &[impl Wish]) -> Result<Vec<Place>, Refusal> {
        let (mut places, mut taken) = (Vec::with_capacity(jobs.len()), Vec::new());
        let replaced_before = self.replaced.len();
        for (index, job) in jobs.iter().enumerate() {
            match self.job(job, &mut taken) {
                Ok(place) => places.push(place),
                Err(holder) => {
                    self.replaced.truncate(replaced_before);
                    taken.into_iter().rev().for_each(|before| self.take_back(&before));
                    return Err(Refusal { index, holder });
                }
            }
        }
        Ok(places)
    }

    /// The job that stands in the way, if it is refused.
    fn job(&mut self, job: &impl Wish, taken: &mut Vec<Before>) -> Result<Place, JobId> {
        let Some(unique) = job.unique() else {
            return Ok(Place::New);
        };
        match unique.decide(self.holders.get(&unique.key).copied()) {
            Verdict::Return(holder) => return Ok(Place::Existing(holder)),
            Verdict::Refuse(holder) => return Err(holder),
            Verdict::Replace(old) => self.replaced.push(old),
            Verdict::Take => {}
        }
        let holder = Holder {
            job_id: job.id(),
            waits: true,
        };
        taken.push(Before {
            key: unique.key,
            holder: self.holders.insert(unique.key, holder),
            claimant: self.claimants.insert(unique.key, Claimant::of(job.id(), unique)),
        });
        Ok(Place::New)
    }

    fn take_back(&mut self, before: &Before) {
        put_back(&mut self.holders, before.key, before.holder);
        put_back(&mut self.claimants, before.key, before.claimant);
    }
}

fn put_back<V>(map: &mut HashMap<UniqueKey, V>, key: UniqueKey, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
