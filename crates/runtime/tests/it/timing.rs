//! Whether the time that a key's check takes tells anything: Welch's t-test over interleaved measurements, as `dudect`
//! (Reparaz, Balasch, Verbauwhede, 2017) does it. A statistic, and so no part of the usual run; on a quiet machine:
//!
//! ```text
//! cargo test --release --package runtime --test it timing -- --ignored --nocapture
//! ```

use std::hint::black_box;
use std::time::Instant;

use runtime::Secret;
use runtime::credential::{ApiKey, KeyHasher};
use runtime::random;

/// Checks of each kind. More would find smaller differences, which nobody can measure through a network.
const CHECKS: usize = 400_000;

/// `dudect` calls a greater |t| proof of a leak. What is less may be chance.
const LEAK: f64 = 10.0;

/// Times of one kind of check, in nanoseconds.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    /// Without the slowest tenth: whatever else the machine does is there.
    fn cropped(mut self) -> Self {
        self.0.sort_by(f64::total_cmp);
        self.0.truncate(self.0.len() * 9 / 10);
        self
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The variance of the mean.
    fn variance(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.0.iter().map(|time| (time - mean).powi(2)).sum();
        squares / (self.0.len() - 1) as f64 / self.0.len() as f64
    }
}

fn t(one: &Times, other: &Times) -> f64 {
    (one.mean() - other.mean()) / (one.variance() + other.variance()).sqrt()
}

/// What the database knows of the key that is presented.
fn kinds(hasher: &KeyHasher, key: &ApiKey) -> [(&'static str, Option<[u8; 32]>); 4] {
    let hash = hasher.hash(key);
    let differing_at = |place: usize| {
        let mut stored = hash;
        stored[place] ^= 1;
        stored
    };
    let mut nothing_alike = hash;
    nothing_alike.iter_mut().for_each(|byte| *byte = !*byte);
    [
        ("an unknown id", None),
        ("a wrong secret", Some(nothing_alike)),
        ("a hash that differs in its first byte", Some(differing_at(0))),
        ("a hash that differs in its last byte", Some(differing_at(31))),
    ]
}

#[test]
#[ignore = "it measures times, which takes a quiet machine and a release build"]
fn the_time_of_a_check_tells_nothing() {
    let hasher = KeyHasher::new(&Secret::new("a pepper for tests".to_owned()));
    let key = ApiKey::generate(&"test".parse().unwrap());
    let kinds = kinds(&hasher, &key);
    let mut times: [Times; 4] = Default::default();
    for _ in 0..CHECKS {
        // In an order that nothing else that happens regularly can follow.
        let first = usize::from(random::secret_bytes::<1>()[0]);
        for step in 0..kinds.len() {
            let index = (first + step) % kinds.len();
            let stored = kinds[index].1.as_ref().map(|hash| &hash[..]);
            let began = Instant::now();
            let genuine = black_box(hasher.verify(black_box(&key), black_box(stored)));
            times[index].0.push(began.elapsed().as_nanos() as f64);
            assert!(!genuine);
        }
    }
    let times = times.map(Times::cropped);
    let mut worst: f64 = 0.0;
    for (index, (kind, _)) in kinds.iter().enumerate() {
        let against_wrong_secret = t(&times[index], &times[1]);
        worst = worst.max(against_wrong_secret.abs());
        tell(&format!(
            "{kind}: {:.1} ns on average, t = {against_wrong_secret:.2} against a wrong secret",
            times[index].mean()
        ));
    }
    assert!(worst < LEAK, "|t| = {worst:.2}");
}

#[expect(clippy::print_stderr, reason = "what was measured is to be read")]
fn tell(text: &str) {
    eprintln!("{text}");
}
