//! A queue that misbehaves as queues may: for chaos tests, behind the feature `faulty`.
//!
//! Whatever it does, SQS' standard queues may do too. So nothing that stands on a [`Queue`] may break by it.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::LaneHolds;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

use crate::{Delivery, EntryFailure, Envelope, Error, MAX_WAIT, Queue, Receipt, Receive};

/// How often what goes wrong; each share is from 0, never, to 1, always.
///
/// Read from a text such as `duplicate=0.3,drop=0.05,delay=0.2,delay_ms=30000,reorder=1,seed=7`. What it does not name
/// is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// The share of the deliveries that are handed out once more, with the same receipt: half of these at once, if
    /// the receiver takes so many, and half of them later, as if delayed.
    pub duplicate: f64,
    /// The share of the messages that are swallowed: at the send, which accepts them, and again at the receive, after
    /// which they come again when their visibility ends.
    pub drop: f64,
    /// The share of the deliveries that are held back before they are handed out, perhaps beyond their visibility.
    pub delay: f64,
    /// The longest time that one is held back; in the text, `delay_ms`.
    pub longest_delay: Duration,
    /// The share of the receives whose deliveries come in any order.
    pub reorder: f64,
    /// What chance begins with. The same seed and the same calls meet the same faults.
    pub seed: u64,
}

/// A text that does not say which faults are wanted.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is not one of duplicate=P, drop=P, delay=P, delay_ms=N, reorder=P and seed=N, with P from 0 to 1"
)]
pub struct UnknownFault(String);

impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let mut faults = Self::default();
        for fault in text.split(',') {
            faults.set(fault).ok_or_else(|| UnknownFault(fault.to_owned()))?;
        }
        Ok(faults)
    }
}

impl Faults {
    fn set(&mut self, fault: &str) -> Option<()> {
        let (name, value) = fault.trim().split_once('=')?;
        let share = || value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        match name {
            "duplicate" => self.duplicate = share()?,
            "drop" => self.drop = share()?,
            "delay" => self.delay = share()?,
            "delay_ms" => self.longest_delay = Duration::from_millis(value.parse().ok()?),
            "reorder" => self.reorder = share()?,
            "seed" => self.seed = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

/// A queue between which and its users things go wrong.
#[derive(Debug)]
pub struct Faulty {
    queue: Arc<dyn Queue>,
    mischief: Mutex<Mischief>,
}

impl Faulty {
    /// The queue, with these faults.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, faults: Faults) -> Self {
        let mischief = Mutex::new(Mischief {
            chance: StdRng::seed_from_u64(faults.seed),
            faults,
            held: Vec::new(),
        });
        Self { queue, mischief }
    }

    fn mischief(&self) -> MutexGuard<'_, Mischief> {
        self.mischief.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for Faulty {
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, Error> {
        let (indexes, sent) = self.mischief().not_swallowed(envelopes);
        let mut failures = self.queue.send(&sent).await?;
        for failure in &mut failures {
            failure.index = indexes[failure.index];
        }
        Ok(failures)
    }

    /// Nothing of what is held back is lost with a future that is dropped: it is handed out in the end only.
    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, Error> {
        if receive.max == 0 {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + receive.wait.min(MAX_WAIT);
        loop {
            let now = Instant::now();
            let (due, next_due_at) = self.mischief().outlook(now);
            let until = next_due_at.map_or(deadline, |next| next.min(deadline));
            let rest = Receive {
                max: receive.max.saturating_sub(due),
                wait: until.saturating_duration_since(now),
                ..receive
            };
            let deliveries = self.queue.receive(rest).await?;
            let now = Instant::now();
            let deliveries = self.mischief().hand_out(deliveries, receive.max, now);
            if !deliveries.is_empty() || now >= deadline {
                return Ok(deliveries);
            }
        }
    }

    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<EntryFailure>, Error> {
        self.queue.extend(receipts, visibility).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, Error> {
        self.queue.delete(receipts).await
    }

    async fn depth(&self) -> Result<u64, Error> {
        self.queue.depth().await
    }

    async fn check(&self) -> Result<(), Error> {
        self.queue.check().await
    }

    fn hold(&self, holds: &LaneHolds) {
        self.queue.hold(holds);
    }

    fn is_outbox(&self) -> bool {
        self.queue.is_outbox()
    }
}

/// What goes wrong, and what is held back by it.
#[derive(Debug)]
struct Mischief {
    faults: Faults,
    chance: StdRng,
    /// In the order in which they are due.
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    due_at: Instant,
    delivery: Delivery,
}

impl Mischief {
    /// The envelopes that are sent, and their indexes among all.
    fn not_swallowed(&mut self, envelopes: &[Envelope]) -> (Vec<usize>, Vec<Envelope>) {
        let sent = envelopes.iter().cloned().enumerate();
        sent.filter(|_| !self.chance.random_bool(self.faults.drop))
            .unzip()
    }

    /// How many of those that are held back are due, and when the next one is: now, if any is.
    fn outlook(&self, now: Instant) -> (usize, Option<Instant>) {
        (self.due(now), self.held.first().map(|held| held.due_at))
    }

    fn due(&self, now: Instant) -> usize {
        self.held.partition_point(|held| held.due_at <= now)
    }

    /// What becomes of deliveries that have just been received, at most `max` of them, and with them of those that
    /// were held back.
    fn hand_out(&mut self, received: Vec<Delivery>, max: usize, now: Instant) -> Vec<Delivery> {
        let mut handed_out = Vec::new();
        for delivery in received {
            if self.chance.random_bool(self.faults.drop) {
                continue;
            }
            if self.chance.random_bool(self.faults.duplicate) {
                let late = self.chance.random();
                self.hold(delivery.clone(), now, late);
            }
            if self.chance.random_bool(self.faults.delay) {
                self.hold(delivery, now, true);
            } else {
                handed_out.push(delivery);
            }
        }
        let room = max.saturating_sub(handed_out.len());
        let due = self.due(now).min(room);
        handed_out.extend(self.held.drain(..due).map(|held| held.delivery));
        if self.chance.random_bool(self.faults.reorder) {
            handed_out.shuffle(&mut self.chance);
        }
        handed_out
    }

    fn hold(&mut self, delivery: Delivery, now: Instant, late: bool) {
        let delay = if late {
            self.faults.longest_delay.mul_f64(self.chance.random())
        } else {
            Duration::ZERO
        };
        let due_at = now + delay;
        let place = self.due(due_at);
        self.held.insert(place, Held { due_at, delivery });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_a_text() {
        let faults: Faults = "duplicate=0.3,drop=0.05,delay_ms=30000, delay=0.2,reorder=1,seed=7"
            .parse()
            .unwrap();
        let expected = Faults {
            duplicate: 0.3,
            drop: 0.05,
            delay: 0.2,
            longest_delay: Duration::from_secs(30),
            reorder: 1.0,
            seed: 7,
        };
        assert_eq!(faults, expected);
        let seed: Faults = "seed=7".parse().unwrap();
        let expected = Faults {
            seed: 7,
            ..Faults::default()
        };
        assert_eq!(seed, expected);
    }

    #[test]
    fn a_text_that_says_something_else_is_refused() {
        for fault in [
            "",
            "drop",
            "dorp=1",
            "drop=1.1",
            "drop=-1",
            "drop=NaN",
            "delay_ms=0.5",
        ] {
            let text = format!("duplicate=1,{fault},seed=7");
            let error = text.parse::<Faults>().unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("{fault} is not one of")),
                "{error}"
            );
        }
    }
}
