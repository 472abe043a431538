//! Task definitions: families, and their revisions.

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition};

use super::{Aws, Error};
use crate::digest::Digest;

/// A revision of a task definition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Revision {
    definition: TaskDefinition,
}

impl Revision {
    pub(crate) fn arn(&self) -> &str {
        self.definition.task_definition_arn().unwrap_or_default()
    }

    /// The image of its container by digest; `None` in a template.
    pub(crate) fn digest(&self) -> Option<Digest> {
        let image = self.definition.container_definitions().first()?.image()?;
        Digest::of_image(image)
    }

    /// The name of its container.
    pub(crate) fn container(&self) -> &str {
        let containers = self.definition.container_definitions();
        containers.first().and_then(|it| it.name()).unwrap_or_default()
    }

    /// How a task's log stream begins, before the container's name and the task's id.
    pub(crate) fn log_prefix(&self) -> Option<&str> {
        let container = self.definition.container_definitions().first()?;
        let options = container.log_configuration()?.options()?;
        options.get("awslogs-stream-prefix").map(String::as_str)
    }

    /// This revision with another image in it, not registered yet. Settings are as they are here.
    pub(crate) fn with_image(&self, repository_url: &str, digest: &Digest) -> Self {
        let mut definition = self.definition.clone();
        if let Some(container) = definition.container_definitions.iter_mut().flatten().next() {
            container.image = Some(format!("{repository_url}@{digest}"));
        }
        Self { definition }
    }

    /// Whether tasks of both are the same: image and all settings.
    pub(crate) fn runs_as(&self, other: &Self) -> bool {
        settings(&self.definition) == settings(&other.definition)
    }
}

/// A definition without what names a revision and tells how it came to be.
fn settings(definition: &TaskDefinition) -> TaskDefinition {
    let mut settings = definition.clone();
    settings.task_definition_arn = None;
    settings.revision = 0;
    settings.status = None;
    settings.requires_attributes = None;
    settings.compatibilities = None;
    settings.registered_at = None;
    settings.registered_by = None;
    settings.deregistered_at = None;
    settings.delete_requested_at = None;
    for container in settings.container_definitions.iter_mut().flatten() {
        sort(container);
    }
    settings
}

/// AWS gives back lists whose order means nothing in an order of its own.
fn sort(container: &mut ContainerDefinition) {
    if let Some(environment) = &mut container.environment {
        environment.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if let Some(secrets) = &mut container.secrets {
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

impl Aws {
    /// A revision by its ARN, or the newest one of a family.
    pub(crate) async fn revision(&self, name: &str) -> Result<Revision, Error> {
        const CALL: &str = "ecs:DescribeTaskDefinition";
        let request = self.ecs.describe_task_definition().task_definition(name);
        let answer = request.send().await.map_err(Error::of(CALL))?;
        let definition = answer
            .task_definition
            .ok_or_else(|| Error::answer(CALL, "no task definition"))?;
        Ok(Revision { definition })
    }

    /// Makes it the newest revision of its family, unless that is the same.
    pub(crate) async fn register(&self, wanted: &Revision) -> Result<Revision, Error> {
        const CALL: &str = "ecs:RegisterTaskDefinition";
        let it = wanted.definition.clone();
        let newest = self.revision(it.family().unwrap_or_default()).await?;
        if newest.runs_as(wanted) {
            return Ok(newest);
        }
        let request = self
            .ecs
            .register_task_definition()
            .set_family(it.family)
            .set_task_role_arn(it.task_role_arn)
            .set_execution_role_arn(it.execution_role_arn)
            .set_network_mode(it.network_mode)
            .set_container_definitions(it.container_definitions)
            .set_volumes(it.volumes)
            .set_placement_constraints(it.placement_constraints)
            .set_requires_compatibilities(it.requires_compatibilities)
            .set_cpu(it.cpu)
            .set_memory(it.memory)
            .set_pid_mode(it.pid_mode)
            .set_ipc_mode(it.ipc_mode)
            .set_proxy_configuration(it.proxy_configuration)
            .set_ephemeral_storage(it.ephemeral_storage)
            .set_runtime_platform(it.runtime_platform)
            .set_enable_fault_injection(it.enable_fault_injection);
        let answer = request.send().await.map_err(Error::of(CALL))?;
        let definition = answer
            .task_definition
            .ok_or_else(|| Error::answer(CALL, "no task definition"))?;
        Ok(Revision { definition })
    }

    /// The names of a family's revisions, newest first: a hundred at most.
    pub(crate) async fn revisions(&self, family: &str) -> Result<Vec<String>, Error> {
        let request = self.ecs.list_task_definitions().family_prefix(family);
        let request = request.sort(aws_sdk_ecs::types::SortOrder::Desc).max_results(100);
        let answer = request
            .send()
            .await
            .map_err(Error::of("ecs:ListTaskDefinitions"))?;
        let arns = answer.task_definition_arns.unwrap_or_default();
        // A prefix is not the family: `tandem-api` begins `tandem-api-2` too.
        let family = format!("/{family}:");
        Ok(arns.into_iter().filter(|arn| arn.contains(&family)).collect())
    }
}
