//! `tandem-deploy migrate`: the schema, brought up to date by the image that is about to run.
//!
//! `tandem migrate` takes turns with itself by a lock in the database, so a second run, or one after a run that was killed,
//! is harmless. Migrations only add: what runs before and after works with the newer schema. None goes down.

use crate::args::MigrateArgs;
use crate::aws::{Task, TaskRequest};
use crate::digest::{Digest, Program, of_each};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::session::Session;
use crate::wait::{Pace, Seen, Stopped, until};

pub(crate) async fn run(args: &MigrateArgs) -> Result<Exit, Failure> {
    let images = of_each(&args.digests, &[Program::Api]).map_err(|error| Failure::new(Exit::Usage, error))?;
    let session = Session::open(&args.environment).await?;
    let image = images.iter().find(|image| image.program == Program::Api);
    let digest = &image.expect("of_each has seen it").digest;
    if let Some(objection) = crate::images::objection(
        &session.aws,
        &session.environment.migrate.repository_url,
        digest,
        None,
    )
    .await?
    {
        return Err(Failure::refused(&[objection]));
    }
    migrate(&session, digest, args.wait.migrate_pace()).await?;
    Ok(Exit::Done)
}

/// Runs the migrations of an image to their end.
pub(crate) async fn migrate(session: &Session, digest: &Digest, pace: Pace) -> Result<(), Failure> {
    let (environment, facts) = (&session.environment, &session.environment.migrate);
    let template = session.aws.revision(&facts.template).await?;
    let revision = session
        .aws
        .register(&template.with_image(&facts.repository_url, digest))
        .await?;
    let request = TaskRequest {
        cluster: &environment.cluster,
        revision: revision.arn(),
        subnet_ids: &facts.subnet_ids,
        sg_ids: &facts.sg_ids,
        assign_public_ip: facts.assign_public_ip,
    };
    let task = session.aws.run_task(request).await?;
    let prefix = revision.log_prefix().unwrap_or(revision.container());
    let log = format!(
        "{} in {}",
        stream(prefix, revision.container(), &task),
        facts.log_group
    );
    output::note(&format!(
        "migrate: {} runs {}; its log is {log}",
        task.id(),
        digest.short()
    ));
    let ended = until("migrate", pace, &session.stop, async || {
        let found = session.aws.task(&environment.cluster, &task.arn).await?;
        // ECS may not know of it for a moment.
        Ok(match found {
            Some(task) if task.has_stopped() => Seen::Ended(task),
            Some(task) => Seen::Not(task.status.to_lowercase()),
            None => Seen::Not("starting".to_owned()),
        })
    });
    let ended = ended.await.map_err(|stopped| unfinished(stopped, &task))?;
    match verdict(&ended) {
        Ok(()) => {
            output::note("migrate: the schema is up to date");
            Ok(())
        }
        Err(reason) => Err(Failure::failed(format!(
            "the migration failed: {reason}; see {log}"
        ))),
    }
}

/// As the log driver names it.
fn stream(prefix: &str, container: &str, task: &Task) -> String {
    format!("{prefix}/{container}/{}", task.id())
}

/// A task that has stopped has not therefore done its work.
fn verdict(task: &Task) -> Result<(), String> {
    let because = if task.reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", task.reasons.join("; "))
    };
    let ended_by_itself = task
        .stop_code
        .as_deref()
        .is_none_or(|it| it == "EssentialContainerExited");
    match task.exit_code {
        Some(0) if ended_by_itself => Ok(()),
        // Whoever is told to stop may end with success, in the middle of its work.
        Some(0) => Err(format!("it was stopped before its end{because}")),
        Some(code) => Err(format!("exit code {code}{because}")),
        None => Err(format!("no exit code, so it did not run to its end{because}")),
    }
}

fn unfinished(stopped: Stopped, task: &Task) -> Failure {
    let goes_on = |why: &str| {
        Failure::new(
            Exit::GoesOn,
            format!(
                "{why}: the migration {} goes on; nothing else was changed",
                task.id()
            ),
        )
    };
    match stopped {
        Stopped::Interrupted => goes_on("interrupted"),
        Stopped::TimeUp(limit) => goes_on(&format!("not over after {} s", limit.as_secs())),
        Stopped::Refused(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exit_code_zero_is_success() {
        let task = |exit_code, stop_code: &str, reasons: &[&str]| Task {
            arn: "arn:aws:ecs:r:1:task/tandem/abc".to_owned(),
            status: "STOPPED".to_owned(),
            exit_code,
            stop_code: Some(stop_code.to_owned()),
            reasons: reasons.iter().map(|&it| it.to_owned()).collect(),
        };
        let exited = "EssentialContainerExited";
        let told = |exit_code, stop_code, reasons: &[&str]| verdict(&task(exit_code, stop_code, reasons));
        assert_eq!(
            told(Some(0), exited, &["Essential container in task exited"]),
            Ok(())
        );
        for (told, expected) in [
            (told(Some(1), exited, &[]), "exit code 1"),
            (
                told(Some(137), exited, &["OutOfMemoryError: killed"]),
                "exit code 137 (OutOfMemoryError: killed)",
            ),
            (
                told(
                    None,
                    "TaskFailedToStart",
                    &["CannotPullContainerError: not found"],
                ),
                "no exit code, so it did not run to its end (CannotPullContainerError: not found)",
            ),
            (
                told(Some(0), "UserInitiated", &["by hand"]),
                "it was stopped before its end (by hand)",
            ),
        ] {
            assert_eq!(told.unwrap_err(), expected);
        }
        assert_eq!(
            stream("migrate", "migrate", &task(None, exited, &[])),
            "migrate/migrate/abc"
        );
    }
}
