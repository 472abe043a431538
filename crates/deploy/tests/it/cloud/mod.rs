//! What AWS has of one environment, and how it changes by itself while somebody looks.
//!
//! No emulator that the tests can have knows CodeDeploy and Auto Scaling, so this does: requests and answers have the shapes
//! of the SDK's own models, and the emulator's where it has the call, see `emulator.rs`. What is under way goes on by one step
//! with each look at it, so no test waits for a clock.

mod cbor;
mod codedeploy;
mod ecs;
mod others;
mod serve;
mod setup;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub(crate) use codedeploy::Deployment;
pub(crate) use ecs::{Rollout, Service, Task};
pub(crate) use serve::{Fault, Kill, When};
pub(crate) use setup::{image, sha, template};

/// The environment that there is.
pub(crate) const NAME: &str = "tandem-test";

/// What AWS has.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Task definitions by family; the revision is the place in the list, from 1.
    pub(crate) families: BTreeMap<String, Vec<Value>>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) parameters: BTreeMap<String, String>,
    /// By service: scaling in, out and by the clock.
    pub(crate) suspended: BTreeMap<String, [bool; 3]>,
    /// Images of both repositories by digest: their labels.
    pub(crate) images: BTreeMap<String, Value>,
    /// Images for several platforms: the digest of the one that is the first.
    pub(crate) indexes: BTreeMap<String, String>,
    /// Digests by repository and tag.
    pub(crate) tags: BTreeMap<(String, String), String>,
    /// Secrets by name.
    pub(crate) secrets: BTreeMap<String, String>,
    /// Findings by digest and severity; no entry is no scan.
    pub(crate) findings: BTreeMap<String, BTreeMap<String, i32>>,
    /// Raised alarms, with why.
    pub(crate) alarms: Vec<(String, String)>,
    /// Since when they are raised, in seconds; one that is not here is raised now.
    pub(crate) raised_at_secs: BTreeMap<String, u64>,
    /// When parameters were written, in seconds; one that is not here was there from the beginning.
    pub(crate) written_at_secs: BTreeMap<String, u64>,
    /// What time it is: a second goes by with each change.
    pub(crate) now_secs: u64,
    /// The most tasks of a service, where that is not the usual.
    pub(crate) most_tasks: BTreeMap<String, i64>,
    /// The alarms that deployments look at.
    pub(crate) watched: Vec<String>,
    /// Digests whose tasks do not start.
    pub(crate) broken: BTreeSet<String>,
    /// Digests whose tasks start, and raise an alarm.
    pub(crate) bad: BTreeSet<String>,
    /// Digests whose deployments never end.
    pub(crate) endless: BTreeSet<String>,
    /// How migrations end: exit code and reason.
    pub(crate) migration: (Option<i32>, String),
    /// Where the server is.
    pub(crate) url: String,
    /// Every call that changes something, in order.
    pub(crate) changes: Vec<String>,
}

/// What AWS says to a call: an answer, or a refusal by its code and message.
pub(crate) type Said = Result<Value, (&'static str, String)>;

/// The cloud: its state, and a server.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    world: Arc<Mutex<World>>,
    faults: Arc<Mutex<serve::Faults>>,
    pub(crate) url: String,
}

impl Cloud {
    /// An environment as Terraform leaves it, before the first release.
    pub(crate) async fn new() -> Self {
        Self::of(World::new()).await
    }

    /// An environment that runs the release `digit`.
    pub(crate) async fn running(digit: char) -> Self {
        Self::of(World::running(digit)).await
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The digest parameters, `api digest, api previous, worker digest, worker previous`, by the first digit of each.
    pub(crate) fn recorded(&self) -> String {
        let world = self.world();
        let names = [
            "api/digest",
            "api/previous_digest",
            "worker/digest",
            "worker/previous_digest",
        ];
        let value = |name: &&str| world.parameters[&format!("/{NAME}/{name}")].clone();
        names
            .iter()
            .map(value)
            .map(|it| {
                it.strip_prefix("sha256:")
                    .map_or("-".to_owned(), |it| it[..1].to_owned())
            })
            .collect()
    }

    /// What has the requests, `api worker`, by the first digit of each; `-` before the first release.
    pub(crate) fn runs(&self) -> String {
        let world = self.world();
        ["api", "worker"].map(|service| world.runs(service)).concat()
    }
}

impl World {
    fn runs(&self, service: &str) -> String {
        let arn = &self.services[service].revision;
        let image = self.revision(arn).unwrap()["containerDefinitions"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned();
        let digit = image.split("sha256:").nth(1).unwrap()[..1].to_owned();
        if digit == "0" { "-".to_owned() } else { digit }
    }

    /// Makes a change known to whoever counts them.
    fn changed(&mut self, what: impl Into<String>) {
        self.changes.push(what.into());
        self.now_secs += 1;
    }

    fn revision(&self, arn: &str) -> Option<&Value> {
        let name = arn.rsplit('/').next()?;
        match name.split_once(':') {
            Some((family, number)) => self
                .families
                .get(family)?
                .get(number.parse::<usize>().ok()?.checked_sub(1)?),
            None => self.families.get(name)?.last(),
        }
    }

    /// The digest in a revision.
    fn digest(&self, arn: &str) -> String {
        let image = self
            .revision(arn)
            .and_then(|it| it["containerDefinitions"][0]["image"].as_str());
        image
            .and_then(|it| it.split_once('@'))
            .map(|(_, digest)| digest.to_owned())
            .unwrap_or_default()
    }

    fn raise(&mut self, why: &str) {
        let alarm = (format!("{NAME}-rollback-api-errors"), why.to_owned());
        if !self.alarms.contains(&alarm) {
            self.raised_at_secs.insert(alarm.0.clone(), self.now_secs);
            self.alarms.push(alarm);
        }
    }
}

/// A call by its target or path, with its body.
pub(crate) fn answer(world: &mut World, call: &str, body: &Value) -> Said {
    match call {
        "DescribeTaskDefinition" => world.describe_task_definition(body),
        "RegisterTaskDefinition" => world.register_task_definition(body),
        "ListTaskDefinitions" => world.list_task_definitions(body),
        "DescribeServices" => world.describe_services(body),
        "UpdateService" => world.update_service(body),
        "RunTask" => world.run_task(body),
        "DescribeTasks" => world.describe_tasks(body),
        "CreateDeployment" => world.create_deployment(body),
        "GetDeployment" => world.get_deployment(body),
        "ListDeployments" => Ok(world.list_deployments()),
        "ListDeploymentTargets" => world.list_deployment_targets(body),
        "GetDeploymentTarget" => world.get_deployment_target(body),
        "StopDeployment" => world.stop_deployment(body),
        "ContinueDeployment" => world.continue_deployment(body),
        "GetDeploymentGroup" => Ok(world.get_deployment_group()),
        "GetParameters" => Ok(world.get_parameters(body)),
        "PutParameter" => world.put_parameter(body),
        "DescribeScalableTargets" => Ok(world.describe_scalable_targets(body)),
        "RegisterScalableTarget" => world.register_scalable_target(body),
        "BatchGetImage" => Ok(world.batch_get_image(body)),
        "PutImage" => world.put_image(body),
        "GetSecretValue" => world.get_secret(body),
        "GetDownloadUrlForLayer" => world.get_download_url(body),
        "DescribeImageScanFindings" => world.describe_findings(body),
        "DescribeAlarms" => Ok(world.describe_alarms(body)),
        _ => Err(("UnknownOperationException", json!({ "call": call }).to_string())),
    }
}
