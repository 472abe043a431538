//! The process's own clock. Postgres' clock, not this one, decides leases and due times.

use chrono::{DateTime, Utc};

/// The time now. Only `main` and the edges of a process ask; everything that decides takes the time as an
/// argument.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    #[test]
    fn it_is_the_systems_time() {
        let before = SystemTime::now();
        let now = SystemTime::from(super::now());
        assert!((before..=SystemTime::now()).contains(&now));
    }
}
