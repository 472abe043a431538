//! The load balancer between the clients and the apis: it asks each api time and again whether it is ready.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::routes::{Routes, Target};

const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long an api may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(1);

/// Knows where requests can go. Copies share what they know.
#[derive(Clone, Debug)]
pub(crate) struct Balancer {
    routes: Arc<Mutex<Routes>>,
    http: Client,
}

/// An api that the balancer asks; dropped, it gets no more requests.
#[derive(Debug)]
pub(crate) struct Registration {
    routes: Arc<Mutex<Routes>>,
    addr: SocketAddr,
    _asking: DropGuard,
}

impl Balancer {
    pub(crate) fn new(http: Client) -> Self {
        Self {
            routes: Arc::default(),
            http,
        }
    }

    /// Asks an api from now on, and sends it requests as soon as it is ready.
    pub(crate) fn register(&self, target: Target) -> Registration {
        let addr = target.addr;
        self.routes().add(target);
        let stop = CancellationToken::new();
        let (balancer, stopped) = (self.clone(), stop.clone());
        TaskTracker::new()
            .spawn(async move { stopped.run_until_cancelled(balancer.keep_asking(addr)).await });
        Registration {
            routes: Arc::clone(&self.routes),
            addr,
            _asking: stop.drop_guard(),
        }
    }

    async fn keep_asking(&self, addr: SocketAddr) {
        loop {
            let asked = self.http.get(format!("http://{addr}/ready")).timeout(PATIENCE);
            let ready = asked
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success());
            self.routes().told(addr, ready, Instant::now());
            sleep(POLL_INTERVAL).await;
        }
    }

    pub(crate) fn pick(&self, failed: Option<SocketAddr>) -> Option<Target> {
        self.routes().pick(Instant::now(), failed)
    }

    /// A client could not reach it.
    pub(crate) fn unreachable(&self, addr: SocketAddr) {
        self.routes().told(addr, false, Instant::now());
    }

    pub(crate) fn is_ready(&self, addr: SocketAddr) -> bool {
        self.routes().is_ready(addr, Instant::now())
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(self.addr);
    }
}
