//! How many jobs a tenant may have waiting.
//!
//! What waits is counted from the rows, so nothing leaks when a process dies, and seldom, so it costs little: per tenant
//! with a quota once a second, and in between each process subtracts what it accepts itself. So all processes together
//! may exceed a quota by what the others accept within that second, and by what is being stored while it is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::{QueueName, TenantId};
use moka::Expiry;
use moka::future::Cache;
use store::Store;

use crate::problem::{Problem, ProblemType};

/// How long a count is believed.
const COUNTED: Duration = Duration::from_secs(1);

/// How long it is believed that a tenant has no quota.
const WITHOUT: Duration = Duration::from_secs(5);

/// Tenants that are remembered.
const MAX_REMEMBERED: u64 = 10_000;

/// When a client whose tenant has too many jobs waiting should try again.
const LATER: Duration = Duration::from_secs(5);

/// Knows who may submit more.
pub(crate) struct Quotas {
    store: Store,
    lanes: Vec<QueueName>,
    rooms: Cache<TenantId, Option<Arc<Room>>>,
}

/// What a tenant may still submit until it is counted again.
struct Room {
    limit: u32,
    free: AtomicU32,
}

/// Whether a submit may be stored.
pub(crate) enum Admission {
    /// It may; what it does not use is given back.
    Admitted(Reserved),
    /// It would exceed this quota.
    Exceeded(u32),
}

/// Room for the jobs of one submit.
pub(crate) struct Reserved {
    room: Option<Arc<Room>>,
    jobs: u32,
}

impl Quotas {
    pub(crate) fn new(store: Store, lanes: Vec<QueueName>) -> Self {
        let rooms = Cache::builder()
            .max_capacity(MAX_REMEMBERED)
            .expire_after(Lifetimes)
            .build();
        Self { store, lanes, rooms }
    }

    /// Reserves room for so many jobs.
    pub(crate) async fn admit(&self, tenant_id: TenantId, jobs: usize) -> Result<Admission, Problem> {
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        let count = async {
            let waiting = self.store.waiting_jobs(tenant_id, &self.lanes).await?;
            Ok::<_, Problem>(waiting.map(|waiting| {
                Arc::new(Room {
                    limit: waiting.limit,
                    free: AtomicU32::new(waiting.limit.saturating_sub(waiting.jobs)),
                })
            }))
        };
        let room = self.rooms.try_get_with(tenant_id, count).await;
        let Some(room) = room.map_err(|problem| Problem::clone(&problem))? else {
            return Ok(Admission::Admitted(Reserved { room: None, jobs }));
        };
        let taken = room
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(jobs));
        Ok(match taken {
            Ok(_) => Admission::Admitted(Reserved {
                room: Some(room),
                jobs,
            }),
            Err(_) => Admission::Exceeded(room.limit),
        })
    }
}

impl Reserved {
    /// Gives back what was not used, because so many jobs were stored only.
    pub(crate) fn used(self, jobs: usize) {
        let unused = self.jobs.saturating_sub(u32::try_from(jobs).unwrap_or(u32::MAX));
        if let Some(room) = self.room {
            room.free.fetch_add(unused, Ordering::AcqRel);
        }
    }
}

/// What a submit that exceeds a quota is told.
pub(crate) fn exceeded(limit: u32) -> Problem {
    Problem::new(
        ProblemType::QuotaExceeded,
        format!("Your tenant may have {limit} jobs waiting, and these would be more."),
    )
    .retry_after(LATER)
}

struct Lifetimes;

impl<K> Expiry<K, Option<Arc<Room>>> for Lifetimes {
    fn expire_after_create(&self, _: &K, room: &Option<Arc<Room>>, _: Instant) -> Option<Duration> {
        Some(if room.is_some() { COUNTED } else { WITHOUT })
    }
}
