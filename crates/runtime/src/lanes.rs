//! Which lanes there are, and where their doorbells ring.

use std::collections::BTreeMap;

use domain::QueueName;
use url::Url;

use crate::env::{Env, Setting, one_of};

/// The backend.
pub const QUEUE: Setting = Setting::with_default(
    "TANDEM_QUEUE",
    "postgres",
    "Where doorbells ring: postgres, which needs nothing else, or sqs.",
);
/// The lanes.
pub const QUEUES: Setting = Setting::with_default(
    "TANDEM_QUEUES",
    "high,default,low",
    "The lanes, separated by commas; default must be among them.",
);
/// Their queues on SQS.
pub const SQS_QUEUE_URLS: Setting = Setting::optional(
    "TANDEM_SQS_QUEUE_URLS",
    "One SQS queue per lane, as default=https://…,high=https://…; needed with TANDEM_QUEUE=sqs.",
);

/// Their dead-letter queues on SQS.
pub const SQS_DEAD_LETTER_QUEUE_URLS: Setting = Setting::optional(
    "TANDEM_SQS_DEAD_LETTER_QUEUE_URLS",
    "One dead-letter queue per lane, in the same form; without them, failed jobs wait in the database only.",
);

/// The settings of this module, for `--help`.
pub const SETTINGS: &[&Setting] = &[&QUEUE, &QUEUES, &SQS_QUEUE_URLS, &SQS_DEAD_LETTER_QUEUE_URLS];

/// The lanes and their backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lanes {
    /// Their names, in the order in which they were given.
    pub names: Vec<QueueName>,
    /// Where they ring.
    pub backend: Backend,
    /// Their dead-letter queues on SQS: each lane has one, or none has.
    pub dead_letter_queues: BTreeMap<QueueName, Url>,
}

/// Where doorbells ring.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Backend {
    /// In Postgres itself.
    Postgres,
    /// In SQS; each lane has its queue's URL.
    Sqs(BTreeMap<QueueName, Url>),
}

#[derive(Clone, Copy)]
enum Choice {
    Postgres,
    Sqs,
}

impl Default for Lanes {
    /// The lanes that there are when nothing is set.
    fn default() -> Self {
        Self::from_env(&mut Env::new(|_| None)).expect("the defaults are valid")
    }
}

impl Lanes {
    /// Reads the settings of this module.
    pub fn from_env(env: &mut Env<'_>) -> Option<Self> {
        let names: Option<Vec<QueueName>> = env.get(&QUEUES);
        let choice = env.get_with(&QUEUE, |text| {
            one_of(text, &[("postgres", Choice::Postgres), ("sqs", Choice::Sqs)])
        });
        let urls = env.get_with(&SQS_QUEUE_URLS, parse_urls);
        let dead_letter_queues = env.get_with(&SQS_DEAD_LETTER_QUEUE_URLS, parse_urls);
        let names = names?;
        if !names.contains(&QueueName::default_lane()) {
            env.problem(&QUEUES, "must have default among the lanes");
        }
        if let Some(twice) = names
            .iter()
            .enumerate()
            .find(|(index, name)| names[..*index].contains(name))
        {
            env.problem(&QUEUES, format!("has {} twice", twice.1));
        }
        let backend = match choice? {
            Choice::Postgres => {
                for urls in [&SQS_QUEUE_URLS, &SQS_DEAD_LETTER_QUEUE_URLS] {
                    if env.is_set(urls) {
                        env.contradiction(&[urls, &QUEUE], "the first has a meaning with sqs only");
                    }
                }
                Backend::Postgres
            }
            Choice::Sqs => {
                if !env.is_set(&SQS_QUEUE_URLS) {
                    env.contradiction(
                        &[&SQS_QUEUE_URLS, &QUEUE],
                        "with sqs, each lane needs its queue's URL",
                    );
                }
                let urls = urls?;
                check_lanes(env, &SQS_QUEUE_URLS, &urls, &names);
                if let Some(dead_letter_queues) = &dead_letter_queues {
                    check_lanes(env, &SQS_DEAD_LETTER_QUEUE_URLS, dead_letter_queues, &names);
                    check_apart(env, dead_letter_queues, &urls);
                }
                Backend::Sqs(urls)
            }
        };
        Some(Self {
            names,
            backend,
            dead_letter_queues: dead_letter_queues.unwrap_or_default(),
        })
    }
}

/// Each lane has a URL, and nothing else has.
fn check_lanes(env: &mut Env<'_>, setting: &Setting, urls: &BTreeMap<QueueName, Url>, names: &[QueueName]) {
    for name in names.iter().filter(|name| !urls.contains_key(name)) {
        env.contradiction(&[setting, &QUEUES], format!("the lane {name} has no queue URL"));
    }
    for name in urls.keys().filter(|name| !names.contains(name)) {
        env.contradiction(&[setting, &QUEUES], format!("{name} is no lane"));
    }
}

/// A lane's own queue would run its dead letters again, at once and for ever; and two lanes in one dead-letter queue
/// would be counted as one.
fn check_apart(
    env: &mut Env<'_>,
    dead_letter_queues: &BTreeMap<QueueName, Url>,
    queues: &BTreeMap<QueueName, Url>,
) {
    for (name, url) in dead_letter_queues {
        if queues.values().any(|queue| queue == url) {
            let message = format!("the dead-letter queue of {name} is the queue of a lane");
            env.contradiction(&[&SQS_DEAD_LETTER_QUEUE_URLS, &SQS_QUEUE_URLS], message);
        }
        let earlier = dead_letter_queues.range(..name);
        if let Some((other, _)) = earlier.into_iter().find(|(_, earlier)| *earlier == url) {
            let message = format!("has one queue for {other} and {name}; each lane needs its own");
            env.problem(&SQS_DEAD_LETTER_QUEUE_URLS, message);
        }
    }
}

fn parse_urls(text: &str) -> Result<BTreeMap<QueueName, Url>, String> {
    text.split(',')
        .map(|item| {
            let (name, url) = item
                .split_once('=')
                .ok_or("must be pairs like default=https://…")?;
            let name = name
                .trim()
                .parse()
                .map_err(|error| format!("must name lanes: {name:?} {error}"))?;
            let url = url
                .trim()
                .parse()
                .map_err(|_| format!("must give URLs, which {url:?} is not"))?;
            Ok((name, url))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes<const N: usize>(variables: [(&'static str, &'static str); N]) -> Result<Lanes, String> {
        let mut env = Env::new(move |name| Some(variables.iter().find(|(n, _)| *n == name)?.1.to_owned()));
        let lanes = Lanes::from_env(&mut env);
        env.finish(|| lanes).map_err(|problems| problems.to_string())
    }

    #[test]
    fn without_settings_there_are_three_lanes_on_postgres() {
        let lanes = Lanes::default();
        assert_eq!(
            lanes.names.iter().map(QueueName::as_str).collect::<Vec<_>>(),
            ["high", "default", "low"]
        );
        assert_eq!(lanes.backend, Backend::Postgres);
        assert!(lanes.dead_letter_queues.is_empty());
    }

    #[test]
    fn each_lane_has_its_queue_on_sqs() {
        let urls = (
            "TANDEM_SQS_QUEUE_URLS",
            "default=https://sqs.example/1/a, high=https://sqs.example/1/b",
        );
        let sqs = ("TANDEM_QUEUE", "sqs");
        let Backend::Sqs(queues) = lanes([urls, sqs, ("TANDEM_QUEUES", "default,high")])
            .unwrap()
            .backend
        else {
            panic!("not sqs");
        };
        assert_eq!(queues.len(), 2);
        let problem = lanes([urls, sqs]).unwrap_err();
        assert_eq!(
            problem,
            "TANDEM_SQS_QUEUE_URLS, TANDEM_QUEUES: the lane low has no queue URL"
        );
        assert!(
            lanes([sqs])
                .unwrap_err()
                .contains("each lane needs its queue's URL")
        );
        assert!(lanes([urls]).unwrap_err().contains("with sqs only"));
        assert!(
            lanes([sqs, ("TANDEM_SQS_QUEUE_URLS", "default")])
                .unwrap_err()
                .contains("pairs like")
        );
    }

    #[test]
    fn each_lane_has_its_own_dead_letter_queue_or_none_has() {
        let sqs = |dead_letter_queues| {
            lanes([
                ("TANDEM_QUEUE", "sqs"),
                ("TANDEM_QUEUES", "default,high"),
                (
                    "TANDEM_SQS_QUEUE_URLS",
                    "default=https://sqs.example/a,high=https://sqs.example/b",
                ),
                ("TANDEM_SQS_DEAD_LETTER_QUEUE_URLS", dead_letter_queues),
            ])
        };
        let apart = sqs("default=https://sqs.example/a-dead, high=https://sqs.example/b-dead").unwrap();
        assert_eq!(
            apart.dead_letter_queues[&QueueName::default_lane()].as_str(),
            "https://sqs.example/a-dead"
        );
        for (urls, problem) in [
            (
                "default=https://sqs.example/a-dead",
                "the lane high has no queue URL",
            ),
            (
                "default=https://sqs.example/c,high=https://sqs.example/d,low=https://sqs.example/e",
                "low is no lane",
            ),
            (
                "default=https://sqs.example/b,high=https://sqs.example/b-dead",
                "the dead-letter queue of default is the queue of a lane",
            ),
            (
                "default=https://sqs.example/c,high=https://sqs.example/c",
                "one queue for default and high",
            ),
            ("default", "pairs like"),
        ] {
            let problems = sqs(urls).unwrap_err();
            assert!(
                problems.contains("TANDEM_SQS_DEAD_LETTER_QUEUE_URLS") && problems.contains(problem),
                "{problems}"
            );
        }
        let on_postgres = (
            "TANDEM_SQS_DEAD_LETTER_QUEUE_URLS",
            "default=https://sqs.example/c",
        );
        assert!(lanes([on_postgres]).unwrap_err().contains("with sqs only"));
    }

    #[test]
    fn the_default_lane_always_exists_and_none_exists_twice() {
        assert!(
            lanes([("TANDEM_QUEUES", "high")])
                .unwrap_err()
                .contains("must have default")
        );
        assert!(
            lanes([("TANDEM_QUEUES", "default,default")])
                .unwrap_err()
                .contains("default twice")
        );
        assert!(lanes([("TANDEM_QUEUES", "default,No Good")]).is_err());
    }
}
