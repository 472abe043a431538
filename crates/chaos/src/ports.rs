//! Ports for servers that come and go while clients connect all the time.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Below those that systems give to outgoing connections. From that range a connection to a server that is just down
/// may take the server's own port, and even connect to itself.
const FIRST: u16 = 14_000;
const COUNT: u16 = 16_000;

/// Gives each server a port of its own.
#[derive(Debug)]
pub(crate) struct Ports {
    next: AtomicU16,
}

impl Ports {
    /// Two programs at once begin at different places.
    pub(crate) fn new(pid: u32) -> Self {
        let offset = u16::try_from(pid.wrapping_mul(97) % u32::from(COUNT)).unwrap_or_default();
        Self {
            next: AtomicU16::new(offset),
        }
    }

    /// A port on which nobody listens at this moment, and that is given to nobody else.
    pub(crate) fn free(&self) -> Result<u16> {
        for _ in 0..COUNT {
            let port = FIRST + self.next.fetch_add(1, Ordering::Relaxed) % COUNT;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        bail!("there is no free port from {FIRST} on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_is_taken() {
        let ports = Ports::new(1);
        let first = ports.free().unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let second = ports.free().unwrap();
        assert_ne!(first, second);
        assert_ne!(taken.local_addr().unwrap().port(), second);
    }
}
