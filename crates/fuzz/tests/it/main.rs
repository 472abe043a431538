//! A quick dose of each target, and a look at the machinery itself.

use fuzz::{Dose, TARGETS, Target, run};

const QUICK: Dose = Dose {
    executions: 20_000,
    seed: 1,
    threads: 2,
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
