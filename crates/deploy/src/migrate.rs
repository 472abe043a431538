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
    match task.exit_code {
        Some(0) => Ok(()),
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
        let task = |exit_code, reasons: &[&str]| Task {
            arn: "arn:aws:ecs:r:1:task/tandem/abc".to_owned(),
            status: "STOPPED".to_owned(),
            exit_code,
            reasons: reasons.iter().map(|&it| it.to_owned()).collect(),
        };
        assert_eq!(
            verdict(&task(Some(0), &["Essential container in task exited"])),
            Ok(())
        );
        assert_eq!(verdict(&task(Some(1), &[])), Err("exit code 1".to_owned()));
        let killed = verdict(&task(
            Some(137),
            &["OutOfMemoryError: Container killed due to memory usage"],
        ));
        assert_eq!(
            killed.unwrap_err(),
            "exit code 137 (OutOfMemoryError: Container killed due to memory usage)"
        );
        let never = verdict(&task(None, &["CannotPullContainerError: not found"]));
        assert_eq!(
            never.unwrap_err(),
            "no exit code, so it did not run to its end (CannotPullContainerError: not found)"
        );
        assert_eq!(
            stream("migrate", "migrate", &task(None, &[])),
            "migrate/migrate/abc"
        );
    }
}
