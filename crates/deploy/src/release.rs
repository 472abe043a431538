//! `tandem-deploy release`: exchanges what runs.

use crate::args::ReleaseArgs;
use crate::aws::{NewDeployment, Revision, ServiceUpdate};
use crate::digest::{Digest, Program, ProgramDigest, of_each};
use crate::failure::{Exit, Failure};
use crate::look::Found;
use crate::plan::{self, State, Step};
use crate::record::{self, Record};
use crate::rolling::Broken;
use crate::session::Session;
use crate::{alarms, hold, images, migrate, output, revert, rolling, shift};

pub(crate) async fn run(args: &ReleaseArgs) -> Result<Exit, Failure> {
    let images = of_each(&args.digests, &Program::ALL).map_err(|error| Failure::new(Exit::Usage, error))?;
    let session = Session::open(&args.environment).await?;
    let (found, wanted) = look(&session, &images).await?;
    let states: Vec<State> = found
        .iter()
        .zip(&wanted)
        .map(|(it, wanted)| it.state(Some(wanted)))
        .collect();
    let steps = decide(&session, args, &images, &states).await?;
    let release = Release {
        session: &session,
        args,
        images: &images,
        found: &found,
        wanted: &wanted,
        states: &states,
    };
    release.go(&steps).await
}

/// What is there and what is wanted, both in the order of release.
async fn look(session: &Session, images: &[ProgramDigest]) -> Result<(Vec<Found>, Vec<Revision>), Failure> {
    let found = session.look().await?;
    let mut wanted = Vec::new();
    for it in &found {
        let image = images.iter().find(|image| image.program == it.program);
        wanted.push(session.wanted(image.expect("both programs are named")).await?);
    }
    Ok((found, wanted))
}

/// What has to be done; or every reason against it, before anything is changed.
async fn decide(
    session: &Session,
    args: &ReleaseArgs,
    images: &[ProgramDigest],
    states: &[State],
) -> Result<Vec<(Program, Step)>, Failure> {
    let mut refusals = Vec::new();
    let steps = plan::release(states).unwrap_or_else(|reasons| {
        refusals = reasons;
        Vec::new()
    });
    for image in images {
        let url = &session.environment.service(image.program).repository_url;
        refusals.extend(images::objection(&session.aws, url, &image.digest, args.refuse_findings).await?);
    }
    let deploys = steps.iter().any(|(_, step)| matches!(step, Step::Deploy { .. }));
    if deploys && !args.despite_alarms {
        for alarm in alarms::raised_and_watched(session).await? {
            refusals.push(format!(
                "the alarm {} is raised and would turn the release back: {}; --despite-alarms goes on",
                alarm.name, alarm.reason
            ));
        }
    }
    if refusals.is_empty() {
        Ok(steps)
    } else {
        Err(Failure::refused(&refusals))
    }
}

/// A release that may begin.
pub(crate) struct Release<'a> {
    session: &'a Session,
    args: &'a ReleaseArgs,
    images: &'a [ProgramDigest],
    found: &'a [Found],
    wanted: &'a [Revision],
    states: &'a [State],
}

impl Release<'_> {
    async fn go(&self, steps: &[(Program, Step)]) -> Result<Exit, Failure> {
        let is_running = steps.iter().all(|(_, step)| *step == Step::Nothing);
        // What an earlier run has begun goes on.
        let goes_on = steps.iter().any(|(_, step)| *step == Step::Wait);
        let is_new = !is_running && !goes_on;
        let record = Record::begin(self.session, self.states, self.images, is_new).await?;
        if !is_running {
            self.migrate(&record).await?;
        }
        for (index, (program, step)) in steps.iter().enumerate() {
            let changed = self.change(*program, step).await;
            if let Err(broken) = changed {
                let begun: Vec<Program> = steps[..=index]
                    .iter()
                    .filter(|(_, step)| *step != Step::Nothing)
                    .map(|(program, _)| *program)
                    .collect();
                return Err(self.broken(*program, broken, &begun, &record).await);
            }
        }
        record::released(self.session, self.states, self.images)
            .await
            .map_err(|error| {
                Failure::new(
                    Exit::InBetween,
                    format!("everything runs, but is not recorded: {error}; release again"),
                )
            })?;
        hold::give_back_all(self.session).await?;
        let what = if is_running { "runs already" } else { "released" };
        for image in self.images {
            output::line(&format!("{what} {}@{}", image.program, image.digest));
        }
        Ok(Exit::Done)
    }

    async fn migrate(&self, record: &Record) -> Result<(), Failure> {
        if self.args.skip_migrate {
            return Ok(());
        }
        let digest = &self
            .images
            .iter()
            .find(|image| image.program == Program::Api)
            .expect("both programs are named")
            .digest;
        let migrated = migrate::migrate(self.session, digest, self.args.wait.migrate_pace()).await;
        if let Err(failure) = &migrated
            && failure.exit == Exit::Failed
        {
            record.undo(self.session).await?;
        }
        migrated
    }

    /// Brings a program to what is wanted, from wherever an earlier run has left it.
    async fn change(&self, program: Program, step: &Step) -> Result<(), Broken> {
        let facts = self.session.environment.service(program);
        match (step, &facts.codedeploy) {
            (Step::Nothing, _) => {}
            (_, Some(_)) => {
                let shifted = self.shift(program, step).await;
                // Whatever came of it.
                hold::give_back_soon(self.session, program).await;
                shifted?;
            }
            (_, None) => self.roll(program, step).await?,
        }
        self.fill(program).await
    }

    async fn roll(&self, program: Program, step: &Step) -> Result<(), Broken> {
        let revision = self.session.aws.register(self.wanted(program)).await?;
        if let Step::Deploy { force, .. } = step {
            output::note(&format!(
                "{program}: tasks are exchanged for {}",
                self.digest(program).short()
            ));
            let update = ServiceUpdate {
                revision: Some(revision.arn()),
                desired: self.least_tasks(program),
                force: *force,
            };
            rolling::begin(self.session, program, update).await?;
        }
        rolling::arrive(
            self.session,
            program,
            self.target_arn(program, step, &revision),
            self.args.wait.pace(),
        )
        .await
    }

    async fn shift(&self, program: Program, step: &Step) -> Result<(), Broken> {
        let (session, pace) = (self.session, self.args.wait.pace());
        let facts = session.environment.service(program);
        let found = self.found(program);
        let Some(codedeploy) = &facts.codedeploy else {
            return Ok(());
        };
        hold::hold(session, program).await?;
        let id = match (step, &found.deployment) {
            (Step::Wait, Some(deployment)) => deployment.id.clone(),
            _ => {
                if let Step::Deploy {
                    end_old: Some(id), ..
                } = step
                {
                    shift::let_go(session, program, id, pace).await?;
                }
                let revision = session.aws.register(self.wanted(program)).await?;
                output::note(&format!(
                    "{program}: requests are moved to {}",
                    self.digest(program).short()
                ));
                let new = NewDeployment {
                    to: codedeploy,
                    revision: revision.arn(),
                    container: revision.container(),
                    description: &format!("release of {}", self.digest(program)),
                    // Before the first release there is nothing to compare with, and there are no requests.
                    at_once: self.least_tasks(program).is_some(),
                    despite_alarms: self.args.despite_alarms,
                };
                shift::begin(session, new).await?
            }
        };
        shift::arrive(session, program, &id, pace).await?;
        if self.least_tasks(program).is_some() {
            shift::let_go(session, program, &id, pace).await?;
        }
        Ok(())
    }

    /// With the first release there begin to be tasks.
    async fn fill(&self, program: Program) -> Result<(), Broken> {
        let Some(least) = self.least_tasks(program) else {
            return Ok(());
        };
        if rolling::service(self.session, program).await?.desired < least {
            output::note(&format!("{program}: there are to be {least} tasks"));
            let update = ServiceUpdate {
                desired: Some(least),
                ..ServiceUpdate::default()
            };
            rolling::begin(self.session, program, update).await?;
        }
        rolling::fill(self.session, program, self.args.wait.pace()).await
    }

    /// How many tasks the first release starts; `None` for any other.
    fn least_tasks(&self, program: Program) -> Option<i32> {
        let found = self.found(program);
        let least = self.session.environment.service(program).least_tasks;
        found
            .recorded
            .is_none()
            .then_some(least.max(found.service.desired))
    }

    /// What happens after a program could not be changed: everything that was begun is turned back.
    async fn broken(&self, program: Program, broken: Broken, begun: &[Program], record: &Record) -> Failure {
        let reason = match broken {
            Broken::Interrupted => return self.interrupted(program),
            Broken::Call(error) => error.to_string(),
            Broken::TurnedBack(reason) | Broken::Stuck(reason) => reason,
        };
        output::note(&format!("{program}: failed: {reason}"));
        let mut left = Vec::new();
        for program in begun.iter().rev() {
            if let Err(error) = self.turn_back(*program).await {
                left.push(format!("{program}: {error}"));
            }
        }
        if let Err(error) = record.undo(self.session).await
            && left.is_empty()
        {
            left.push(error.to_string());
        }
        if left.is_empty() {
            return Failure::new(
                Exit::TurnedBack,
                format!("the release failed at the {program}: {reason}; what ran before runs again"),
            );
        }
        Failure::new(
            Exit::InBetween,
            format!(
                "the release failed at the {program}: {reason}; and not everything is turned back:\n  {}\nSee `status`, then `rollback` or release again",
                left.join("\n  ")
            ),
        )
    }

    async fn turn_back(&self, program: Program) -> Result<(), String> {
        let found = self.found(program);
        // What was under way already came from an earlier run; what there was before that is recorded.
        let ran =
            (!self.states.iter().any(|it| it.program == program && it.is_wanted)).then_some(&found.target);
        let goal = match (ran.filter(|it| it.digest().is_some()), &found.recorded) {
            (Some(revision), _) => revision.clone(),
            (None, Some(digest)) => revert::revision_of(self.session, program, digest)
                .await
                .map_err(|error| error.to_string())?,
            (None, None) => return Err("there was nothing before the first release".to_owned()),
        };
        revert::to(self.session, program, &goal, self.args.wait.pace())
            .await
            .map_err(|broken| revert::tell(&broken))
    }

    fn interrupted(&self, program: Program) -> Failure {
        let what = match &self.session.environment.service(program).codedeploy {
            Some(_) => "CodeDeploy goes on moving its requests",
            None => "ECS goes on exchanging its tasks",
        };
        Failure::new(
            Exit::GoesOn,
            format!(
                "interrupted at the {program}: {what}, and turns back by itself when that fails. The same command goes on; `rollback` turns back"
            ),
        )
    }

    /// The revision to wait for: what is under way, or the new one.
    fn target_arn<'b>(&'b self, program: Program, step: &Step, registered: &'b Revision) -> &'b str {
        if *step == Step::Wait {
            self.found(program).target.arn()
        } else {
            registered.arn()
        }
    }

    fn found(&self, program: Program) -> &Found {
        let found = self.found.iter().find(|found| found.program == program);
        found.expect("both programs were looked at")
    }

    fn wanted(&self, program: Program) -> &Revision {
        let index = self.found.iter().position(|found| found.program == program);
        &self.wanted[index.expect("both programs were looked at")]
    }

    fn digest(&self, program: Program) -> &Digest {
        let image = self.images.iter().find(|image| image.program == program);
        &image.expect("both programs are named").digest
    }
}
