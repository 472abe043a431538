//! What may not start now, as far as this worker knows.
//!
//! The claim decides; this only keeps a worker from asking in vain again and again. It reads what is held about once a
//! second, and learns from each claim that is refused and each attempt that ends here. So a job of a lane that was
//! paused a moment ago is received once more per worker at most, and one of a lane that is resumed starts within a
//! second, sooner when somebody rings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{LaneHolds, QueueName, TenantId};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use queue::Queue;
use queue::postgres::Wakeups;
use store::Store;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::around;
use crate::consumer::Lane;
use crate::error::{Error, within};
use crate::places::Places;

/// The time between two looks, if nobody rings.
const INTERVAL: Duration = Duration::from_millis(900);
/// The least time between two looks.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Holds {
    lanes: Vec<LaneView>,
    known: Mutex<store::Holds>,
    pub(crate) places: Places,
}

#[derive(Debug)]
struct LaneView {
    name: QueueName,
    queue: Arc<dyn Queue>,
    told: watch::Sender<LaneHolds>,
}

impl Holds {
    /// Of these lanes; nothing is held at first.
    pub(crate) fn new(lanes: &[Lane], places: Places) -> Self {
        let view = |lane: &Lane| LaneView {
            name: lane.name.clone(),
            queue: Arc::clone(&lane.queue),
            told: watch::Sender::new(LaneHolds::default()),
        };
        let holds = Self {
            lanes: lanes.iter().map(view).collect(),
            known: Mutex::default(),
            places,
        };
        holds.tell_again();
        holds
    }

    /// What is held in a lane, from now on.
    pub(crate) fn watch(&self, lane: &QueueName) -> watch::Receiver<LaneHolds> {
        let view = self.lanes.iter().find(|view| view.name == *lane);
        // Of another lane nothing is known, and so nothing held.
        view.map_or_else(
            || watch::channel(LaneHolds::default()).1,
            |view| view.told.subscribe(),
        )
    }

    /// How many workers there are, this one included.
    pub(crate) fn workers(&self) -> u32 {
        self.known().workers.max(1)
    }

    /// A job was received in vain, because its lane is paused.
    pub(crate) fn paused(&self, tenant_id: TenantId, lane: &QueueName) {
        let mut known = self.known();
        let pause = (tenant_id, lane.to_string());
        if !known.paused.contains(&pause) {
            known.paused.push(pause);
            self.tell(&known);
        }
    }

    /// A job was received in vain, because its tenant runs all that it may.
    pub(crate) fn full(&self, tenant_id: TenantId) {
        let mut known = self.known();
        known.rooms.insert(tenant_id, 0);
        self.tell(&known);
    }

    /// An attempt was started here.
    pub(crate) fn started(&self, tenant_id: TenantId) {
        self.change_room(tenant_id, |room| room.saturating_sub(1));
    }

    /// The end of an attempt of this worker is recorded: there is room for another one.
    pub(crate) fn ended(&self, tenant_id: TenantId) {
        self.change_room(tenant_id, |room| room.saturating_add(1));
    }

    fn change_room(&self, tenant_id: TenantId, change: impl Fn(u32) -> u32) {
        let mut known = self.known();
        // Tenants without a limit cost no more than this look.
        let Some(room) = known.rooms.get_mut(&tenant_id) else {
            return;
        };
        *room = change(*room);
        self.tell(&known);
    }

    /// Reads what is held.
    pub(crate) async fn refresh(&self, store: &Store) -> Result<(), Error> {
        let held = within(PATIENCE, store.holds()).await?;
        let mut known = self.known();
        *known = held;
        self.tell(&known);
        Ok(())
    }

    /// Reads what is held again and again, until `stop` is cancelled. `bells` are those of the lanes.
    pub(crate) async fn run(self: Arc<Self>, store: Store, mut bells: Vec<Wakeups>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.refresh(&store).await {
                tracing::debug!(error.chain = %runtime::error_chain(&error), "what is held is not known anew");
            }
            let interval = around(INTERVAL, runtime::random::jitter());
            let rung = async {
                sleep(LEAST_INTERVAL).await;
                self.rung(&mut bells).await;
            };
            stop.run_until_cancelled(timeout(interval, rung)).await;
        }
    }

    /// Waits until somebody rings for a lane, if anything is held: it may be held no longer.
    async fn rung(&self, bells: &mut [Wakeups]) {
        if !self.lanes.iter().any(|lane| lane.told.borrow().any()) {
            return std::future::pending().await;
        }
        let mut rings: FuturesUnordered<_> = bells.iter_mut().map(Wakeups::wait).collect();
        rings.next().await;
    }

    /// Tells what is held once more, as tenants take other places than before.
    pub(crate) fn tell_again(&self) {
        self.tell(&self.known());
    }

    fn tell(&self, known: &store::Holds) {
        for lane in &self.lanes {
            let holds = known.of_lane(&lane.name);
            lane.queue.hold(&self.places.within(holds.clone()));
            lane.told.send_if_modified(|told| {
                let changed = *told != holds;
                if changed {
                    *told = holds;
                }
                changed
            });
        }
    }

    fn known(&self) -> MutexGuard<'_, store::Holds> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
