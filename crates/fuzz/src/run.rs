//! Running one target on all cores.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use crate::mutator::Mutator;
use crate::targets::Target;

/// How much is tried, and what.
#[derive(Clone, Copy, Debug)]
pub struct Dose {
    /// Inputs, over all threads.
    pub executions: u64,
    /// The same seed and number of threads try the same inputs, but for what is signed, with the time.
    pub seed: u64,
    /// How many threads share the executions.
    pub threads: u64,
    /// A thread makes its seeds anew after this, or what is signed would be too old to be accepted.
    pub seeds_last: Duration,
}

/// A run that found nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ran {
    /// Inputs that were tried.
    pub executions: u64,
    /// How many of them the parser accepted. None would mean that the promise was never put to the test.
    pub accepted: u64,
    /// How long it took.
    pub took: Duration,
}

/// An input that a parser panics at, or about which it breaks its promise; the panic has told which already.
#[derive(Debug)]
pub struct Failed {
    /// The input, made as short as was easy.
    pub input: Vec<u8>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it fails at b\"{}\"", self.input.escape_ascii())
    }
}

impl std::error::Error for Failed {}

/// Tries a target.
///
/// # Errors
///
/// With the first input that fails.
pub fn run(target: &Target, dose: Dose) -> Result<Ran, Failed> {
    let begun = Instant::now();
    let threads = dose.threads.max(1);
    let results: Vec<Result<Ran, Failed>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                let executions = dose.executions / threads + u64::from(number < dose.executions % threads);
                let part = Dose { executions, ..dose };
                let rng = SmallRng::seed_from_u64(dose.seed.wrapping_mul(threads).wrapping_add(number));
                scope.spawn(move || try_inputs(target, rng, part))
            })
            .collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended
            .map(|result| result.expect("panics of targets are caught"))
            .collect()
    });
    let mut sum = Ran::default();
    for ran in results {
        let ran = ran?;
        sum.executions += ran.executions;
        sum.accepted += ran.accepted;
    }
    sum.took = begun.elapsed();
    Ok(sum)
}

fn try_inputs(target: &Target, rng: SmallRng, part: Dose) -> Result<Ran, Failed> {
    let mut ran = Ran {
        executions: part.executions,
        ..Ran::default()
    };
    let mut mutator = Mutator::new((target.seeds)(), rng);
    let mut seeded = Instant::now();
    for _ in 0..part.executions {
        if seeded.elapsed() >= part.seeds_last {
            mutator.reseed((target.seeds)());
            seeded = Instant::now();
        }
        let input = mutator.next();
        match judge(target, input) {
            Some(accepted) => ran.accepted += u64::from(accepted),
            None => {
                return Err(Failed {
                    input: shortened(target, input.to_vec()),
                });
            }
        }
    }
    Ok(ran)
}

/// Whether the input is accepted; `None` when it fails.
fn judge(target: &Target, input: &[u8]) -> Option<bool> {
    catch_unwind(AssertUnwindSafe(|| (target.judge)(input))).ok()
}

/// Leaves out whatever the failure does not need.
fn shortened(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let mut piece = input.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at + piece <= input.len() {
            let mut shorter = input.clone();
            shorter.drain(at..at + piece);
            if judge(target, &shorter).is_none() {
                input = shorter;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    input
}
