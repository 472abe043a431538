//! What is there, before anything is changed.

use crate::aws::{Deployment, Error, Phase, Revision, Rollout, Service};
use crate::digest::{Digest, Program, ProgramDigest};
use crate::plan::{Change, State};
use crate::session::Session;

/// The value of a parameter that has no digest yet.
pub(crate) const NONE: &str = "none";

/// A program as it is.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) program: Program,
    pub(crate) service: Service,
    /// The revision that has the requests or is about to have them.
    pub(crate) target: Revision,
    pub(crate) deployment: Option<Deployment>,
    pub(crate) recorded: Option<Digest>,
    pub(crate) previous: Option<Digest>,
}

impl Found {
    /// What the plan is made from. Without something wanted, nothing is.
    pub(crate) fn state(&self, wanted: Option<&Revision>) -> State {
        let change = match (
            self.deployment.as_ref().map(|it| (&it.id, &it.phase)),
            &self.service.rollout,
        ) {
            (Some((id, Phase::Shifting(stands))), _) => Change::Shifting {
                deployment: id.clone(),
                stands: stands.clone(),
            },
            (Some((id, Phase::KeepingOld)), _) => Change::KeepingOld {
                deployment: id.clone(),
            },
            (_, Rollout::InProgress(stands)) => Change::Rolling(stands.clone()),
            (_, Rollout::Failed(reason)) => Change::GivenUp(reason.clone()),
            (_, Rollout::Completed) => Change::Nothing,
        };
        State {
            program: self.program,
            target: self.target.digest(),
            is_wanted: wanted.is_some_and(|wanted| wanted.runs_as(&self.target)),
            change,
            recorded: self.recorded.clone(),
            previous: self.previous.clone(),
        }
    }
}

impl Session {
    /// Looks at the programs, in the order in which they are released.
    pub(crate) async fn look(&self) -> Result<Vec<Found>, Error> {
        let environment = &self.environment;
        let facts = crate::plan::ORDER.map(|program| (program, environment.service(program)));
        let names = facts.map(|(_, it)| it.name.as_str());
        let services = self.aws.services(&environment.cluster, &names).await?;
        let parameters = facts.map(|(_, it)| {
            [
                it.digest_parameters.digest.as_str(),
                it.digest_parameters.previous_digest.as_str(),
            ]
        });
        let recorded = self.aws.parameters(parameters.as_flattened()).await?;
        let digest = |name: &str| {
            recorded
                .get(name)
                .filter(|it| *it != NONE)
                .and_then(|it| it.parse().ok())
        };
        let mut found = Vec::new();
        for ((program, it), service) in facts.into_iter().zip(services) {
            let deployment = match &it.codedeploy {
                Some(codedeploy) => self.aws.deployment_under_way(codedeploy).await?,
                None => None,
            };
            let coming = deployment
                .as_ref()
                .map(|it| it.revision.as_str())
                .filter(|arn| !arn.is_empty());
            found.push(Found {
                program,
                target: self.aws.revision(coming.unwrap_or(&service.revision)).await?,
                service,
                deployment,
                recorded: digest(&it.digest_parameters.digest),
                previous: digest(&it.digest_parameters.previous_digest),
            });
        }
        Ok(found)
    }

    /// The revision that a release wants, not registered yet: the newest settings with the image in them.
    pub(crate) async fn wanted(&self, image: &ProgramDigest) -> Result<Revision, Error> {
        let facts = self.environment.service(image.program);
        let template = self.aws.revision(&facts.template).await?;
        Ok(template.with_image(&facts.repository_url, &image.digest))
    }
}
