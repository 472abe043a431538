//! A service whose requests CodeDeploy moves from old tasks to new ones.

use crate::aws::{Error, NewDeployment, Phase};
use crate::digest::Program;
use crate::output;
use crate::rolling::{Broken, service};
use crate::session::Session;
use crate::wait::{Pace, Seen, until};

/// How often to look whether CodeDeploy turns a deployment back that has failed.
const LOOKS_FOR_ROLLBACK: u32 = 6;

/// Begins to move requests to tasks of a revision, or finds that this is under way; answers the deployment.
///
/// `CreateDeployment` can't be sent twice under one name, so after an error there is a look whether it was heard.
pub(crate) async fn begin(session: &Session, new: NewDeployment<'_>) -> Result<String, Error> {
    match session.aws.create_deployment(new).await {
        Ok(id) => Ok(id),
        Err(error) => match session.aws.deployment_under_way(new.to).await? {
            Some(deployment) if deployment.revision == new.revision => Ok(deployment.id),
            Some(_) | None => Err(error),
        },
    }
}

/// Waits until the new tasks have all requests. CodeDeploy turns back by itself when they do not start, or when an alarm is
/// raised; then until the old ones have all requests again.
pub(crate) async fn arrive(session: &Session, program: Program, id: &str, pace: Pace) -> Result<(), Broken> {
    let what = format!("{program} {id}");
    let ended = until(&what, pace, &session.stop, async || {
        let deployment = session.aws.deployment(id).await?;
        Ok(match &deployment.phase {
            Phase::Shifting(stands) => Seen::Not(stands.clone()),
            Phase::KeepingOld | Phase::Succeeded | Phase::Failed(_) => Seen::Ended(deployment),
        })
    });
    let ended = ended.await?;
    let Phase::Failed(reason) = ended.phase else {
        return Ok(());
    };
    output::note(&format!("{what}: failed: {reason}"));
    let has_requests = turned_back(session, program, id, pace).await?;
    Err(if has_requests == ended.revision {
        Broken::Stuck(reason)
    } else {
        Broken::TurnedBack(reason)
    })
}

/// Stops what is under way, and waits until the old tasks have all requests again.
pub(crate) async fn stop(session: &Session, program: Program, id: &str, pace: Pace) -> Result<(), Broken> {
    output::note(&format!(
        "{program} {id}: the requests are given back to the old tasks"
    ));
    session.aws.stop_deployment(id).await?;
    turned_back(session, program, id, pace).await?;
    Ok(())
}

/// Lets go of the old tasks, and waits until they are gone.
pub(crate) async fn let_go(session: &Session, program: Program, id: &str, pace: Pace) -> Result<(), Broken> {
    output::note(&format!(
        "{program} {id}: the tasks of the release before are let go"
    ));
    session.aws.end_old_tasks(id).await?;
    let what = format!("{program} {id}");
    let gone = until(&what, pace, &session.stop, async || {
        let deployment = session.aws.deployment(id).await?;
        Ok(match deployment.phase {
            Phase::Shifting(stands) => Seen::Not(stands),
            Phase::KeepingOld => Seen::Not("old tasks end".to_owned()),
            Phase::Succeeded | Phase::Failed(_) => Seen::Ended(()),
        })
    });
    Ok(gone.await?)
}

/// Waits until a deployment that failed is turned back; answers the revision that has the requests then.
///
/// What turns it back is a deployment of its own, which begins a moment later, if it is needed at all.
async fn turned_back(session: &Session, program: Program, id: &str, pace: Pace) -> Result<String, Broken> {
    let mut looks = 0;
    let what = format!("{program} {id}");
    let settled = until(&what, pace, &session.stop, async || {
        let deployment = session.aws.deployment(id).await?;
        if let Some(rollback) = &deployment.turned_back_by {
            return Ok(match session.aws.deployment(rollback).await?.phase {
                Phase::Shifting(stands) => Seen::Not(format!("turned back by {rollback}: {stands}")),
                Phase::KeepingOld | Phase::Succeeded | Phase::Failed(_) => Seen::Ended(()),
            });
        }
        looks += 1;
        let may_follow = deployment.phase.is_under_way() || looks < LOOKS_FOR_ROLLBACK;
        Ok(if may_follow {
            Seen::Not("turning back".to_owned())
        } else {
            Seen::Ended(())
        })
    });
    settled.await?;
    Ok(service(session, program).await?.revision)
}
