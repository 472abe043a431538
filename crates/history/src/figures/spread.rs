//! How values are spread.

use serde::Serialize;

/// Percentiles of many values, by the nearest rank: each is one of the values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many values there are.
    pub count: usize,
    /// Half of them are not greater.
    pub p50: f64,
    /// 99 of 100 are not greater.
    pub p99: f64,
    /// None is greater.
    pub max: f64,
}

impl Spread {
    /// `None` for no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let rank = |percent: usize| (values.len() * percent).div_ceil(100).max(1) - 1;
        Some(Self {
            count: values.len(),
            max: *values.last()?,
            p50: values[rank(50)],
            p99: values[rank(99)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        assert_eq!(Spread::of(Vec::new()), None);
        let spread = |values: &[u32]| Spread::of(values.iter().copied().map(f64::from).collect()).unwrap();
        let one = spread(&[7]);
        assert_eq!((one.count, one.p50, one.p99, one.max), (1, 7.0, 7.0, 7.0));
        let hundred = spread(&(1..=100).rev().collect::<Vec<_>>());
        assert_eq!((hundred.p50, hundred.p99, hundred.max), (50.0, 99.0, 100.0));
        let three = spread(&[3, 1, 2]);
        assert_eq!((three.p50, three.p99), (2.0, 3.0));
    }
}
