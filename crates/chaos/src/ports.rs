//! Ports for servers that come and go while clients connect all the time.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result};

/// Below those that systems give to outgoing connections. From that range a connection to a server that is just down
/// may take the server's own port, and even connect to itself.
const FIRST: u16 = 14_000;
/// How many ports a program has for itself, and how many programs may run at once.
const SHARE: u16 = 2_000;
const SHARES: u16 = 8;
/// How many of them are for servers that come back.
const KEPT: u16 = 200;

/// Gives each server a port of its own, of a share that is this program's alone for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Whoever listens on the first port of a share has it.
    first: TcpListener,
    next: AtomicU16,
    next_kept: AtomicU16,
}

impl Ports {
    pub(crate) fn new() -> Result<Self> {
        let first = (0..SHARES).find_map(|share| bound(FIRST + share * SHARE));
        Ok(Self {
            first: first.with_context(|| format!("{SHARES} programs have all ports from {FIRST} on"))?,
            next: AtomicU16::new(0),
            next_kept: AtomicU16::new(0),
        })
    }

    /// A port on which nobody listens at this moment, and that is given to nobody else for a long time.
    pub(crate) fn free(&self) -> Result<u16> {
        self.free_of(1 + KEPT, SHARE - 1 - KEPT, &self.next)
    }

    /// A port for a server that is stopped and started again: nobody else gets it meanwhile.
    pub(crate) fn kept(&self) -> Result<u16> {
        self.free_of(1, KEPT, &self.next_kept)
    }

    fn free_of(&self, from: u16, count: u16, next: &AtomicU16) -> Result<u16> {
        let first = self.first.local_addr().context("the ports have no place")?.port();
        (0..count)
            .map(|_| first + from + next.fetch_add(1, Ordering::Relaxed) % count)
            .find(|port| bound(*port).is_some())
            .with_context(|| format!("there is no free port from {first} on"))
    }
}

fn bound(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_is_taken() {
        let ports = Ports::new().unwrap();
        let first = ports.free().unwrap();
        let taken = bound(first + 1);
        let second = ports.free().unwrap();
        assert!(second > first && (taken.is_none() || second > first + 1));
    }

    #[test]
    fn two_programs_and_two_purposes_share_no_port() {
        let (one, other) = (Ports::new().unwrap(), Ports::new().unwrap());
        let share = |ports: &Ports| (ports.free().unwrap() - FIRST) / SHARE;
        assert_ne!(share(&one), share(&other));
        let kept: Vec<u16> = (0..3).map(|_| one.kept().unwrap()).collect();
        let free = one.free().unwrap();
        assert!(
            kept.iter().all(|port| *port < free && free - port < SHARE),
            "{kept:?} {free}"
        );
    }
}
