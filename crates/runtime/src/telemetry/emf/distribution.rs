//! The distribution of a measurement, kept within a fixed relative error.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How far a value that is told may be from one that was measured: 1 %.
const RELATIVE_ERROR: f64 = 0.01;
/// The quotient of the ends of a bucket; any of its values is within the error of the middle that is told.
const GROWTH: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// What is less, in seconds, is told as 0.
const LEAST: f64 = 1e-6;
/// What is more, about four months in seconds, is told as this.
const MOST: f64 = 1e7;

/// How often values of each bucket were measured since they were taken last. There are less than 1,600 buckets.
#[derive(Debug, Default)]
pub(super) struct Distribution(Mutex<BTreeMap<i32, u64>>);

impl Distribution {
    pub(super) fn record(&self, value: f64) {
        if let Some(bucket) = bucket(value) {
            *self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(bucket)
                .or_default() += 1;
        }
    }

    /// The values and how often each was measured, smallest first.
    pub(super) fn take(&self) -> Vec<(f64, u64)> {
        let buckets = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        buckets
            .into_iter()
            .map(|(bucket, count)| (middle(bucket), count))
            .collect()
    }
}

/// The bucket of a value; none for what is no number.
fn bucket(value: f64) -> Option<i32> {
    if value.is_nan() {
        return None;
    }
    if value < LEAST {
        return Some(i32::MIN);
    }
    // Between -692 and 807.
    Some((value.min(MOST).ln() / GROWTH.ln()).ceil() as i32)
}

/// What stands for all values of a bucket. Four digits are enough for its error and make short lines.
fn middle(bucket: i32) -> f64 {
    if bucket == i32::MIN {
        return 0.0;
    }
    let middle = 2.0 * GROWTH.powi(bucket) / (GROWTH + 1.0);
    format!("{middle:.3e}")
        .parse()
        .expect("a number is written as one")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_told_within_its_error(exponent in -5.9..6.9_f64) {
            let value = 10.0_f64.powf(exponent);
            let told = middle(bucket(value).unwrap());
            // The digits that are left out add a little.
            prop_assert!((told / value - 1.0).abs() <= RELATIVE_ERROR + 0.0006, "{} for {}", told, value);
        }

        #[test]
        fn no_value_is_lost_and_buckets_are_few(values in prop::collection::vec(any::<f64>(), 0..200)) {
            let distribution = Distribution::default();
            values.iter().for_each(|value| distribution.record(*value));
            let numbers = values.iter().filter(|value| !value.is_nan()).count();
            let taken = distribution.take();
            prop_assert_eq!(taken.iter().map(|(_, count)| count).sum::<u64>(), numbers as u64);
            prop_assert!(taken.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(taken.iter().all(|(value, _)| (0.0..=MOST * 1.02).contains(value)));
            prop_assert!(distribution.take().is_empty());
        }
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let buckets = bucket(f64::INFINITY).unwrap() - bucket(LEAST).unwrap();
        assert!(buckets < 1_600, "{buckets}");
    }

    #[test]
    fn percentiles_are_those_of_what_was_measured() {
        let distribution = Distribution::default();
        (1..=10_000).for_each(|ms| distribution.record(f64::from(ms) / 1_000.0));
        let taken = distribution.take();
        for percent in [50, 95, 99] {
            let mut rank = percent * 100;
            let (told, _) = taken
                .iter()
                .find(|(_, count)| {
                    rank -= i64::try_from(*count).unwrap();
                    rank <= 0
                })
                .unwrap();
            let measured = percent as f64 / 10.0;
            assert!(
                (told / measured - 1.0).abs() < 0.011,
                "p{percent}: {told} for {measured}"
            );
        }
    }
}
