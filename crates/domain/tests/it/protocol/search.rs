//! A breadth-first search through every state that can be reached.
//!
//! It is written out here and not taken from a library such as `stateright`, because that answers other questions: the
//! breach that it shows need not be the nearest, which is the one to read, and none of its `always`, `sometimes` and
//! `eventually` asks whether the end can still be reached from every state (see [`super::drain`]).

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use domain::{Event, JobState};

use super::actions::{Action, actions};
use super::drain::Graph;
use super::properties::{Property, breaches_of_state, breaches_of_step};
use super::scope::Scope;
use super::state::State;
use super::step::{Step, take};

/// What a search has found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) states: usize,
    /// The transitions that happened somewhere.
    pub(crate) moves: HashSet<(JobState, Event)>,
    /// How many undisturbed steps bring the state that is farthest from it to the end of all jobs.
    pub(crate) longest_drain: u32,
    /// A nearest breach of what was looked for. The search ends with it.
    pub(crate) breach: Option<Breach>,
}

/// A broken promise, and a shortest way to it.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) property: Property,
    pub(crate) trace: Vec<Action>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:?} is broken after {} steps:",
            self.property,
            self.trace.len()
        )?;
        self.trace
            .iter()
            .try_for_each(|action| writeln!(f, "  {action:?}"))
    }
}

/// A state's number: they are counted in the order in which they are reached.
pub(crate) type StateId = u32;

/// Visits every state, or stops at the first one that breaks a property which is looked for.
pub(crate) fn search(scope: &Scope, looked_for: &[Property]) -> Found {
    let mut search = Search::new(scope, looked_for);
    let mut breach = None;
    while breach.is_none()
        && let Some((id, state)) = search.frontier.pop_front()
    {
        breach = search.visit(id, &state);
    }
    let drain = search.graph.drain(search.origins.len());
    if breach.is_none() && looked_for.contains(&Property::Drains) {
        breach = drain.stuck.map(|stuck| search.breach(Property::Drains, stuck));
    }
    Found {
        states: search.origins.len(),
        moves: search.moves,
        longest_drain: drain.longest,
        breach,
    }
}

struct Search<'a> {
    scope: &'a Scope,
    looked_for: &'a [Property],
    ids: HashMap<u64, StateId>,
    /// The step by which each state was reached first; the start has none.
    origins: Vec<Option<(StateId, Action)>>,
    /// Reached and not yet visited.
    frontier: VecDeque<(StateId, State)>,
    graph: Graph,
    moves: HashSet<(JobState, Event)>,
}

impl<'a> Search<'a> {
    fn new(scope: &'a Scope, looked_for: &'a [Property]) -> Self {
        let start = scope.start();
        Self {
            scope,
            looked_for,
            ids: HashMap::from([(start.fingerprint(), 0)]),
            origins: vec![None],
            frontier: VecDeque::from([(0, start)]),
            graph: Graph::default(),
            moves: HashSet::new(),
        }
    }

    /// Takes every step that leads out of a state.
    fn visit(&mut self, id: StateId, state: &State) -> Option<Breach> {
        if let Some(property) = self.wanted(breaches_of_state(state, self.scope)) {
            return Some(self.breach(property, id));
        }
        if state.all_ended() {
            self.graph.add_end(id);
        }
        for action in actions(state, self.scope) {
            let Step { after, log } = take(state, action, self.scope);
            self.moves.extend(log.moves);
            let mut breaches = log.breaches;
            breaches.extend(breaches_of_step(state, action, &after));
            let next = self.reach(id, action, after);
            self.graph.add_step(id, next, action.calm(state));
            if let Some(property) = self.wanted(breaches) {
                let mut breach = self.breach(property, id);
                breach.trace.push(action);
                return Some(breach);
            }
        }
        None
    }

    fn wanted(&self, breaches: Vec<Property>) -> Option<Property> {
        breaches
            .into_iter()
            .find(|property| self.looked_for.contains(property))
    }

    fn reach(&mut self, from: StateId, action: Action, state: State) -> StateId {
        let next = StateId::try_from(self.origins.len()).expect("there are not that many states");
        let id = *self.ids.entry(state.fingerprint()).or_insert(next);
        if id == next {
            self.origins.push(Some((from, action)));
            self.frontier.push_back((next, state));
        }
        id
    }

    fn breach(&self, property: Property, at: StateId) -> Breach {
        let mut trace = Vec::new();
        let mut at = at;
        while let Some((from, action)) = self.origins[at as usize] {
            trace.push(action);
            at = from;
        }
        trace.reverse();
        Breach { property, trace }
    }
}
