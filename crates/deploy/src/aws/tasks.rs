//! Tasks that end.

use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, LaunchType, NetworkConfiguration};

use super::{Aws, Error};

/// What is to run once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskRequest<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) subnet_ids: &'a [String],
    pub(crate) sg_ids: &'a [String],
    pub(crate) assign_public_ip: bool,
}

/// A task as ECS tells it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    /// Such as `PENDING`, `RUNNING`, `STOPPED`.
    pub(crate) status: String,
    /// Of its container; absent when that never started.
    pub(crate) exit_code: Option<i32>,
    /// What made it stop, such as `EssentialContainerExited` or `UserInitiated`.
    pub(crate) stop_code: Option<String>,
    /// Why it stopped, in ECS' words: of the container, then of the task.
    pub(crate) reasons: Vec<String>,
}

impl Task {
    /// What the log stream of its container ends with.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.status == "STOPPED"
    }
}

impl Aws {
    /// Starts a task on Fargate. The SDK gives the request a token, so sending it twice starts one.
    pub(crate) async fn run_task(&self, request: TaskRequest<'_>) -> Result<Task, Error> {
        const CALL: &str = "ecs:RunTask";
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(request.subnet_ids.to_vec()))
            .set_security_groups(Some(request.sg_ids.to_vec()))
            .assign_public_ip(if request.assign_public_ip {
                AssignPublicIp::Enabled
            } else {
                AssignPublicIp::Disabled
            })
            .build()
            .map_err(|error| Error::answer(CALL, error.to_string()))?;
        let call = self
            .ecs
            .run_task()
            .cluster(request.cluster)
            .task_definition(request.revision)
            .launch_type(LaunchType::Fargate)
            .network_configuration(
                NetworkConfiguration::builder()
                    .awsvpc_configuration(network)
                    .build(),
            )
            .started_by("tandem-deploy")
            .count(1);
        let answer = call.send().await.map_err(Error::of(CALL))?;
        // An answer without an error can have a failure in place of the task: no capacity, for example.
        if let Some(failure) = answer.failures().first() {
            let parts = [failure.reason(), failure.detail()].into_iter().flatten();
            return Err(Error::answer(CALL, parts.collect::<Vec<_>>().join(": ")));
        }
        let task = answer
            .tasks()
            .first()
            .ok_or_else(|| Error::answer(CALL, "no task"))?;
        Ok(read(task))
    }

    /// A task, as long as ECS remembers it; `None` also right after it was started.
    pub(crate) async fn task(&self, cluster: &str, arn: &str) -> Result<Option<Task>, Error> {
        let request = self.ecs.describe_tasks().cluster(cluster).tasks(arn);
        let answer = request.send().await.map_err(Error::of("ecs:DescribeTasks"))?;
        Ok(answer.tasks().first().map(read))
    }
}

fn read(task: &aws_sdk_ecs::types::Task) -> Task {
    let container = task.containers().first();
    let reasons = [container.and_then(|it| it.reason()), task.stopped_reason()];
    let mut reasons: Vec<String> = reasons.into_iter().flatten().map(str::to_owned).collect();
    reasons.dedup();
    Task {
        arn: task.task_arn().unwrap_or_default().to_owned(),
        status: task.last_status().unwrap_or_default().to_owned(),
        exit_code: container.and_then(|it| it.exit_code()),
        stop_code: task.stop_code().map(|it| it.as_str().to_owned()),
        reasons,
    }
}
