//! Services of ECS, and their rolling deployments.

use aws_sdk_ecs::types::{self, DeploymentRolloutState};

use super::{Aws, Error};

/// A service, as ECS tells it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) desired: i32,
    pub(crate) running: i32,
    /// The revision that has the requests, or that is being rolled out.
    pub(crate) revision: String,
    pub(crate) rollout: Rollout,
    /// The revisions whose rolling deployments ECS has given up lately, and why.
    pub(crate) given_up: Vec<(String, String)>,
    /// The alarms that turn a rolling deployment back.
    pub(crate) alarms: Vec<String>,
}

/// How far a rolling deployment has got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Rollout {
    /// It goes on; how far it is.
    InProgress(String),
    Completed,
    /// ECS has given it up; why.
    Failed(String),
}

/// What to change; `None` is as it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceUpdate<'a> {
    pub(crate) revision: Option<&'a str>,
    pub(crate) desired: Option<i32>,
    /// Starts new tasks although the revision is the same.
    pub(crate) force: bool,
}

impl Aws {
    /// The services of these names, in their order.
    pub(crate) async fn services(&self, cluster: &str, names: &[&str]) -> Result<Vec<Service>, Error> {
        const CALL: &str = "ecs:DescribeServices";
        let wanted = names.iter().map(|&name| name.to_owned()).collect();
        let request = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .set_services(Some(wanted));
        let answer = request.send().await.map_err(Error::of(CALL))?;
        let found = answer.services();
        let service = |name: &&str| {
            let it = found.iter().find(|it| it.service_name() == Some(name));
            let it = it.filter(|it| it.status() != Some("INACTIVE"));
            it.map(read)
                .ok_or_else(|| Error::answer(CALL, format!("there is no service {name} in {cluster}")))
        };
        names.iter().map(service).collect()
    }

    /// Changes a service. A rolling deployment begins when the revision is another one.
    pub(crate) async fn update_service(
        &self,
        cluster: &str,
        name: &str,
        update: ServiceUpdate<'_>,
    ) -> Result<(), Error> {
        let request = self.ecs.update_service().cluster(cluster).service(name);
        let request = request
            .set_task_definition(update.revision.map(str::to_owned))
            .set_desired_count(update.desired)
            .set_force_new_deployment(update.force.then_some(true));
        request.send().await.map_err(Error::of("ecs:UpdateService"))?;
        Ok(())
    }
}

fn read(service: &types::Service) -> Service {
    // With CodeDeploy it is task sets, and the primary one has the requests.
    let primary_set = service
        .task_sets()
        .iter()
        .find(|set| set.status() == Some("PRIMARY"));
    let primary = service
        .deployments()
        .iter()
        .find(|it| it.status() == Some("PRIMARY"));
    let revision = primary_set
        .and_then(|set| set.task_definition())
        .or_else(|| primary.and_then(|it| it.task_definition()))
        .or_else(|| service.task_definition())
        .unwrap_or_default();
    let given_up = service.deployments().iter().filter_map(|it| match rollout(it) {
        Rollout::Failed(reason) => Some((it.task_definition()?.to_owned(), reason)),
        Rollout::InProgress(_) | Rollout::Completed => None,
    });
    let configuration = service.deployment_configuration();
    let alarms = configuration
        .and_then(|it| it.alarms())
        .filter(|alarms| alarms.enable);
    Service {
        desired: service.desired_count(),
        running: service.running_count(),
        revision: revision.to_owned(),
        rollout: primary.map_or(Rollout::Completed, rollout),
        given_up: given_up.collect(),
        alarms: alarms.map(|it| it.alarm_names().to_vec()).unwrap_or_default(),
    }
}

fn rollout(deployment: &types::Deployment) -> Rollout {
    let reason = || {
        deployment
            .rollout_state_reason()
            .unwrap_or("no reason given")
            .to_owned()
    };
    match deployment.rollout_state() {
        Some(DeploymentRolloutState::InProgress) => Rollout::InProgress(format!(
            "{} of {} new tasks run{}",
            deployment.running_count(),
            deployment.desired_count(),
            match deployment.failed_tasks() {
                0 => String::new(),
                failed => format!(", {failed} have failed"),
            },
        )),
        Some(DeploymentRolloutState::Failed) => Rollout::Failed(reason()),
        // Where it is not told, the service is not rolled by ECS.
        _ => Rollout::Completed,
    }
}
