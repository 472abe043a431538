//! Saying what is going on and how long it took.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The phases of a command, in order.
#[derive(Debug, Default)]
pub struct Phases {
    done: Vec<(&'static str, Duration)>,
}

impl Phases {
    /// Runs one phase between two lines that name it.
    ///
    /// # Errors
    ///
    /// Those of the phase.
    pub fn run<T>(&mut self, name: &'static str, phase: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let begun = Instant::now();
        let result = phase();
        self.done.push((name, begun.elapsed()));
        result
    }
}

impl fmt::Display for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durations: Vec<String> = self
            .done
            .iter()
            .map(|(name, took)| format!("{name} {:.1} s", took.as_secs_f64()))
            .collect();
        f.write_str(&durations.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_listed_even_when_it_fails() {
        let mut phases = Phases::default();
        phases.run("build", || Ok(())).unwrap();
        assert!(
            phases
                .run("tests", || -> Result<()> { anyhow::bail!("no") })
                .is_err()
        );
        assert_eq!(phases.to_string(), "build 0.0 s, tests 0.0 s");
    }
}
