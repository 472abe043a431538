//! Which api a request goes to: in turn, among those that said a moment ago that they are ready. Pure, as a load
//! balancer's decision should be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an api that said that it is ready is believed.
const FRESH: Duration = Duration::from_secs(1);

/// An api that requests can go to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) addr: SocketAddr,
}

/// The apis that are known.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    known: Vec<Known>,
    turn: usize,
}

#[derive(Debug)]
struct Known {
    target: Target,
    ready_at: Option<Instant>,
}

impl Routes {
    pub(crate) fn add(&mut self, target: Target) {
        self.known.push(Known {
            target,
            ready_at: None,
        });
    }

    pub(crate) fn remove(&mut self, addr: SocketAddr) {
        self.known.retain(|known| known.target.addr != addr);
    }

    /// What an api said about itself, or a client found out.
    pub(crate) fn told(&mut self, addr: SocketAddr, ready: bool, now: Instant) {
        let told = self.known.iter_mut().find(|known| known.target.addr == addr);
        if let Some(known) = told {
            known.ready_at = ready.then_some(now);
        }
    }

    pub(crate) fn is_ready(&self, addr: SocketAddr, now: Instant) -> bool {
        self.ready(now).any(|target| target.addr == addr)
    }

    pub(crate) fn ready(&self, now: Instant) -> impl Iterator<Item = &Target> {
        self.known
            .iter()
            .filter(move |known| known.ready_at.is_some_and(|at| now.duration_since(at) < FRESH))
            .map(|known| &known.target)
    }

    /// The next one in turn, and rather not the one that has just failed.
    pub(crate) fn pick(&mut self, now: Instant, failed: Option<SocketAddr>) -> Option<Target> {
        let ready: Vec<Target> = self.ready(now).cloned().collect();
        let others: Vec<&Target> = ready.iter().filter(|it| Some(it.addr) != failed).collect();
        let choice = if others.is_empty() {
            ready.iter().collect()
        } else {
            others
        };
        self.turn = self.turn.wrapping_add(1);
        choice
            .get(self.turn % choice.len().max(1))
            .map(|it| (*it).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn routes(now: Instant) -> Routes {
        let mut routes = Routes::default();
        for port in [1, 2, 3] {
            routes.add(Target {
                name: format!("api-{port}"),
                addr: addr(port),
            });
            routes.told(addr(port), port != 3, now);
        }
        routes
    }

    fn picked(routes: &mut Routes, now: Instant, failed: Option<SocketAddr>) -> Vec<u16> {
        let mut ports: Vec<u16> = (0..4)
            .filter_map(|_| Some(routes.pick(now, failed)?.addr.port()))
            .collect();
        ports.sort_unstable();
        ports
    }

    #[test]
    fn requests_go_to_all_that_are_ready_in_turn() {
        let now = Instant::now();
        assert_eq!(picked(&mut routes(now), now, None), [1, 1, 2, 2]);
    }

    #[test]
    fn one_that_failed_is_asked_again_only_if_there_is_no_other() {
        let now = Instant::now();
        let mut routes = routes(now);
        assert_eq!(picked(&mut routes, now, Some(addr(1))), [2, 2, 2, 2]);
        routes.remove(addr(2));
        assert_eq!(picked(&mut routes, now, Some(addr(1))), [1, 1, 1, 1]);
    }

    #[test]
    fn what_was_said_too_long_ago_does_not_count() {
        let now = Instant::now();
        let mut routes = routes(now);
        assert!(routes.is_ready(addr(1), now));
        assert_eq!(routes.pick(now + FRESH, None), None);
        routes.told(addr(3), true, now + FRESH);
        assert_eq!(picked(&mut routes, now + FRESH, None), [3, 3, 3, 3]);
    }
}
