//! From valid inputs to inputs that may be anything.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

/// Inputs do not grow beyond this, so that an execution stays short. Limits of parsers are below it.
const MAX_LEN: usize = 4_096;
/// The most changes of one input; most get few.
const MAX_CHANGES: u32 = 6;

/// What parsers have trouble with.
const PIECES: &[&[u8]] = &[
    b"",
    b"\0",
    b"\"",
    b"\\",
    b"\\\"",
    b"'",
    b",",
    b";",
    b"=",
    b"-",
    b"_",
    b"/",
    b"~0",
    b"~1",
    b"~",
    b"%00",
    b"*",
    b"?",
    b"#",
    b" ",
    b"\t",
    b"\r\n",
    b"0",
    b"-1",
    b"1e999",
    b"00",
    b"18446744073709551616",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"NaN",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"[[",
    b"{\"a\":",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"\xf0\x9f\xa6\x80",
    b"\xed\xa0\x80",
    b"\xc2\x85",
    b"A",
    b"z",
    b"2026-01-31T12:00:00Z",
    b"9999-12-31T23:59:60+23:59",
    b"W/",
    b"wait=",
    b"@",
];

/// Makes inputs out of seeds; `input` is reused, since nothing else takes as long as getting memory.
#[derive(Debug)]
pub(crate) struct Mutator {
    seeds: Vec<Vec<u8>>,
    rng: SmallRng,
    input: Vec<u8>,
}

impl Mutator {
    pub(crate) fn new(seeds: Vec<Vec<u8>>, rng: SmallRng) -> Self {
        Self {
            seeds,
            rng,
            input: Vec::with_capacity(MAX_LEN),
        }
    }

    /// Goes on with other seeds.
    pub(crate) fn reseed(&mut self, seeds: Vec<Vec<u8>>) {
        self.seeds = seeds;
    }

    /// The next input. Now and then it is a seed as it is.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.input.clear();
        if let Some(seed) = self.seeds.choose(&mut self.rng) {
            self.input.extend_from_slice(seed);
        }
        for _ in 0..self.rng.random_range(0..=MAX_CHANGES) {
            self.change();
        }
        self.input.truncate(MAX_LEN);
        &self.input
    }

    fn change(&mut self) {
        let len = self.input.len();
        let (from, to) = self.range(len);
        match self.rng.random_range(0..9_u32) {
            0 => drop(self.input.drain(from..to)),
            1 => self.input.truncate(from),
            2 => self.insert(from, 1),
            3 => {
                let copies = 1 << self.rng.random_range(0..9_u32);
                self.insert(from, copies);
            }
            4 if to - from <= MAX_LEN / 8 => self.input.extend_from_within(from..to),
            5 if from < len => self.input[from] = self.rng.random(),
            6 if from < len => self.input[from] ^= 1 << self.rng.random_range(0..8_u32),
            7 => self.splice(from),
            _ => self.input[from..to].reverse(),
        }
    }

    /// Two places, the first one first.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let (a, b) = (self.rng.random_range(0..=len), self.rng.random_range(0..=len));
        (a.min(b), a.max(b))
    }

    /// Puts a piece in, some times over.
    fn insert(&mut self, at: usize, copies: usize) {
        let Some(piece) = PIECES.choose(&mut self.rng) else {
            return;
        };
        let copies = copies.min(MAX_LEN / piece.len().max(1));
        let pieces = piece.repeat(copies);
        self.input.splice(at..at, pieces);
    }

    /// Goes on as another seed does.
    fn splice(&mut self, at: usize) {
        let Some(other) = self.seeds.choose(&mut self.rng) else {
            return;
        };
        let from = self.rng.random_range(0..=other.len());
        self.input.truncate(at);
        self.input.extend_from_slice(&other[from..]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;

    fn inputs(seed: u64, count: usize) -> Vec<Vec<u8>> {
        let seeds = vec![b"one".to_vec(), b"another one".to_vec()];
        let mut mutator = Mutator::new(seeds, SmallRng::seed_from_u64(seed));
        (0..count).map(|_| mutator.next().to_vec()).collect()
    }

    #[test]
    fn a_seed_makes_the_same_inputs_and_another_one_others() {
        assert_eq!(inputs(1, 100), inputs(1, 100));
        assert_ne!(inputs(1, 100), inputs(2, 100));
    }

    #[test]
    fn inputs_differ_stay_short_and_are_seeds_at_times() {
        let inputs = inputs(1, 20_000);
        assert!(inputs.iter().all(|input| input.len() <= MAX_LEN));
        assert!(inputs.iter().any(|input| input == b"another one"));
        assert!(inputs.iter().any(|input| input.len() > 1_000));
        let different: HashSet<_> = inputs.iter().collect();
        assert!(different.len() > inputs.len() / 2, "{}", different.len());
    }
}
