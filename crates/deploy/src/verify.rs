//! `tandem-deploy verify`: tries an environment from outside, as its clients use it.
//!
//! What it finds wrong is told as [`Exit::Unwell`], which is a reason to take a release back. That it could not try is none.

mod jobs;

use std::time::Duration;

use client::{Client, HealthStatus};

use crate::alarms::{self, Judged};
use crate::args::VerifyArgs;
use crate::aws::{Alarm, Reference};
use crate::digest::Program;
use crate::failure::{Exit, Failure};
use crate::images::{self, Labels};
use crate::look::Found;
use crate::plan::Change;
use crate::session::Session;
use crate::{output, record};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the version is asked for, since each answer comes from one of several tasks.
const LOOKS: usize = 5;

/// What is wrong, told line by line while it is looked for.
#[derive(Debug, Default)]
struct Report {
    complaints: Vec<String>,
}

impl Report {
    fn add(&mut self, what: &str, found: Result<(), Vec<String>>) {
        match found {
            Ok(()) => output::line(&format!("ok      {what}")),
            Err(found) => {
                output::line(&format!("failed  {what}"));
                self.complaints.extend(found);
            }
        }
    }

    fn end(self, session: &Session, args: &VerifyArgs) -> Result<Exit, Failure> {
        if self.complaints.is_empty() {
            return Ok(Exit::Done);
        }
        if let Some(path) = &args.output {
            output::append(path, &["unwell=true".to_owned()])?;
        }
        Err(Failure::new(
            Exit::Unwell,
            format!(
                "{} is not well:\n  {}",
                session.name,
                self.complaints.join("\n  ")
            ),
        ))
    }
}

pub(crate) async fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let session = Session::open(&args.environment).await?;
    let mut report = Report::default();
    let found = session.look().await?;
    report.add("what runs is what was released", at_rest(&found));
    if sleeps(&session).await? {
        output::line("asleep  nothing else was tried: outside its office hours it may have no task");
        return report.end(&session, args);
    }
    let (url, client) = connect(&session, args).await?;
    report.add(
        "the api tells the version of its image",
        versions(&session, &found, &client).await,
    );
    report.add("the api is ready", ready(&client).await.map_err(|it| vec![it]));
    let jobs = jobs::check(&client, args, &url);
    report.add("jobs run, once each", stoppable(&session, jobs).await?);
    let raised = alarms::judged(&session, record::began_at(&session).await?).await?;
    report.add(
        "no alarm that releases look at was raised since",
        against(&raised, &args.ignore_alarm),
    );
    report.end(&session, args)
}

/// Whether a schedule lets one of the programs have no task now.
async fn sleeps(session: &Session) -> Result<bool, Failure> {
    if !session.environment.is_scaled {
        return Ok(false);
    }
    for program in Program::ALL {
        let name = &session.environment.service(program).name;
        let most = session.aws.most_tasks(&session.environment.cluster, name).await?;
        if most == Some(0) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn connect(session: &Session, args: &VerifyArgs) -> Result<(String, Client), Failure> {
    let usage = |why: &str| Failure::new(Exit::Usage, why);
    let url = args.url.clone().or_else(|| session.environment.url.clone());
    let url = url
        .ok_or_else(|| usage("--url must say where the api is: the environment's name is somebody else's"))?;
    let own = &session.environment.verify_key_secret;
    let key = match (&args.api_key, args.api_key_secret.as_ref().or(own.as_ref())) {
        (Some(key), _) => key.clone(),
        (None, Some(name)) => session.aws.secret(name).await.map_err(|error| {
            Failure::failed(format!(
                "the API key can't be read from the secret {name}, where migrations put it: {error}"
            ))
        })?,
        (None, None) => {
            return Err(usage(
                "there is no API key: apply Terraform, which makes a secret for it, set TANDEM_API_KEY, or give --api-key-secret",
            ));
        }
    };
    let builder = Client::builder(&url, key.trim()).timeout(TIMEOUT);
    let client = builder
        .user_agent(concat!("tandem-deploy/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok((url, client.map_err(|error| usage(&error.to_string()))?))
}

/// What takes long ends when somebody asks; nothing is left behind but jobs.
async fn stoppable<T>(session: &Session, work: impl Future<Output = T>) -> Result<T, Failure> {
    let done = session.stop.run_until_cancelled(work).await;
    done.ok_or_else(|| Failure::new(Exit::GoesOn, "interrupted; jobs that were submitted run on"))
}

fn at_rest(found: &[Found]) -> Result<(), Vec<String>> {
    let mut complaints = Vec::new();
    for it in found {
        let state = it.state(None);
        if state.target != state.recorded {
            complaints.push(format!(
                "the {} runs another image than was released last",
                it.program
            ));
        }
        if !matches!(state.change, Change::Nothing | Change::KeepingOld { .. }) {
            complaints.push(format!("a deployment of the {} is under way", it.program));
        }
        if it.service.running < it.service.desired {
            complaints.push(format!(
                "{} of {} tasks of the {} run",
                it.service.running, it.service.desired, it.program
            ));
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints)
    }
}

async fn versions(session: &Session, found: &[Found], client: &Client) -> Result<(), Vec<String>> {
    let expected = expected(session, found).await.map_err(|it| vec![it])?;
    for _ in 0..LOOKS {
        let health = client
            .health()
            .await
            .map_err(|error| vec![format!("/health: {error}")])?;
        if (&health.version, &health.commit) != (&expected.version, &expected.revision) {
            let told = |version: &Option<String>, commit: &Option<String>| {
                format!(
                    "{} of commit {}",
                    version.as_deref().unwrap_or("no version"),
                    commit.as_deref().unwrap_or("unknown")
                )
            };
            return Err(vec![format!(
                "the api tells that it is {}, and its image is {}",
                told(&health.version, &health.commit),
                told(&expected.version, &expected.revision)
            )]);
        }
    }
    Ok(())
}

/// What the build wrote into the image of the api.
async fn expected(session: &Session, found: &[Found]) -> Result<Labels, String> {
    let api = found.iter().find(|it| it.program == Program::Api);
    let digest = api
        .and_then(|it| it.target.digest())
        .ok_or("nothing is released")?;
    let url = &session.environment.service(Program::Api).repository_url;
    let manifest = session
        .aws
        .manifest(url, Reference::Digest(&digest))
        .await
        .map_err(|error| error.to_string())?;
    let manifest = manifest.ok_or_else(|| format!("there is no image {url}@{digest} any more"))?;
    images::labels(&session.aws, url, &manifest)
        .await
        .map_err(|error| format!("{url}@{digest}: {error}"))
}

async fn ready(client: &Client) -> Result<(), String> {
    let ready = client.ready().await.map_err(|error| format!("/ready: {error}"))?;
    let is_fine = ready.status == HealthStatus::Ok;
    if is_fine {
        Ok(())
    } else {
        Err(format!("/ready: {:?}", ready.checks))
    }
}

/// The alarms that speak against the release. All others are told, since whoever reads this wants to know.
fn against(raised: &Judged, ignored: &[String]) -> Result<(), Vec<String>> {
    let is_told = |alarm: &&Alarm| !ignored.contains(&alarm.name);
    for alarm in raised.older.iter().filter(is_told) {
        output::line(&format!(
            "told    the alarm {} was raised before the release: {}",
            alarm.name, alarm.reason
        ));
    }
    for alarm in raised.others.iter().filter(is_told) {
        output::line(&format!(
            "told    the alarm {}, which releases do not look at, is raised: {}",
            alarm.name, alarm.reason
        ));
    }
    let against: Vec<String> = raised
        .against
        .iter()
        .filter(is_told)
        .map(|alarm| format!("the alarm {} is raised: {}", alarm.name, alarm.reason))
        .collect();
    if against.is_empty() { Ok(()) } else { Err(against) }
}
