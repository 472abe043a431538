//! A service whose tasks ECS exchanges one by one.

use crate::aws::{Error, Rollout, Service, ServiceUpdate};
use crate::digest::Program;
use crate::session::Session;
use crate::wait::{Pace, Seen, Stopped, until};

/// How often to look before it is believed that a deployment which has just begun is gone: ECS may show for a moment what was
/// there before.
const LOOKS_FOR_START: u32 = 6;

/// How a change of a program ended that did not do what it should.
#[derive(Debug)]
pub(crate) enum Broken {
    /// AWS would not even begin, or does not let us look.
    Call(Error),
    /// AWS has given it up, and what ran before has the requests again; why.
    TurnedBack(String),
    /// AWS has given it up, or takes too long, and what ran before does not have the requests; why.
    Stuck(String),
    /// This process was asked to end, and AWS goes on.
    Interrupted,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Stopped> for Broken {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Interrupted => Self::Interrupted,
            Stopped::TimeUp(limit) => Self::Stuck(format!("it is not over after {} s", limit.as_secs())),
            Stopped::Refused(error) => Self::Call(error),
        }
    }
}

/// Begins to exchange tasks for those of a revision.
pub(crate) async fn begin(
    session: &Session,
    program: Program,
    update: ServiceUpdate<'_>,
) -> Result<(), Error> {
    let name = &session.environment.service(program).name;
    session
        .aws
        .update_service(&session.environment.cluster, name, update)
        .await
}

/// Waits until all tasks are of this revision.
pub(crate) async fn arrive(
    session: &Session,
    program: Program,
    revision: &str,
    pace: Pace,
) -> Result<(), Broken> {
    let mut looks = 0;
    let mut reason = "ECS has turned back, or somebody else has".to_owned();
    let turned_back = until(program.name(), pace, &session.stop, async || {
        let service = service(session, program).await?;
        if let Some((_, given_up)) = service.given_up.iter().find(|(of, _)| of == revision) {
            reason.clone_from(given_up);
        }
        let is_known = service.revision == revision || !service.given_up.is_empty();
        looks = if is_known { LOOKS_FOR_START } else { looks + 1 };
        if looks < LOOKS_FOR_START {
            return Ok(Seen::Not("beginning".to_owned()));
        }
        Ok(match (service.revision == revision, service.rollout) {
            (true, Rollout::InProgress(stands)) => Seen::Not(stands),
            (true, Rollout::Completed) => Seen::Ended(None),
            (true, Rollout::Failed(reason)) => Seen::Ended(Some(Broken::Stuck(reason))),
            // Until the tasks of the revision before are there again, nothing more can be said.
            (false, Rollout::InProgress(stands)) => Seen::Not(format!("{reason}; turning back: {stands}")),
            (false, Rollout::Completed | Rollout::Failed(_)) => {
                Seen::Ended(Some(Broken::TurnedBack(reason.clone())))
            }
        })
    });
    turned_back.await?.map_or(Ok(()), Err)
}

/// Waits until as many tasks run as should.
pub(crate) async fn fill(session: &Session, program: Program, pace: Pace) -> Result<(), Broken> {
    let filled = until(program.name(), pace, &session.stop, async || {
        let service = service(session, program).await?;
        Ok(if service.running >= service.desired {
            Seen::Ended(())
        } else {
            Seen::Not(format!("{} of {} tasks run", service.running, service.desired))
        })
    });
    Ok(filled.await?)
}

/// The service of a program, as it is now.
pub(crate) async fn service(session: &Session, program: Program) -> Result<Service, Error> {
    let name = session.environment.service(program).name.as_str();
    let mut services = session
        .aws
        .services(&session.environment.cluster, &[name])
        .await?;
    Ok(services.remove(0))
}
