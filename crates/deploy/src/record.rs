//! Which images were released, in the parameters that Terraform made.
//!
//! `previous_digest` is written before anything is changed, and is what `rollback` goes back to at every moment from then on;
//! `digest` is written after everything was changed. A run that dies in between leaves both saying what ran before.

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
    /// Writes down what to go back to. A program that is released already keeps what it has.
    pub(crate) async fn begin(
        session: &Session,
        states: &[State],
        wanted: &[ProgramDigest],
    ) -> Result<Self, Error> {
        let mut before = Vec::new();
        for (program, base) in baseline(states) {
            let state = states.iter().find(|state| state.program == program);
            let image = wanted.iter().find(|image| image.program == program);
            let (Some(state), Some(image)) = (state, image) else {
                continue;
            };
            let is_new = base.is_some() && base.as_ref() != Some(&image.digest);
            if is_new && state.previous != base {
                let facts = session.environment.service(program);
                let name = &facts.digest_parameters.previous_digest;
                session.aws.put_parameter(name, text(base.as_ref())).await?;
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
