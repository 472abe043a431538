//! A quick dose of each target, and a look at the machinery itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fuzz::{Dose, TARGETS, Target, run};

const QUICK: Dose = Dose {
    executions: 20_000,
    seed: 1,
    threads: 2,
    seeds_last: Duration::from_mins(4),
};

#[test]
fn no_input_makes_a_parser_panic_or_break_its_promise() {
    for target in TARGETS {
        let ran = run(target, QUICK).unwrap_or_else(|failed| panic!("{}: {failed}", target.name));
        assert_eq!(ran.executions, QUICK.executions, "{}", target.name);
        assert!(
            ran.accepted > 0,
            "{}: its promise was never put to the test",
            target.name
        );
        assert!(
            ran.accepted < ran.executions,
            "{}: it accepts everything",
            target.name
        );
    }
}

#[test]
fn targets_have_names_of_their_own() {
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn an_input_that_fails_is_found_and_shortened() {
    let broken = Target {
        name: "broken",
        seeds: || vec![b"a long seed with one weak point in it".to_vec()],
        judge: |input| {
            let text = String::from_utf8_lossy(input);
            assert!(!text.contains("~1"), "it cannot read this");
            true
        },
    };
    let failed = run(&broken, QUICK).unwrap_err();
    assert_eq!(failed.input, b"~1");
}

#[test]
fn seeds_are_made_anew_before_they_expire() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let expiring = Target {
        name: "expiring",
        seeds: || vec![format!("seed {}", MADE.fetch_add(1, Ordering::Relaxed) + 1).into_bytes()],
        judge: |input| input == format!("seed {}", MADE.load(Ordering::Relaxed)).as_bytes(),
    };
    let dose = Dose {
        threads: 1,
        seeds_last: Duration::ZERO,
        ..QUICK
    };
    let ran = run(&expiring, dose).unwrap();
    assert!(MADE.load(Ordering::Relaxed) > dose.executions);
    assert!(
        ran.accepted > dose.executions / 20,
        "{} of the newest",
        ran.accepted
    );
}
