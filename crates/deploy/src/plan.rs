//! What has to be done, from what is there. Nothing here asks anybody.

use crate::digest::{Digest, Program};

/// The worker first, since a job that the newer api takes must find a worker that knows it; turned back in reverse.
pub(crate) const ORDER: [Program; 2] = [Program::Worker, Program::Api];

/// What is there of a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct State {
    pub(crate) program: Program,
    /// The image that has the requests or, while something is under way, is about to have them; `None` before the first
    /// release.
    pub(crate) target: Option<Digest>,
    /// Whether its tasks are just those that are wanted: image and settings.
    pub(crate) is_wanted: bool,
    pub(crate) change: Change,
    /// The image that was released last.
    pub(crate) recorded: Option<Digest>,
    /// The image to go back to.
    pub(crate) previous: Option<Digest>,
}

/// What is under way with a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Nothing,
    /// Tasks are exchanged one by one; how far it is.
    Rolling(String),
    /// ECS has given up exchanging them, and has not turned back; why.
    GivenUp(String),
    /// New tasks start, or have a part of the requests.
    Shifting {
        deployment: String,
        stands: String,
    },
    /// New tasks have all requests, and the old ones are kept.
    KeepingOld {
        deployment: String,
    },
}

/// What a release does with a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// It runs already.
    Nothing,
    /// It is under way already, by an earlier run of the same release.
    Wait,
    Deploy {
        /// The deployment that keeps the old tasks of the release before, which must end first.
        end_old: Option<String>,
        /// Whether ECS would take it for no change.
        force: bool,
    },
}

/// What a release does with each program, in order; or every reason against it.
pub(crate) fn release(states: &[State]) -> Result<Vec<(Program, Step)>, Vec<String>> {
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    for program in ORDER {
        for state in states.iter().filter(|state| state.program == program) {
            match step(state) {
                Ok(step) => steps.push((program, step)),
                Err(refusal) => refusals.push(refusal),
            }
        }
    }
    if refusals.is_empty() {
        Ok(steps)
    } else {
        Err(refusals)
    }
}

fn step(state: &State) -> Result<Step, String> {
    let deploy = |end_old, force| Ok(Step::Deploy { end_old, force });
    match (&state.change, state.is_wanted) {
        (Change::Nothing | Change::KeepingOld { .. }, true) => Ok(Step::Nothing),
        (Change::Rolling(_) | Change::Shifting { .. }, true) => Ok(Step::Wait),
        (Change::Nothing, false) => deploy(None, false),
        (Change::KeepingOld { deployment }, false) => deploy(Some(deployment.clone()), false),
        (Change::GivenUp(_), is_wanted) => deploy(None, is_wanted),
        (Change::Rolling(stands), false) => Err(format!(
            "another deployment of the {} is under way ({stands}): wait for its end, or turn it back with `rollback`",
            state.program
        )),
        (Change::Shifting { deployment, stands }, false) => Err(format!(
            "the deployment {deployment} of the {} is under way ({stands}): wait for its end, or turn it back with `rollback`",
            state.program
        )),
    }
}

/// What turning back does with a program next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum BackStep {
    /// It runs already.
    Nothing,
    /// It is under way already.
    Wait,
    /// What is under way gives the requests back to the old tasks; then one looks again.
    Stop { deployment: String },
    Deploy {
        /// Whether ECS would take it for no change.
        force: bool,
    },
}

/// What turning a program back to an image begins with.
pub(crate) fn back(state: &State, goal: &Digest) -> BackStep {
    let is_goal = state.target.as_ref() == Some(goal);
    match &state.change {
        Change::Nothing if is_goal => BackStep::Nothing,
        Change::Nothing => BackStep::Deploy { force: false },
        Change::KeepingOld { .. } if is_goal => BackStep::Nothing,
        Change::Rolling(_) | Change::Shifting { .. } if is_goal => BackStep::Wait,
        // Seconds, as long as the old tasks are there. If they are not what is wanted, a deployment follows.
        Change::Shifting { deployment, .. } | Change::KeepingOld { deployment } => BackStep::Stop {
            deployment: deployment.clone(),
        },
        Change::Rolling(_) => BackStep::Deploy { force: false },
        Change::GivenUp(_) => BackStep::Deploy { force: is_goal },
    }
}

/// What a release would go back to, for each program: what was released last.
///
/// A run that was killed between recording one program and the other has released both; then it is what runs. It shows by
/// one program that is recorded and has something else to go back to, and one that runs what is not recorded yet.
pub(crate) fn baseline(states: &[State]) -> Vec<(Program, Option<Digest>)> {
    let rests = |state: &State| matches!(state.change, Change::Nothing | Change::KeepingOld { .. });
    let is_recorded = |state: &State| state.target == state.recorded && state.recorded != state.previous;
    let is_to_be = |state: &State| {
        state.target.is_some() && state.target != state.recorded && state.recorded == state.previous
    };
    let half_recorded = states
        .iter()
        .all(|state| rests(state) && (is_recorded(state) || is_to_be(state)))
        && states.iter().any(is_recorded)
        && states.iter().any(is_to_be);
    let of = |state: &State| {
        if half_recorded {
            state.target.clone()
        } else {
            state.recorded.clone()
        }
    };
    states.iter().map(|state| (state.program, of(state))).collect()
}

/// What each program goes back to, if nobody says otherwise: what ran before.
///
/// A run that was killed between writing that down for one program and for the other has changed nothing yet; then it is what
/// was released last. It shows by everything running as it is recorded, and only one program having the same to go back to.
pub(crate) fn previous(states: &[State]) -> Vec<(Program, Option<Digest>)> {
    let is_noted = |state: &State| state.recorded.is_some() && state.recorded == state.previous;
    let half_noted = states
        .iter()
        .all(|state| state.change == Change::Nothing && state.target == state.recorded)
        && states.iter().any(is_noted)
        && !states.iter().all(is_noted);
    let of = |state: &State| {
        if half_noted {
            state.recorded.clone()
        } else {
            state.previous.clone()
        }
    };
    states.iter().map(|state| (state.program, of(state))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: u8) -> Digest {
        format!("sha256:{}", char::from(digit).to_string().repeat(64))
            .parse()
            .unwrap()
    }

    /// A program whose images are the letters: what runs, what is recorded, what was before; `-` for none.
    fn state(program: Program, images: &str) -> State {
        let image = |at: usize| Some(images.as_bytes()[at]).filter(|&it| it != b'-').map(sha);
        State {
            program,
            target: image(0),
            is_wanted: false,
            change: Change::Nothing,
            recorded: image(1),
            previous: image(2),
        }
    }

    fn with(change: Change, is_wanted: bool) -> State {
        State {
            change,
            is_wanted,
            ..state(Program::Api, "bba")
        }
    }

    fn shifting() -> Change {
        Change::Shifting {
            deployment: "d-1".to_owned(),
            stands: "10 %".to_owned(),
        }
    }

    fn keeping() -> Change {
        Change::KeepingOld {
            deployment: "d-1".to_owned(),
        }
    }

    #[test]
    fn a_release_goes_on_where_it_was_and_never_doubles() {
        let rolling = || Change::Rolling("1 of 2".to_owned());
        let deploy = |end_old: Option<&str>, force| Step::Deploy {
            end_old: end_old.map(str::to_owned),
            force,
        };
        for (change, is_wanted, expected) in [
            (Change::Nothing, true, Step::Nothing),
            (Change::Nothing, false, deploy(None, false)),
            (keeping(), true, Step::Nothing),
            (keeping(), false, deploy(Some("d-1"), false)),
            (shifting(), true, Step::Wait),
            (rolling(), true, Step::Wait),
            (Change::GivenUp("no".to_owned()), true, deploy(None, true)),
            (Change::GivenUp("no".to_owned()), false, deploy(None, false)),
        ] {
            let told = format!("{change:?} {is_wanted}");
            assert_eq!(step(&with(change, is_wanted)), Ok(expected), "{told}");
        }
        for change in [shifting(), rolling()] {
            assert!(step(&with(change, false)).unwrap_err().contains("under way"));
        }
    }

    #[test]
    fn all_reasons_are_told_at_once_and_the_worker_goes_first() {
        let worker = State {
            program: Program::Worker,
            ..with(Change::Rolling("0 of 1".to_owned()), false)
        };
        let told = release(&[with(shifting(), false), worker.clone()]).unwrap_err();
        assert_eq!(told.len(), 2);
        assert!(
            told[0].contains("worker") && told[1].contains("d-1 of the api"),
            "{told:?}"
        );
        let idle = State {
            change: Change::Nothing,
            ..worker
        };
        let steps = release(&[with(keeping(), true), idle]).unwrap();
        let order: Vec<Program> = steps.iter().map(|(program, _)| *program).collect();
        assert_eq!(order, [Program::Worker, Program::Api]);
    }

    #[test]
    fn turning_back_stops_what_is_under_way() {
        let stop = BackStep::Stop {
            deployment: "d-1".to_owned(),
        };
        for (change, goal, expected) in [
            (Change::Nothing, b'b', BackStep::Nothing),
            (Change::Nothing, b'a', BackStep::Deploy { force: false }),
            (shifting(), b'b', BackStep::Wait),
            (shifting(), b'a', stop.clone()),
            (keeping(), b'b', BackStep::Nothing),
            (keeping(), b'a', stop),
            (Change::Rolling(String::new()), b'b', BackStep::Wait),
            (
                Change::Rolling(String::new()),
                b'a',
                BackStep::Deploy { force: false },
            ),
            (
                Change::GivenUp(String::new()),
                b'b',
                BackStep::Deploy { force: true },
            ),
            (
                Change::GivenUp(String::new()),
                b'a',
                BackStep::Deploy { force: false },
            ),
        ] {
            let told = format!("{change:?} {goal}");
            assert_eq!(back(&with(change, false), &sha(goal)), expected, "{told}");
        }
    }

    #[test]
    fn going_back_is_to_what_ran_before() {
        let of = |worker: &str, api: &str| {
            let digests = previous(&[state(Program::Worker, worker), state(Program::Api, api)]).into_iter();
            digests
                .map(|(_, digest)| digest.map(|it| it.as_str()[7..8].to_owned()).unwrap_or_default())
                .collect::<Vec<_>>()
        };
        // After a release; killed after the first note, after both, after the worker, after the first record.
        assert_eq!(of("bba", "bba"), ["a", "a"]);
        assert_eq!(of("bbb", "bba"), ["b", "b"]);
        assert_eq!(of("bbb", "bbb"), ["b", "b"]);
        assert_eq!(of("cbb", "bbb"), ["b", "b"]);
        assert_eq!(of("ccb", "cbb"), ["b", "b"]);
        // AWS has turned one back by itself; there was nothing before.
        assert_eq!(of("ccb", "bcb"), ["b", "b"]);
        assert_eq!(of("cc-", "cc-"), ["", ""]);
    }

    #[test]
    fn what_a_release_goes_back_to_is_what_was_released_last() {
        let of = |worker: &str, api: &str| {
            let states = [state(Program::Worker, worker), state(Program::Api, api)];
            let digests = baseline(&states).into_iter();
            digests
                .map(|(_, digest)| digest.map(|it| it.as_str()[7..8].to_owned()).unwrap_or_default())
                .collect::<Vec<_>>()
        };
        // At rest; killed after the worker; after both; between recording one and the other.
        assert_eq!(of("bba", "bba"), ["b", "b"]);
        assert_eq!(of("cbb", "bbb"), ["b", "b"]);
        assert_eq!(of("cbb", "cbb"), ["b", "b"]);
        assert_eq!(of("ccb", "cbb"), ["c", "c"]);
        // The first release, and one that AWS turned back by itself after it was recorded.
        assert_eq!(of("---", "---"), ["", ""]);
        assert_eq!(of("c--", "---"), ["", ""]);
        assert_eq!(of("ccb", "bcb"), ["c", "c"]);
    }
}
