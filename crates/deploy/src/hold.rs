//! Nothing takes tasks away while requests move: Auto Scaling counts the tasks of both versions, and would take away too many.
//!
//! A run that dies leaves scaling in suspended. It shows by itself, since Terraform suspends all scaling or none, so the next
//! run, or its end, gives it back.

use crate::aws::{Error, Suspension};
use crate::digest::Program;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::session::Session;

impl Suspension {
    /// Whether it is a deployment's: only taking tasks away is suspended.
    pub(crate) fn is_ours(self) -> bool {
        self.scale_in && !self.scale_out && !self.scheduled
    }
}

/// Suspends taking tasks away, unless all scaling is suspended.
pub(crate) async fn hold(session: &Session, program: Program) -> Result<(), Error> {
    match suspension(session, program).await? {
        Some(it) if !it.scale_in => {
            let held = Suspension { scale_in: true, ..it };
            output::note(&format!("{program}: no task is taken away meanwhile"));
            session
                .aws
                .suspend(&session.environment.cluster, name(session, program), held)
                .await
        }
        Some(_) | None => Ok(()),
    }
}

/// Lets tasks be taken away again, if a deployment has suspended it.
pub(crate) async fn give_back(session: &Session, program: Program) -> Result<(), Error> {
    match suspension(session, program).await? {
        Some(it) if it.is_ours() => {
            let free = Suspension {
                scale_in: false,
                ..it
            };
            output::note(&format!("{program}: scaling in is given back"));
            session
                .aws
                .suspend(&session.environment.cluster, name(session, program), free)
                .await
        }
        Some(_) | None => Ok(()),
    }
}

/// As [`give_back`], and only tells when that fails: it is no reason to undo what it was held for. [`give_back_all`] comes
/// after it.
pub(crate) async fn give_back_soon(session: &Session, program: Program) {
    if let Err(error) = give_back(session, program).await {
        output::note(&format!("{program}: scaling in is not given back yet: {error}"));
    }
}

/// Lets tasks of all programs be taken away again; the last thing that a run does.
pub(crate) async fn give_back_all(session: &Session) -> Result<(), Failure> {
    for program in Program::ALL {
        give_back(session, program).await.map_err(|error| {
            let why = format!("all is as it should be, but scaling in of the {program} is still suspended: {error}. Run it again");
            Failure::new(Exit::InBetween, why)
        })?;
    }
    Ok(())
}

/// What a program is spared; `None` when nothing scales it.
pub(crate) async fn suspension(session: &Session, program: Program) -> Result<Option<Suspension>, Error> {
    if !session.environment.is_scaled {
        return Ok(None);
    }
    session
        .aws
        .suspension(&session.environment.cluster, name(session, program))
        .await
}

fn name(session: &Session, program: Program) -> &str {
    &session.environment.service(program).name
}
