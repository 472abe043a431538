//! Whether all jobs come to their end when nothing disturbs any more.
//!
//! The steps that need no disturbance are followed backwards from the states in which all jobs have ended. Whoever is
//! not reached can never get there. Whoever is reached gets there with certainty as soon as chance, or any schedule that
//! leaves no step out for ever, picks the steps: the graph is finite, and no state leads out of it.

use std::collections::VecDeque;

use super::search::StateId;

/// How a step belongs to undisturbed operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Calm {
    /// Whatever handlers do.
    Always,
    /// If every handler succeeds.
    WhenHandlersSucceed,
    /// If every handler fails.
    WhenHandlersFail,
    /// Not at all.
    Never,
}

/// The steps that need no disturbance.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    ends: Vec<StateId>,
    steps: Vec<(StateId, StateId, Calm)>,
}

/// What the way back has shown.
#[derive(Debug)]
pub(crate) struct Drain {
    /// The first state that has no way to the end, with handlers that all succeed or all fail.
    pub(crate) stuck: Option<StateId>,
    /// The number of steps from the farthest state that has one.
    pub(crate) longest: u32,
}

impl Graph {
    pub(crate) fn add_end(&mut self, state: StateId) {
        self.ends.push(state);
    }

    pub(crate) fn add_step(&mut self, from: StateId, to: StateId, calm: Calm) {
        if calm != Calm::Never {
            self.steps.push((from, to, calm));
        }
    }

    /// Looks at all states up to a number.
    pub(crate) fn drain(&self, states: usize) -> Drain {
        let [good, bad] =
            [Calm::WhenHandlersSucceed, Calm::WhenHandlersFail].map(|mode| self.distances(states, mode));
        let stuck = good
            .iter()
            .zip(&bad)
            .position(|(good, bad)| good.is_none() || bad.is_none());
        Drain {
            stuck: stuck.map(|stuck| stuck as StateId),
            longest: good.into_iter().chain(bad).flatten().max().unwrap_or_default(),
        }
    }

    /// How many steps each state is away from the end.
    fn distances(&self, states: usize, mode: Calm) -> Vec<Option<u32>> {
        let mut before: Vec<Vec<StateId>> = vec![Vec::new(); states];
        for (from, to, calm) in &self.steps {
            if *calm == Calm::Always || *calm == mode {
                before[*to as usize].push(*from);
            }
        }
        let mut distances = vec![None; states];
        for end in &self.ends {
            distances[*end as usize] = Some(0);
        }
        let mut reached: VecDeque<StateId> = self.ends.iter().copied().collect();
        while let Some(state) = reached.pop_front() {
            let next = distances[state as usize].map(|distance| distance + 1);
            for from in &before[state as usize] {
                if distances[*from as usize].is_none() {
                    distances[*from as usize] = next;
                    reached.push_back(*from);
                }
            }
        }
        distances
    }
}
