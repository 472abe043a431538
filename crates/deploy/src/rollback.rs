//! `tandem-deploy rollback`: back to what ran before, from wherever things are.
//!
//! First it is recorded that what ran before is what is released, so that a run that dies leaves the same goal behind. Then
//! the api, then the worker, in reverse of a release. Migrations stay: what ran before works with the newer schema.

use std::collections::BTreeMap;

use crate::args::RollbackArgs;
use crate::digest::{Digest, Program, ProgramDigest, of_each};
use crate::failure::{Exit, Failure};
use crate::look::Found;
use crate::plan::{self, BackStep};
use crate::rolling::Broken;
use crate::session::Session;
use crate::{hold, images, output, record, revert};

pub(crate) async fn run(args: &RollbackArgs) -> Result<Exit, Failure> {
    let to = of_each(&args.to, &[]).map_err(|error| Failure::new(Exit::Usage, error))?;
    let session = Session::open(&args.environment).await?;
    let found = session.look().await?;
    let goals = goals(&session, &found, &to).await?;
    let states: Vec<_> = found.iter().map(|it| it.state(None)).collect();
    let runs_already = states
        .iter()
        .all(|state| plan::back(state, &goals[&state.program]) == BackStep::Nothing);
    let goal_images: Vec<ProgramDigest> = goals
        .iter()
        .map(|(&program, digest)| ProgramDigest {
            program,
            digest: digest.clone(),
        })
        .collect();
    record::released(&session, &states, &goal_images).await?;
    for program in plan::ORDER.into_iter().rev() {
        let goal = revert::revision_of(&session, program, &goals[&program])
            .await
            .map_err(|error| stuck(program, &error.to_string()))?;
        if let Err(broken) = revert::to(&session, program, &goal, args.wait.pace()).await {
            return Err(match broken {
                Broken::Interrupted => Failure::new(
                    Exit::GoesOn,
                    format!("interrupted at the {program}: AWS goes on with it. Run `rollback` again"),
                ),
                broken => stuck(program, &revert::tell(&broken)),
            });
        }
    }
    hold::give_back_all(&session).await?;
    for (program, digest) in &goals {
        let what = if runs_already { "runs already" } else { "back to" };
        output::line(&format!("{what} {program}@{digest}"));
    }
    Ok(Exit::Done)
}

/// What each program goes back to: what is asked for, else what is recorded; or every reason why that can't be.
async fn goals(
    session: &Session,
    found: &[Found],
    to: &[ProgramDigest],
) -> Result<BTreeMap<Program, Digest>, Failure> {
    let mut goals = BTreeMap::new();
    let mut refusals = Vec::new();
    let states: Vec<_> = found.iter().map(|it| it.state(None)).collect();
    let previous: BTreeMap<_, _> = plan::previous(&states).into_iter().collect();
    for it in found {
        let program = it.program;
        let asked = to
            .iter()
            .find(|image| image.program == program)
            .map(|image| image.digest.clone());
        // One that is not named, while the other is, stays what was released.
        let recorded = if to.is_empty() {
            &previous[&program]
        } else {
            &it.recorded
        };
        let Some(goal) = asked.or_else(|| recorded.clone()) else {
            refusals.push(format!("nothing is recorded that the {program} could go back to: name it with --to {program}@sha256:…"));
            continue;
        };
        let url = &session.environment.service(program).repository_url;
        refusals.extend(images::objection(&session.aws, url, &goal, None).await?);
        goals.insert(program, goal);
    }
    if refusals.is_empty() {
        Ok(goals)
    } else {
        Err(Failure::refused(&refusals))
    }
}

fn stuck(program: Program, why: &str) -> Failure {
    Failure::new(
        Exit::InBetween,
        format!("the {program} could not be turned back: {why}. See `status`, then run `rollback` again"),
    )
}
