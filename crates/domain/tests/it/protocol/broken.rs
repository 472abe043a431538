//! The search finds what it looks for: each mistake breaks a promise, and each promise is broken by some mistake.
//!
//! The nearest breach is found first, so the numbers of steps are exact. They are small: what such a bug needs is not a
//! long run but an unlucky one.

use super::actions::Action;
use super::properties::Property;
use super::scope::{Flaw, Scope, Submit};
use super::search::{Breach, search};
use super::state::End;

const SMALL: Scope = Scope {
    jobs: 1,
    processes: 2,
    slots: 1,
    max_attempts: 2,
    disturbances: 0,
    submit: Submit::Now,
    flaw: None,
};

/// How many disturbances each mistake needs to break a promise, and how many steps.
const BREACHES: [(u8, Flaw, Property, usize); 17] = [
    (1, Flaw::NoFencing, Property::OnlyTheHolderRecords, 9),
    (1, Flaw::NoFencing, Property::StaleFinishChangesNothing, 9),
    (2, Flaw::NoFencing, Property::SuccessIsEarned, 17),
    (1, Flaw::FencedByWorkerOnly, Property::OnlyTheHolderRecords, 9),
    (1, Flaw::FencedByWorkerOnly, Property::OneValidLease, 12),
    (0, Flaw::OutboxDeletedFirst, Property::TokenFitsState, 3),
    (1, Flaw::OutboxDeletedFirst, Property::Drains, 3),
    (1, Flaw::NoSweep, Property::Drains, 2),
    (0, Flaw::RecoveryIgnoresLease, Property::OneValidLease, 7),
    (1, Flaw::ExpiredLeaseIsRenewed, Property::OneValidLease, 9),
    (1, Flaw::CrashIsNotCounted, Property::EveryStartCounts, 6),
    (1, Flaw::CrashIsNotCounted, Property::AttemptsAreBounded, 14),
    (0, Flaw::MessageIsTruth, Property::TransitionsAreLegal, 5),
    (0, Flaw::MessageIsTruth, Property::OneClaim, 5),
    (0, Flaw::MessageIsTruth, Property::TerminalIsFinal, 7),
    (0, Flaw::MessageIsTruth, Property::OneEnd, 9),
    (1, Flaw::WaitingJobIsMarked, Property::CancelIsKept, 10),
];

fn nearest_breach(disturbances: u8, flaw: Flaw, property: Property) -> Breach {
    let scope = Scope {
        disturbances,
        // That a worker holds two attempts of one job takes two slots.
        slots: if flaw == Flaw::FencedByWorkerOnly { 2 } else { 1 },
        flaw: Some(flaw),
        ..SMALL
    };
    let breach = search(&scope, &[property]).breach;
    breach.unwrap_or_else(|| panic!("{flaw:?} does not break {property:?}"))
}

#[test]
fn each_mistake_breaks_its_promise_in_a_few_steps() {
    for (disturbances, flaw, property, steps) in BREACHES {
        let breach = nearest_breach(disturbances, flaw, property);
        assert_eq!(
            (breach.property, breach.trace.len()),
            (property, steps),
            "{flaw:?}: {breach}"
        );
    }
}

#[test]
fn each_promise_is_broken_by_some_mistake() {
    for property in Property::ALL {
        assert!(
            BREACHES.iter().any(|(_, _, breaks, _)| *breaks == property),
            "{property:?}"
        );
    }
}

#[test]
fn without_a_sweep_a_lost_message_loses_its_job() {
    let breach = nearest_breach(1, Flaw::NoSweep, Property::Drains);
    assert_eq!(breach.trace, [Action::Announce(0), Action::Lose(0)]);
}

#[test]
fn without_fencing_an_outcome_that_is_repeated_ends_somebody_elses_attempt() {
    let breach = nearest_breach(1, Flaw::NoFencing, Property::OnlyTheHolderRecords);
    let story = [
        Action::Announce(0),
        Action::Receive(0, 0),
        Action::Claim(0, 0),
        Action::Run(0, 0, End::Failed),
        Action::FinishUnanswered(0, 0),
        Action::Promote(0),
        Action::Receive(1, 0),
        Action::Claim(1, 0),
        Action::Finish(0, 0),
    ];
    assert_eq!(breach.trace, story);
}
