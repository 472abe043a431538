//! Which jobs are submitted: decided by the seed and the job's number alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// How often an attempt of a job that should succeed may be lost with its worker.
const MANY_ATTEMPTS: u32 = 30;
/// The attempts of a job that is meant to fail.
const FEW_ATTEMPTS: u32 = 3;
const LONGEST_BACKOFF_MS: u64 = 2_000;
const TIMEOUT_MS: u64 = 60_000;

/// What becomes of a job that is left alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Behaviour {
    Ok,
    Slow,
    /// Fails twice, then succeeds.
    FailFirst,
    AlwaysFail,
    Panic,
    UnknownKind,
}

/// A job as it is meant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// Its number, which no other job of the run has.
    pub(crate) n: u64,
    /// The index of its tenant.
    pub(crate) tenant: usize,
    pub(crate) kind: &'static str,
    pub(crate) lane: &'static str,
    pub(crate) behaviour: Behaviour,
    pub(crate) max_attempts: u32,
    pub(crate) backoff_initial_ms: u64,
    /// How long after its submit it is due, if not at once.
    pub(crate) due_in: Option<Duration>,
    /// How long after its submit it may start, if that is limited.
    pub(crate) start_within: Option<Duration>,
    /// When a client asks for its end, counted from the answer to the submit.
    pub(crate) cancelled_after: Option<Duration>,
    /// When a client asks for another life, counted from the answer to the submit.
    pub(crate) retried_after: Option<Duration>,
    /// Whether it is submitted twice at the same time, and its key then used for something else.
    pub(crate) is_twin: bool,
}

/// What a job has to know of the run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Where the receiver answers.
    pub(crate) receiver_url: String,
    /// How long jobs sleep that do nothing else.
    pub(crate) sleep: Duration,
}

/// The times that a submit names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) run_at: Option<String>,
    pub(crate) start_by: Option<String>,
}

/// The lanes that jobs wait in.
pub(crate) const LANES: [&str; 2] = ["default", "high"];

impl Behaviour {
    /// Its name in the history, and in the receiver's URL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Slow => "slow",
            Self::FailFirst => "fail_first",
            Self::AlwaysFail => "always_fail",
            Self::Panic => "panic",
            Self::UnknownKind => "unknown_kind",
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let all = [
            Self::Ok,
            Self::Slow,
            Self::FailFirst,
            Self::AlwaysFail,
            Self::Panic,
            Self::UnknownKind,
        ];
        all.into_iter().find(|it| it.name() == name)
    }
}

impl Job {
    /// The `n`-th job of the run with this seed.
    pub(crate) fn intended(seed: u64, n: u64, tenants: usize) -> Self {
        // Neighbouring numbers must not begin alike; seeding mixes the bits.
        let mut chance = StdRng::seed_from_u64(seed.rotate_left(32) ^ n);
        let (kind, behaviour) = match chance.random_range(0..1_000) {
            0..5 => ("test.fail", Behaviour::Panic),
            5..10 => ("chaos.unknown", Behaviour::UnknownKind),
            10..20 => ("http.request", Behaviour::AlwaysFail),
            20..170 => ("test.echo", Behaviour::Ok),
            170..220 => ("test.sleep", Behaviour::Ok),
            220..420 => ("http.request", Behaviour::Slow),
            420..620 => ("http.request", Behaviour::FailFirst),
            _ => ("http.request", Behaviour::Ok),
        };
        let is_meant_to_fail = matches!(
            behaviour,
            Behaviour::AlwaysFail | Behaviour::Panic | Behaviour::UnknownKind
        );
        let due_in = chance
            .random_bool(0.05)
            .then(|| Duration::from_millis(chance.random_range(1_000..=20_000)));
        let has_last_moment = due_in.is_none() && behaviour == Behaviour::Ok && chance.random_bool(0.03);
        Self {
            n,
            tenant: chance.random_range(0..tenants),
            kind,
            lane: LANES[usize::from(chance.random_bool(0.2))],
            behaviour,
            max_attempts: if is_meant_to_fail {
                FEW_ATTEMPTS
            } else {
                MANY_ATTEMPTS
            },
            backoff_initial_ms: chance.random_range(200..=1_000),
            due_in,
            start_within: has_last_moment.then(|| Duration::from_millis(chance.random_range(1_500..=6_000))),
            retried_after: (is_meant_to_fail && chance.random_bool(0.5))
                .then(|| Duration::from_millis(chance.random_range(2_000..=5_000))),
            is_twin: chance.random_bool(0.05),
            cancelled_after: chance
                .random_bool(0.02)
                .then(|| Duration::from_millis(chance.random_range(0..=3_000))),
        }
    }

    /// What is submitted.
    pub(crate) fn body(&self, tenant: &str, times: &Times, place: &Place) -> Value {
        let (n, receiver) = (self.n, &place.receiver_url);
        let payload = match self.kind {
            "http.request" => json!({
                "url": format!("{receiver}/hook/{tenant}/{n}?behaviour={}", self.behaviour.name()),
                "body": {"n": n},
                "timeout_ms": TIMEOUT_MS / 2,
            }),
            "test.fail" => json!({"message": format!("job {n} panics"), "panic": true}),
            "test.sleep" => json!({"ms": place.sleep.as_millis() as u64}),
            _ => json!({"n": n}),
        };
        let mut body = json!({
            "kind": self.kind,
            "queue": self.lane,
            "payload": payload,
            "max_attempts": self.max_attempts,
            "backoff": {"initial_ms": self.backoff_initial_ms, "factor": 2.0, "max_ms": LONGEST_BACKOFF_MS},
            "timeout_ms": TIMEOUT_MS,
        });
        for (name, at) in [("run_at", &times.run_at), ("start_by", &times.start_by)] {
            if let Some(at) = at {
                body[name] = at.as_str().into();
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(seed: u64) -> Vec<Job> {
        (0..10_000).map(|n| Job::intended(seed, n, 20)).collect()
    }

    #[test]
    fn the_seed_decides_everything() {
        assert_eq!(jobs(1), jobs(1));
        assert_ne!(jobs(1), jobs(2));
    }

    #[test]
    fn every_kind_of_job_is_in_the_mix_in_about_its_share() {
        let jobs = jobs(1);
        let share = |wanted: &dyn Fn(&Job) -> bool| jobs.iter().filter(|job| wanted(job)).count();
        for (behaviour, expected) in [
            (Behaviour::Slow, 2_000),
            (Behaviour::FailFirst, 2_000),
            (Behaviour::AlwaysFail, 100),
            (Behaviour::Panic, 50),
            (Behaviour::UnknownKind, 50),
        ] {
            let found = share(&|job| job.behaviour == behaviour);
            assert!(
                found > expected / 2 && found < expected * 2,
                "{behaviour:?}: {found}"
            );
        }
        let scheduled = share(&|job| job.due_in.is_some());
        assert!((400..600).contains(&scheduled), "{scheduled}");
        let cancelled = share(&|job| job.cancelled_after.is_some());
        assert!((120..300).contains(&cancelled), "{cancelled}");
        let retried = share(&|job| job.retried_after.is_some());
        assert!((60..140).contains(&retried), "{retried}");
        let twins = share(&|job| job.is_twin);
        assert!((400..600).contains(&twins), "{twins}");
        let limited = share(&|job| job.start_within.is_some());
        assert!((100..300).contains(&limited), "{limited}");
        assert!((0..20).all(|tenant| jobs.iter().any(|job| job.tenant == tenant)));
    }

    #[test]
    fn a_behaviour_is_found_by_the_name_in_the_receivers_url() {
        let job = jobs(1)
            .into_iter()
            .find(|job| job.behaviour == Behaviour::Slow)
            .unwrap();
        let place = Place {
            receiver_url: "http://127.0.0.1:1".to_owned(),
            sleep: Duration::ZERO,
        };
        let body = job.body("t1", &Times::default(), &place);
        let url = body["payload"]["url"].as_str().unwrap();
        let (path, name) = url.split_once("?behaviour=").unwrap();
        assert_eq!(path, format!("http://127.0.0.1:1/hook/t1/{}", job.n));
        assert_eq!(Behaviour::by_name(name), Some(Behaviour::Slow));
        assert_eq!(Behaviour::by_name("fast"), None);
    }
}
