//! Application Auto Scaling, which changes the number of tasks.

use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget, ServiceNamespace, SuspendedState,
};

use super::{Aws, Error};

/// Which kinds of scaling a service is spared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Suspension {
    /// Taking tasks away.
    pub(crate) scale_in: bool,
    /// Adding tasks.
    pub(crate) scale_out: bool,
    /// By the clock.
    pub(crate) scheduled: bool,
}

impl Aws {
    /// What a service is spared; `None` when nothing scales it.
    pub(crate) async fn suspension(&self, cluster: &str, service: &str) -> Result<Option<Suspension>, Error> {
        Ok(self.scalable_target(cluster, service).await?.as_ref().map(read))
    }

    /// How many tasks a service may have now; `None` when nothing scales it.
    pub(crate) async fn most_tasks(&self, cluster: &str, service: &str) -> Result<Option<i32>, Error> {
        let target = self.scalable_target(cluster, service).await?;
        Ok(target.map(|it| it.max_capacity()))
    }

    async fn scalable_target(&self, cluster: &str, service: &str) -> Result<Option<ScalableTarget>, Error> {
        let request = self
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs);
        let request = request
            .resource_ids(resource_id(cluster, service))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        let answer = request
            .send()
            .await
            .map_err(Error::of("application-autoscaling:DescribeScalableTargets"))?;
        Ok(answer.scalable_targets.unwrap_or_default().into_iter().next())
    }

    /// Changes what a service is spared. Its limits stay.
    pub(crate) async fn suspend(
        &self,
        cluster: &str,
        service: &str,
        suspension: Suspension,
    ) -> Result<(), Error> {
        let state = SuspendedState::builder()
            .dynamic_scaling_in_suspended(suspension.scale_in)
            .dynamic_scaling_out_suspended(suspension.scale_out)
            .scheduled_scaling_suspended(suspension.scheduled)
            .build();
        let request = self
            .scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs);
        let request = request
            .resource_id(resource_id(cluster, service))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .suspended_state(state);
        request
            .send()
            .await
            .map_err(Error::of("application-autoscaling:RegisterScalableTarget"))?;
        Ok(())
    }
}

fn resource_id(cluster: &str, service: &str) -> String {
    format!("service/{cluster}/{service}")
}

fn read(target: &ScalableTarget) -> Suspension {
    let state = target.suspended_state();
    let is_set = |read: fn(&SuspendedState) -> Option<bool>| state.and_then(read).unwrap_or_default();
    Suspension {
        scale_in: is_set(SuspendedState::dynamic_scaling_in_suspended),
        scale_out: is_set(SuspendedState::dynamic_scaling_out_suspended),
        scheduled: is_set(SuspendedState::scheduled_scaling_suspended),
    }
}
