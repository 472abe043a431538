//! Deployments of CodeDeploy, which move requests from old tasks to new ones.

use aws_sdk_codedeploy::types::{
    AlarmConfiguration, AppSpecContent, DeploymentInfo, DeploymentStatus, DeploymentWaitType,
    RevisionLocation, RevisionLocationType,
};
use serde_json::{Value, json};

use super::{Aws, Error};
use crate::environment::{API_PORT, CodeDeploy};

/// A deployment as CodeDeploy tells it.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// The revision that it brings.
    pub(crate) revision: String,
    pub(crate) phase: Phase,
    /// The deployment that turns this one back.
    pub(crate) turned_back_by: Option<String>,
}

/// How far a deployment has got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// New tasks start, or have a part of the requests; in CodeDeploy's words.
    Shifting(String),
    /// New tasks have all requests; the old ones are kept for a while.
    KeepingOld,
    /// New tasks have all requests, and the old ones are gone.
    Succeeded,
    /// The old tasks have all requests, or are about to; why.
    Failed(String),
}

impl Phase {
    /// Whether CodeDeploy refuses another deployment meanwhile.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self, Self::Shifting(_) | Self::KeepingOld)
    }
}

/// What to deploy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewDeployment<'a> {
    pub(crate) to: &'a CodeDeploy,
    pub(crate) revision: &'a str,
    pub(crate) container: &'a str,
    /// For whoever looks at it in the console.
    pub(crate) description: &'a str,
    /// All requests at once instead of a part of them first.
    pub(crate) at_once: bool,
    /// Goes on while alarms are raised: they are about what it takes away.
    pub(crate) despite_alarms: bool,
}

impl Aws {
    /// The deployment that is under way, if there is one.
    pub(crate) async fn deployment_under_way(&self, to: &CodeDeploy) -> Result<Option<Deployment>, Error> {
        let mut request = self.codedeploy.list_deployments().application_name(&to.app);
        request = request.deployment_group_name(&to.group);
        for status in [
            DeploymentStatus::Created,
            DeploymentStatus::Queued,
            DeploymentStatus::InProgress,
            DeploymentStatus::Baking,
            DeploymentStatus::Ready,
        ] {
            request = request.include_only_statuses(status);
        }
        let answer = request
            .send()
            .await
            .map_err(Error::of("codedeploy:ListDeployments"))?;
        match answer.deployments().first() {
            Some(id) => Ok(Some(self.deployment(id).await?).filter(|it| it.phase.is_under_way())),
            None => Ok(None),
        }
    }

    /// A deployment by its id.
    pub(crate) async fn deployment(&self, id: &str) -> Result<Deployment, Error> {
        const CALL: &str = "codedeploy:GetDeployment";
        let request = self.codedeploy.get_deployment().deployment_id(id);
        let answer = request.send().await.map_err(Error::of(CALL))?;
        let info = answer
            .deployment_info()
            .ok_or_else(|| Error::answer(CALL, "no deployment"))?;
        let phase = phase(info);
        let phase = match phase {
            Phase::Shifting(_) => self.shifting(id, phase).await?,
            Phase::KeepingOld | Phase::Succeeded | Phase::Failed(_) => phase,
        };
        let rollback = info.rollback_info().and_then(|it| it.rollback_deployment_id());
        Ok(Deployment {
            id: id.to_owned(),
            revision: revision(info).unwrap_or_default(),
            phase,
            turned_back_by: rollback.filter(|id| !id.is_empty()).map(str::to_owned),
        })
    }

    /// What the deployment itself does not tell: who has which part of the requests.
    async fn shifting(&self, id: &str, otherwise: Phase) -> Result<Phase, Error> {
        let request = self.codedeploy.list_deployment_targets().deployment_id(id);
        let answer = match request.send().await {
            Ok(answer) => answer,
            // One that has just begun has none yet.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|it| it.is_deployment_not_started_exception()) =>
            {
                return Ok(otherwise);
            }
            Err(error) => return Err(Error::of("codedeploy:ListDeploymentTargets")(error)),
        };
        let Some(target_id) = answer.target_ids().first() else {
            return Ok(otherwise);
        };
        let request = self
            .codedeploy
            .get_deployment_target()
            .deployment_id(id)
            .target_id(target_id);
        let answer = request
            .send()
            .await
            .map_err(Error::of("codedeploy:GetDeploymentTarget"))?;
        let target = answer.deployment_target().and_then(|it| it.ecs_target());
        let Some(target) = target else {
            return Ok(otherwise);
        };
        let event = target
            .lifecycle_events()
            .iter()
            .rfind(|it| it.status().is_some_and(|status| status.as_str() == "InProgress"));
        let weights = target.task_sets_info().iter().map(|set| {
            let label = set.task_set_label().map_or("a task set", |label| label.as_str());
            format!(
                "{label} {} of {} tasks, {:.0} % of requests",
                set.running_count(),
                set.desired_count(),
                set.traffic_weight()
            )
        });
        let event = event.and_then(|it| it.lifecycle_event_name()).map(str::to_owned);
        let told: Vec<String> = event.into_iter().chain(weights).collect();
        Ok(if told.is_empty() {
            otherwise
        } else {
            Phase::Shifting(told.join("; "))
        })
    }

    /// Begins a deployment. CodeDeploy refuses a second one of the same service, so one that was sent twice, or by somebody
    /// else, is found by [`Aws::deployment_under_way`].
    pub(crate) async fn create_deployment(&self, new: NewDeployment<'_>) -> Result<String, Error> {
        const CALL: &str = "codedeploy:CreateDeployment";
        let content = AppSpecContent::builder()
            .content(app_spec(new.revision, new.container).to_string())
            .build();
        let revision = RevisionLocation::builder()
            .revision_type(RevisionLocationType::AppSpecContent)
            .app_spec_content(content)
            .build();
        let mut request = self
            .codedeploy
            .create_deployment()
            .application_name(&new.to.app)
            .deployment_group_name(&new.to.group)
            .description(new.description)
            .revision(revision);
        if new.at_once {
            request = request.deployment_config_name("CodeDeployDefault.ECSAllAtOnce");
        }
        if new.despite_alarms {
            request =
                request.override_alarm_configuration(AlarmConfiguration::builder().enabled(false).build());
        }
        let answer = request.send().await.map_err(Error::of(CALL))?;
        answer.deployment_id.ok_or_else(|| Error::answer(CALL, "no id"))
    }

    /// Ends a deployment and gives the requests back to the old tasks. One that has ended meanwhile is left alone.
    pub(crate) async fn stop_deployment(&self, id: &str) -> Result<(), Error> {
        let request = self
            .codedeploy
            .stop_deployment()
            .deployment_id(id)
            .auto_rollback_enabled(true);
        match request
            .send()
            .await
            .map_err(Error::of("codedeploy:StopDeployment"))
        {
            Err(error) if !error.is("DeploymentAlreadyCompletedException") => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Lets go of the old tasks before their time.
    pub(crate) async fn end_old_tasks(&self, id: &str) -> Result<(), Error> {
        let request = self.codedeploy.continue_deployment().deployment_id(id);
        let request = request.deployment_wait_type(DeploymentWaitType::TerminationWait);
        match request
            .send()
            .await
            .map_err(Error::of("codedeploy:ContinueDeployment"))
        {
            Err(error) if !error.is("DeploymentAlreadyCompletedException") => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The alarms that turn a deployment back.
    pub(crate) async fn deployment_alarms(&self, of: &CodeDeploy) -> Result<Vec<String>, Error> {
        let request = self.codedeploy.get_deployment_group().application_name(&of.app);
        let request = request.deployment_group_name(&of.group);
        let answer = request
            .send()
            .await
            .map_err(Error::of("codedeploy:GetDeploymentGroup"))?;
        let configuration = answer.deployment_group_info.and_then(|it| it.alarm_configuration);
        let alarms = configuration.filter(|it| it.enabled).and_then(|it| it.alarms);
        Ok(alarms
            .unwrap_or_default()
            .into_iter()
            .filter_map(|it| it.name)
            .collect())
    }
}

fn phase(info: &DeploymentInfo) -> Phase {
    let why = || {
        let error = info.error_information().and_then(|it| it.message());
        let rollback = info.rollback_info().and_then(|it| it.rollback_message());
        error.or(rollback).unwrap_or("no reason given").to_owned()
    };
    match info.status() {
        Some(DeploymentStatus::Succeeded) => Phase::Succeeded,
        Some(DeploymentStatus::Failed) => Phase::Failed(why()),
        Some(DeploymentStatus::Stopped) => Phase::Failed(format!("stopped: {}", why())),
        Some(_) if info.instance_termination_wait_time_started() => Phase::KeepingOld,
        Some(status) => Phase::Shifting(status.as_str().to_owned()),
        None => Phase::Shifting("no status yet".to_owned()),
    }
}

fn app_spec(revision: &str, container: &str) -> Value {
    json!({
        "version": 0.0,
        "Resources": [{ "TargetService": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "TaskDefinition": revision,
                "LoadBalancerInfo": { "ContainerName": container, "ContainerPort": API_PORT },
            },
        } }],
    })
}

/// The revision in a deployment's app spec. CodeDeploy gives it back as it was written, under one of two names.
fn revision(info: &DeploymentInfo) -> Option<String> {
    let location = info.revision()?;
    let content = location.app_spec_content().and_then(|it| it.content());
    // Deployments of the console tell it like this.
    let text = content.or_else(|| location.string().and_then(|it| it.content()))?;
    let spec: Value = serde_json::from_str(text).ok()?;
    let service = &spec["Resources"][0]["TargetService"];
    service["Properties"]["TaskDefinition"]
        .as_str()
        .map(str::to_owned)
}
