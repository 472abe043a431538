//! `tandem-deploy verify`: tries an environment from outside, as its clients use it.

mod jobs;

use std::time::Duration;

use client::{Client, HealthStatus};

use crate::args::VerifyArgs;
use crate::aws::Reference;
use crate::digest::Program;
use crate::failure::{Exit, Failure};
use crate::images::{self, Labels};
use crate::look::Found;
use crate::output;
use crate::plan::Change;
use crate::session::Session;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the version is asked for, since each answer comes from one of several tasks.
const LOOKS: usize = 5;

pub(crate) async fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let session = Session::open(&args.environment).await?;
    let (url, client) = connect(&session, args).await?;
    let mut complaints = Vec::new();
    let mut report = |what: &str, found: Result<(), Vec<String>>| match found {
        Ok(()) => output::line(&format!("ok      {what}")),
        Err(found) => {
            output::line(&format!("failed  {what}"));
            complaints.extend(found);
        }
    };
    let found = session.look().await?;
    report("what runs is what was released", at_rest(&found));
    report(
        "the api tells the version of its image",
        versions(&session, &found, &client).await,
    );
    report("the api is ready", ready(&client).await.map_err(|it| vec![it]));
    let jobs = jobs::check(&client, args, &url);
    report("jobs run, once each", stoppable(&session, jobs).await?);
    report("no alarm is raised", alarms(&session, &args.ignore_alarm).await?);
    if complaints.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::new(
        Exit::Unwell,
        format!("{} is not well:\n  {}", session.name, complaints.join("\n  ")),
    ))
}

async fn connect(session: &Session, args: &VerifyArgs) -> Result<(String, Client), Failure> {
    let usage = |why: &str| Failure::new(Exit::Usage, why);
    let url = args.url.clone().or_else(|| session.environment.url.clone());
    let url = url
        .ok_or_else(|| usage("--url must say where the api is: the environment's name is somebody else's"))?;
    let key = match (&args.api_key, &args.api_key_secret) {
        (Some(key), _) => key.clone(),
        (None, Some(name)) => session.aws.secret(name).await?,
        (None, None) => {
            return Err(usage(
                "there is no API key: set TANDEM_API_KEY, or give --api-key-secret",
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

async fn alarms(session: &Session, ignored: &[String]) -> Result<Result<(), Vec<String>>, Failure> {
    let raised = session.aws.raised_alarms(&format!("{}-", session.name)).await?;
    let raised = raised.into_iter().filter(|alarm| !ignored.contains(&alarm.name));
    let raised: Vec<String> = raised
        .map(|alarm| format!("the alarm {} is raised: {}", alarm.name, alarm.reason))
        .collect();
    Ok(if raised.is_empty() { Ok(()) } else { Err(raised) })
}
