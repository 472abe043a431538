//! `tandem-deploy status`: what runs, what is under way, and which alarms there are.

use serde::Serialize;

use crate::args::StatusArgs;
use crate::aws::{Alarm, Reference};
use crate::digest::{Digest, Program};
use crate::failure::{Exit, Failure};
use crate::images::{self, Labels};
use crate::look::Found;
use crate::plan::Change;
use crate::session::Session;
use crate::{hold, output};

#[derive(Debug, Serialize)]
struct Status {
    name: String,
    programs: Vec<ProgramStatus>,
    /// The raised alarms of the environment.
    alarms: Vec<Alarm>,
}

#[derive(Debug, Serialize)]
struct ProgramStatus {
    program: Program,
    /// What has the requests, or is about to have them.
    digest: Option<Digest>,
    /// What the build wrote into that image; absent where the registry does not tell.
    version: Option<String>,
    commit: Option<String>,
    /// What was released last, and what `rollback` goes back to.
    released: Option<Digest>,
    previous: Option<Digest>,
    tasks_running: i32,
    tasks_desired: i32,
    /// Absent when nothing is.
    under_way: Option<String>,
    /// Whether a deployment keeps tasks from being taken away.
    scale_in_held: bool,
}

pub(crate) async fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let session = Session::open(&args.environment).await?;
    let mut programs = Vec::new();
    for found in session.look().await? {
        programs.push(of(&session, found).await?);
    }
    let status = Status {
        programs,
        alarms: session.aws.raised_alarms(&format!("{}-", session.name)).await?,
        name: session.name,
    };
    if args.json {
        output::json(&status);
    } else {
        show(&status);
    }
    Ok(Exit::Done)
}

async fn of(session: &Session, found: Found) -> Result<ProgramStatus, Failure> {
    let state = found.state(None);
    let held = hold::suspension(session, found.program).await?;
    let labels = match &state.target {
        Some(digest) => labels(session, found.program, digest).await,
        None => Labels::default(),
    };
    Ok(ProgramStatus {
        program: found.program,
        digest: state.target,
        version: labels.version,
        commit: labels.revision,
        released: found.recorded,
        previous: found.previous,
        tasks_running: found.service.running,
        tasks_desired: found.service.desired,
        under_way: told(state.change),
        scale_in_held: held.is_some_and(|it| it.is_ours()),
    })
}

/// A registry that is out of reach is no reason to tell nothing.
async fn labels(session: &Session, program: Program, digest: &Digest) -> Labels {
    let url = &session.environment.service(program).repository_url;
    match session.aws.manifest(url, Reference::Digest(digest)).await {
        Ok(Some(manifest)) => images::labels(&session.aws, url, &manifest)
            .await
            .unwrap_or_default(),
        Ok(None) | Err(_) => Labels::default(),
    }
}

fn told(change: Change) -> Option<String> {
    match change {
        Change::Nothing => None,
        Change::Rolling(stands) => Some(format!("rolling: {stands}")),
        Change::GivenUp(reason) => Some(format!("given up: {reason}")),
        Change::Shifting { deployment, stands } => Some(format!("{deployment}: {stands}")),
        Change::KeepingOld { deployment } => Some(format!("{deployment}: old tasks are kept")),
    }
}

fn show(status: &Status) {
    let short = |digest: &Option<Digest>| {
        digest
            .as_ref()
            .map_or_else(|| "none".to_owned(), |it| it.short().to_owned())
    };
    let rows = status.programs.iter().map(|it| {
        let mut notes: Vec<String> = it.under_way.iter().cloned().collect();
        if it.digest != it.released {
            notes.push("not what was released last".to_owned());
        }
        if it.scale_in_held {
            notes.push("scaling in is suspended".to_owned());
        }
        [
            it.program.to_string(),
            short(&it.digest),
            it.version.clone().unwrap_or_else(|| "unknown".to_owned()),
            format!("{}/{}", it.tasks_running, it.tasks_desired),
            short(&it.released),
            short(&it.previous),
            notes.join("; "),
        ]
    });
    output::table(
        [
            "program", "runs", "version", "tasks", "released", "previous", "notes",
        ],
        rows,
    );
    for alarm in &status.alarms {
        output::line(&format!("alarm {}: {}", alarm.name, alarm.reason));
    }
    if status.alarms.is_empty() {
        output::line("no alarm is raised");
    }
}
