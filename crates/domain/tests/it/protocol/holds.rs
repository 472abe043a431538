//! The protocol keeps its promises in every state within the bounds.
//!
//! The numbers of states are exact, because a search is the same every time. One that falls tells that something can't
//! happen any more that could; one that rises, that something new can.

use std::collections::HashSet;

use domain::state::transitions;

use super::actions::actions;
use super::properties::Property;
use super::scope::{Scope, Submit};
use super::search::{Found, search};
use super::state::State;
use super::step::take;

const ONE_JOB: Scope = Scope {
    jobs: 1,
    processes: 2,
    slots: 1,
    max_attempts: 3,
    disturbances: 2,
    submit: Submit::Now,
    flaw: None,
};

/// Searches for a breach of any promise, in vain; answers what else there is to know.
fn assert_holds(scope: &Scope) -> Found {
    let found = search(scope, &Property::ALL);
    if let Some(breach) = &found.breach {
        panic!("{breach}");
    }
    found
}

#[test]
fn one_job_survives_any_three_disturbances() {
    let found = assert_holds(&Scope {
        disturbances: 3,
        ..ONE_JOB
    });
    assert_eq!((found.states, found.longest_drain), (297_694, 23));
}

#[test]
fn one_job_that_a_process_may_run_twice_survives_any_two() {
    let found = assert_holds(&Scope { slots: 2, ..ONE_JOB });
    assert_eq!((found.states, found.longest_drain), (318_370, 23));
}

#[test]
fn two_jobs_survive_any_disturbance() {
    let found = assert_holds(&Scope {
        jobs: 2,
        disturbances: 1,
        ..ONE_JOB
    });
    assert_eq!((found.states, found.longest_drain), (279_736, 41));
}

#[test]
fn two_jobs_that_share_a_workers_lease_survive_any_disturbance() {
    let found = assert_holds(&Scope {
        jobs: 2,
        slots: 2,
        max_attempts: 1,
        disturbances: 1,
        ..ONE_JOB
    });
    assert_eq!((found.states, found.longest_drain), (370_802, 16));
}

/// An event that is added to the table and not to the model fails here.
#[test]
fn a_job_for_later_goes_through_the_whole_transition_table() {
    let found = assert_holds(&Scope {
        submit: Submit::LaterWithStartBy,
        ..ONE_JOB
    });
    assert_eq!((found.states, found.longest_drain), (37_160, 23));
    let table = transitions().map(|(from, event, _)| (from, event)).collect();
    assert_eq!(found.moves, table);
}

/// States that differ only in names are taken for one, which loses none that differs in more.
#[test]
fn names_do_not_matter() {
    let scope = Scope {
        jobs: 2,
        max_attempts: 1,
        disturbances: 1,
        ..ONE_JOB
    };
    let mut known = HashSet::from([scope.start()]);
    let mut frontier = vec![scope.start()];
    while let Some(state) = frontier.pop() {
        for action in actions(&state, &scope) {
            let after = take(&state, action, &scope).after;
            if known.insert(after.clone()) {
                frontier.push(after);
            }
        }
    }
    let forms: HashSet<u64> = known.iter().map(State::fingerprint).collect();
    assert_eq!(assert_holds(&scope).states, forms.len());
    assert!(known.len() > forms.len());
}
