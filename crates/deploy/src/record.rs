//! Which images were released, in the parameters that Terraform made.
//!
//! `previous_digest` is written before anything is changed, and is what `rollback` goes back to at every moment from then on;
//! `digest` is written after everything was changed. A run that dies in between leaves both saying what ran before. When
//! `previous_digest` was written last is when the release began, see [`began_at`].

use aws_sdk_ssm::primitives::DateTime;

use crate::aws::Error;
use crate::digest::{Digest, Program, ProgramDigest};
use crate::look::NONE;
use crate::plan::{State, baseline};
use crate::session::Session;

/// What is written down while a release goes on.
#[derive(Debug)]
pub(crate) struct Record {
    /// By program: the previous digest as it was, where it was changed.
    before: Vec<(Program, Option<Digest>)>,
}

impl Record {
    /// Writes down what to go back to. A program that is released already keeps what it has. What begins anew is written down
    /// also where it stays the same, since that says when.
    pub(crate) async fn begin(
        session: &Session,
        states: &[State],
        wanted: &[ProgramDigest],
        is_new: bool,
    ) -> Result<Self, Error> {
        let mut before = Vec::new();
        for (program, base) in baseline(states) {
            let state = states.iter().find(|state| state.program == program);
            let image = wanted.iter().find(|image| image.program == program);
            let (Some(state), Some(image)) = (state, image) else {
                continue;
            };
            let is_other = base.is_some() && base.as_ref() != Some(&image.digest) && state.previous != base;
            let previous = if is_other { &base } else { &state.previous };
            if is_new || is_other {
                let facts = session.environment.service(program);
                let name = &facts.digest_parameters.previous_digest;
                session.aws.put_parameter(name, text(previous.as_ref())).await?;
            }
            if is_other {
                before.push((program, state.previous.clone()));
            }
        }
        Ok(Self { before })
    }

    /// Forgets it, after everything was turned back.
    pub(crate) async fn undo(&self, session: &Session) -> Result<(), Error> {
        for (program, previous) in &self.before {
            let facts = session.environment.service(*program);
            let name = &facts.digest_parameters.previous_digest;
            session.aws.put_parameter(name, text(previous.as_ref())).await?;
        }
        Ok(())
    }
}

/// When the release that came last began; `None` before any.
pub(crate) async fn began_at(session: &Session) -> Result<Option<DateTime>, Error> {
    let facts = Program::ALL.map(|program| session.environment.service(program));
    let names = facts.map(|it| it.digest_parameters.previous_digest.as_str());
    session.aws.written_at(&names).await
}

/// Writes down what runs, where that is not known yet.
pub(crate) async fn released(
    session: &Session,
    states: &[State],
    images: &[ProgramDigest],
) -> Result<(), Error> {
    for image in images {
        let known = states.iter().find(|state| state.program == image.program);
        if known.and_then(|state| state.recorded.as_ref()) != Some(&image.digest) {
            let facts = session.environment.service(image.program);
            session
                .aws
                .put_parameter(&facts.digest_parameters.digest, image.digest.as_str())
                .await?;
        }
    }
    Ok(())
}

fn text(digest: Option<&Digest>) -> &str {
    digest.map_or(NONE, Digest::as_str)
}
