//! The only source of randomness: ids, jitter and secrets.

use domain::WorkerId;
use rand::TryRng;
use rand::rngs::SysRng;
use uuid::Uuid;

/// A new version 7 id. Within a process, a later call gives a greater id.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
pub fn id() -> Uuid {
    Uuid::now_v7()
}

/// A new name for this start of a worker process. Random, because two workers may start in the same
/// millisecond.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
pub fn worker_id() -> WorkerId {
    WorkerId(Uuid::new_v4())
}

/// A number in `[0, 1)`, to spread what would otherwise happen at once. Not for secrets.
#[must_use]
pub fn jitter() -> f64 {
    rand::random()
}

/// Unpredictable bytes, straight from the operating system, for secrets.
///
/// # Panics
/// When the operating system has no randomness to give: going on would mean guessable secrets.
#[must_use]
pub fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system's random source works");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_grow_within_the_process() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn worker_ids_tell_nothing_and_differ() {
        let ids: HashSet<WorkerId> = (0..100).map(|_| worker_id()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.0.get_version_num() == 4));
    }

    #[test]
    fn jitter_spreads_over_its_range() {
        let values: Vec<f64> = (0..1_000).map(|_| jitter()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        assert!(values.iter().any(|value| *value < 0.25) && values.iter().any(|value| *value > 0.75));
    }

    #[test]
    fn secret_bytes_differ_and_fill_the_array() {
        assert_ne!(secret_bytes::<32>(), secret_bytes::<32>());
        assert!(secret_bytes::<64>()[32..].iter().any(|byte| *byte != 0));
    }
}
