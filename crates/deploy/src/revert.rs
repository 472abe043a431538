//! Turning a program back, from whatever is under way with it.

use crate::aws::{Error, NewDeployment, Revision, ServiceUpdate};
use crate::digest::{Digest, Program};
use crate::plan::{BackStep, back};
use crate::rolling::Broken;
use crate::session::Session;
use crate::wait::Pace;
use crate::{hold, output, rolling, shift};

/// How many revisions are looked through for an image.
const REVISIONS: usize = 50;
/// Each look comes after something that was under way has ended. Two things can be under way after each other.
const LOOKS: usize = 4;

/// The newest revision that has this image, so that settings are turned back with it; if it is gone, the newest settings.
pub(crate) async fn revision_of(
    session: &Session,
    program: Program,
    digest: &Digest,
) -> Result<Revision, Error> {
    let facts = session.environment.service(program);
    for arn in session.aws.revisions(&facts.family).await?.iter().take(REVISIONS) {
        let revision = session.aws.revision(arn).await?;
        if revision.digest().as_ref() == Some(digest) {
            return Ok(revision);
        }
    }
    let template = session.aws.revision(&facts.template).await?;
    session
        .aws
        .register(&template.with_image(&facts.repository_url, digest))
        .await
}

/// Brings a program to a revision, quickly: what is under way is stopped, and requests are moved at once. Alarms do not stop
/// it, since they are about what it takes away.
pub(crate) async fn to(
    session: &Session,
    program: Program,
    goal: &Revision,
    pace: Pace,
) -> Result<(), Broken> {
    let turned = turn(session, program, goal, pace).await;
    hold::give_back_soon(session, program).await;
    turned
}

async fn turn(session: &Session, program: Program, goal: &Revision, pace: Pace) -> Result<(), Broken> {
    let Some(digest) = goal.digest() else {
        return Err(Broken::Stuck("there is no image to go back to".to_owned()));
    };
    for _ in 0..LOOKS {
        let found = session
            .look()
            .await?
            .into_iter()
            .find(|found| found.program == program);
        let found = found.expect("both programs are looked at");
        let mut state = found.state(Some(goal));
        // The same image with other settings is not what is gone back to.
        if !state.is_wanted && state.target.as_ref() == Some(&digest) {
            state.target = None;
        }
        match back(&state, &digest) {
            BackStep::Nothing => return Ok(()),
            BackStep::Wait => return arrive(session, &found, pace).await,
            BackStep::Stop { deployment } => {
                hold::hold(session, program).await?;
                shift::stop(session, program, &deployment, pace).await?;
            }
            BackStep::Deploy { force } => return deploy(session, program, (goal, force), pace).await,
        }
    }
    Err(Broken::Stuck(
        "other deployments begin again and again".to_owned(),
    ))
}

async fn arrive(session: &Session, found: &crate::look::Found, pace: Pace) -> Result<(), Broken> {
    match &found.deployment {
        Some(deployment) => shift::arrive(session, found.program, &deployment.id, pace).await,
        None => rolling::arrive(session, found.program, found.target.arn(), pace).await,
    }
}

async fn deploy(
    session: &Session,
    program: Program,
    (goal, force): (&Revision, bool),
    pace: Pace,
) -> Result<(), Broken> {
    let name = goal.digest().map(|it| it.short().to_owned()).unwrap_or_default();
    output::note(&format!("{program}: back to {name}"));
    if let Some(codedeploy) = &session.environment.service(program).codedeploy {
        hold::hold(session, program).await?;
        let new = NewDeployment {
            to: codedeploy,
            revision: goal.arn(),
            container: goal.container(),
            description: "turned back",
            at_once: true,
            despite_alarms: true,
        };
        let id = shift::begin(session, new).await?;
        return shift::arrive(session, program, &id, pace).await;
    }
    let update = ServiceUpdate {
        revision: Some(goal.arn()),
        force,
        ..ServiceUpdate::default()
    };
    rolling::begin(session, program, update).await?;
    rolling::arrive(session, program, goal.arn(), pace).await
}

/// Why turning back did not work, in a few words.
pub(crate) fn tell(broken: &Broken) -> String {
    match broken {
        Broken::Call(error) => error.to_string(),
        Broken::TurnedBack(reason) | Broken::Stuck(reason) => reason.clone(),
        Broken::Interrupted => "interrupted; AWS goes on".to_owned(),
    }
}
