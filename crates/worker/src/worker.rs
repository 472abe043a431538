//! The worker: puts the parts together, runs them, and stops them in the right order.

use std::sync::Arc;

use domain::{QueueName, WorkerId};
use queue::Queue;
use queue::postgres::Listener;
use runtime::{Shutdown, metric};
use tokio::sync::{Mutex, Notify, Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::cancel;
use crate::consumer::{Consumer, Lane, Shared};
use crate::dispatcher::{Dispatched, Dispatcher};
use crate::drain::{Drained, Draining};
use crate::error::Error;
use crate::finisher::{Finisher, FinisherParts};
use crate::heartbeat::{Beat, Heartbeat, HeartbeatParts};
use crate::holds::Holds;
use crate::identity::Identity;
use crate::maintenance::{Counts, Maintenance};
use crate::messages::Messages;
use crate::meters::Meters;
use crate::news::News;
use crate::parts::Parts;
use crate::places::Places;
use crate::running::Running;
use crate::share::Share;
use crate::step::StepOutcome;
use crate::visibility::Hidden;
use crate::vital::Vital;
use crate::window::Window;

/// A worker that is ready to run.
pub struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) consumers: Vec<Arc<Consumer>>,
    pub(crate) heartbeat: Mutex<Heartbeat>,
    pub(crate) maintenance: Maintenance,
    /// For each lane with a dead-letter queue.
    pub(crate) dead_letters: Vec<Maintenance>,
    pub(crate) listener: Listener,
    pub(crate) handle: Handle,
    pub(crate) leads: watch::Sender<bool>,
    /// Tasks that serve the others and end after them.
    pub(crate) services: TaskTracker,
    /// Cancelled when the services have nothing to serve any more.
    pub(crate) served: DropGuard,
    /// Cancelled when the end can't wait for the database any longer.
    pub(crate) give_up: CancellationToken,
}

/// Tells how a worker does, and tells it something, while it runs. Copies are of the same worker.
#[derive(Clone, Debug)]
pub struct Handle {
    identity: Identity,
    running: Arc<Running>,
    leads: watch::Receiver<bool>,
    beat: Arc<Notify>,
}

/// How a worker does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status {
    /// The worker as the database knows it; absent until it is registered, and when its lease is lost.
    pub worker_id: Option<WorkerId>,
    /// Attempts from their start to the record of their end.
    pub running: usize,
    /// Whether it does the maintenance.
    pub leads: bool,
}

impl Handle {
    /// How the worker does now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            worker_id: self.identity.current(),
            running: self.running.len(),
            leads: *self.leads.borrow(),
        }
    }

    /// Has the next heartbeat sent now: whoever knows that a job's end was asked for saves it the wait.
    pub fn beat_now(&self) {
        self.beat.notify_one();
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("status", &self.handle.status())
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Puts a worker together and starts the tasks that its parts share; it takes no jobs yet. Must be called within a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] with everything that does not go together.
    pub fn build(parts: Parts) -> Result<Self, Error> {
        let problems = parts.problems();
        if !problems.is_empty() {
            return Err(Error::Config(problems));
        }
        let (store, config) = (parts.store, parts.config);
        let (services, served, give_up) = (
            TaskTracker::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let meters = Meters::new();
        let news = News::start(store.clone(), &services, served.clone());
        let finisher_parts = FinisherParts {
            store: store.clone(),
            news: news.clone(),
            statements: config.finish_statements,
            waiting: config.concurrency,
            give_up: give_up.clone(),
        };
        let finisher = Finisher::start(finisher_parts, &services);
        let (identity, running) = (Identity::new(), Arc::new(Running::new(meters.running.clone())));
        let beat = Arc::<Notify>::default();
        let heartbeat = Heartbeat::new(HeartbeatParts {
            store: store.clone(),
            host: parts.host,
            interval: config.heartbeat,
            lease: config.lease,
            identity: identity.clone(),
            running: Arc::clone(&running),
            finisher: finisher.clone(),
            now: Arc::clone(&beat),
            kinds: parts.registry.declarations(),
        });
        let maintenance = Maintenance::new(
            &store,
            &parts.bell,
            &news,
            &parts.lanes,
            config.maintenance.clone(),
        );
        let dead_letters = parts
            .lanes
            .iter()
            .filter_map(|lane| Maintenance::of_dead_letters(&store, lane, config.maintenance.clone()))
            .collect();
        let (leads, leads_told) = watch::channel(false);
        let handle = Handle {
            identity: identity.clone(),
            running: Arc::clone(&running),
            leads: leads_told,
            beat,
        };
        let places = Places::new(config.concurrency, config.tenant_slots_percent);
        let shared = Arc::new(Shared {
            slots: Arc::new(Semaphore::new(config.concurrency)),
            holds: Arc::new(Holds::new(&parts.lanes, places)),
            activity: Arc::default(),
            config,
            store,
            bell: parts.bell,
            handlers: parts.registry.into_handlers(),
            identity,
            running,
            finisher,
            meters,
        });
        Ok(Self {
            consumers: consumers(&shared, parts.lanes, &services, &served),
            shared,
            heartbeat: Mutex::new(heartbeat),
            maintenance,
            dead_letters,
            listener: parts.listener,
            handle,
            leads,
            services,
            served: served.drop_guard(),
            give_up,
        })
    }

    /// What to ask, and to tell, this worker while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The queues of all lanes, for readiness.
    #[must_use]
    pub fn queues(&self) -> Vec<Arc<dyn Queue>> {
        self.consumers
            .iter()
            .map(|consumer| Arc::clone(&consumer.lane.queue))
            .collect()
    }

    /// The consumer of a lane.
    #[must_use]
    pub fn consumer(&self, lane: &QueueName) -> Option<&Consumer> {
        self.consumers
            .iter()
            .map(|consumer| &**consumer)
            .find(|consumer| consumer.lane.name == *lane)
    }

    /// Registers this worker if it is not, else renews its lease and stops what it should not run any more.
    ///
    /// # Errors
    /// When the database did not answer.
    pub async fn beat(&self) -> Result<Beat, Error> {
        self.heartbeat.lock().await.run_once().await
    }

    /// Receives up to `max` messages of a lane, claims and runs their jobs, and records the outcomes; registers the
    /// worker first, if it is not. No outcomes when this worker does not serve the lane.
    ///
    /// # Errors
    /// When the queue or the database did not answer.
    pub async fn run_once(&self, lane: &QueueName, max: usize) -> Result<Vec<StepOutcome>, Error> {
        if self.handle.status().worker_id.is_none() {
            self.beat().await?;
        }
        self.shared.holds.refresh(&self.shared.store).await?;
        match self.consumer(lane) {
            Some(consumer) => consumer.run_once(max).await,
            None => Ok(Vec::new()),
        }
    }

    /// Announces up to `limit` queued jobs of a lane. Nothing is announced where the outbox is the queue.
    ///
    /// # Errors
    /// As [`Dispatcher::run_once`].
    pub async fn dispatch_once(&self, lane: &QueueName, limit: u32) -> Result<Dispatched, Error> {
        self.shared.holds.refresh(&self.shared.store).await?;
        match self.consumer(lane).and_then(|consumer| self.dispatcher(consumer)) {
            Some(dispatcher) => dispatcher.run_once(limit).await,
            None => Ok(Dispatched::default()),
        }
    }

    /// Does one batch of the maintenance pass of this name, whether this worker leads or not; of those that each lane
    /// has, the first lane's. `None` when there is no such pass.
    ///
    /// # Errors
    /// When the database did not do it.
    pub async fn maintain_once(&self, pass: &str, limit: i32) -> Result<Option<Counts>, Error> {
        let mut maintenance = std::iter::once(&self.maintenance).chain(&self.dead_letters);
        match maintenance.find_map(|maintenance| maintenance.pass(pass)) {
            Some(pass) => pass.run_once(limit).await.map(Some),
            None => Ok(None),
        }
    }

    fn dispatcher(&self, consumer: &Consumer) -> Option<Dispatcher> {
        let (lane, shared) = (&consumer.lane, &self.shared);
        (!lane.queue.is_outbox()).then(|| Dispatcher {
            lane: lane.clone(),
            store: shared.store.clone(),
            announce_again: shared.config.announce_again,
            announce_at_least: shared.config.announce_at_least,
            window: Arc::clone(&consumer.window),
            slots: shared.config.concurrency,
            running: Arc::clone(&shared.running),
            held: shared.holds.watch(&lane.name),
            holds: Arc::clone(&shared.holds),
            served: std::sync::Mutex::default(),
        })
    }

    /// Runs until the process drains: then takes nothing new, lets attempts end until `shutdown` says to abort, hands
    /// back the rest, and answers. That comes within [`crate::Config::hand_back`] after the abort, also when the database is
    /// down. Should a part of the worker fail for good, it begins the shutdown itself.
    pub async fn run(self, shutdown: Shutdown) -> Drained {
        let (takers, attempts, beating) = (TaskTracker::new(), TaskTracker::new(), CancellationToken::new());
        let vital = Vital { shutdown: &shutdown };
        let stop = shutdown.draining();
        metric::SLOTS.with([]).set(self.shared.config.concurrency as f64);
        for consumer in &self.consumers {
            for _ in 0..consumer.share.receivers {
                let consuming = Arc::clone(consumer).run(attempts.clone(), stop.clone());
                vital.spawn(&takers, "consumer", consuming);
            }
            if let Some(consumer) = consumer.without_messages() {
                let looking = consumer.run_unheard(attempts.clone(), stop.clone());
                vital.spawn(&takers, "unheard", looking);
            }
            if let Some(dispatcher) = self.dispatcher(consumer) {
                let wakeups = self.listener.subscribe(&consumer.lane.name);
                vital.spawn(&takers, "dispatcher", dispatcher.run(wakeups, stop.clone()));
            }
        }
        let bells = self
            .consumers
            .iter()
            .map(|consumer| self.listener.subscribe(&consumer.lane.name));
        let holds =
            Arc::clone(&self.shared.holds).run(self.shared.store.clone(), bells.collect(), stop.clone());
        vital.spawn(&takers, "holds", holds);
        vital.spawn(
            &takers,
            "maintenance",
            self.maintenance.run(Some(self.leads), stop.clone()),
        );
        for dead_letters in self.dead_letters {
            vital.spawn(&takers, "dead letters", dead_letters.run(None, stop.clone()));
        }
        let finisher = self.shared.finisher.clone();
        vital.spawn(&takers, "finisher", {
            let stop = stop.clone();
            async move {
                stop.run_until_cancelled(finisher.ended()).await;
            }
        });
        let requests = self.shared.store.listen_cancel_requested();
        let listening = cancel::listen(
            requests,
            Arc::clone(&self.handle.running),
            Arc::clone(&self.handle.beat),
        );
        self.services
            .spawn(beating.clone().run_until_cancelled_owned(listening));
        self.services.spawn(Arc::clone(&self.shared.activity).run(
            self.shared.store.clone(),
            self.shared.identity.clone(),
            self.shared.config.heartbeat,
            beating.clone(),
        ));
        let mut heartbeat = self.heartbeat.into_inner();
        let beats = beating.clone();
        vital.spawn(
            &self.services,
            "heartbeat",
            async move { heartbeat.run(beats).await },
        );
        drop(self.consumers);

        stop.cancelled().await;
        let draining = Draining {
            shared: self.shared,
            takers,
            attempts,
            services: self.services,
            beating,
            served: self.served,
            give_up: self.give_up,
        };
        draining.run(shutdown.abort()).await
    }
}

fn consumers(
    shared: &Arc<Shared>,
    lanes: Vec<Lane>,
    services: &TaskTracker,
    served: &CancellationToken,
) -> Vec<Arc<Consumer>> {
    let (concurrency, lane_count) = (shared.config.concurrency, lanes.len());
    let consumer = |lane: Lane| {
        let hidden = (!lane.queue.is_outbox()).then(|| Arc::new(Hidden::new(shared.config.visibility)));
        if let Some(hidden) = &hidden {
            services.spawn(Arc::clone(hidden).run(Arc::clone(&lane.queue), served.clone()));
        }
        Arc::new(Consumer {
            messages: Messages::start(Arc::clone(&lane.queue), services),
            share: Share::of(concurrency, lane_count, lane.receivers),
            lane,
            shared: Arc::clone(shared),
            hidden,
            silent: Arc::default(),
            window: Arc::<Window>::default(),
        })
    };
    lanes.into_iter().map(consumer).collect()
}
