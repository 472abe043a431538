//! Every operation that the api describes has a method: each is called here, against the api itself, and what the api has
//! logged of it is compared with the description.

use std::collections::BTreeSet;
use std::time::Duration;

use client::{
    AuditFilter, BulkAction, BulkFilter, BulkJobs, ChangeTenant, Client, DeadLetterFilter,
    DeadLetterSelection, DiscardDeadLetters, Expected, JobFilter, JobState, NewKey, NewTenant, PauseQueue,
    PreviewRange, PreviewSchedule, PutEndpoint, PutSchedule, Reason, RetryDeadLetters, RotateKey,
    ScheduledJob, SubmitJob,
};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use testkit::{Logs, eventually};

use crate::newer::{Change, newer};
use crate::world::{KIND, World};

const SOON: Duration = Duration::from_secs(30);

/// A method and a route.
type Operations = BTreeSet<(String, String)>;

#[tokio::test]
async fn every_operation_of_the_description_has_a_method() {
    let logs = Logs::capture();
    let world = World::new().await;
    call_all(&world).await;
    assert_eq!(answered(&logs), described());
}

#[tokio::test]
async fn no_method_minds_fields_that_were_added_later() {
    let mut world = World::new().await;
    let (url, _serving) = newer(&world.url, Change::Fields).await;
    world.reach_at(&url);
    call_all(&world).await;
}

async fn call_all(world: &World) {
    jobs(world).await;
    dead_letters(world).await;
    schedules(&world.client).await;
    endpoints(&world.client).await;
    queues(world).await;
    administration(&world.client).await;
    platform(&world.client).await;
}

/// The operations of the committed description, which the api's own tests compare with the one that it serves.
fn described() -> Operations {
    let document: Value = serde_json::from_str(include_str!("../../../api/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().iter();
        methods
            .filter(|(_, operation)| operation["operationId"].is_string())
            .map(|(method, _)| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

/// The operations that the api has done, by its log.
fn answered(logs: &Logs) -> Operations {
    let lines = logs.take();
    let requests = lines
        .iter()
        .filter(|line| line["target"] == "api::middleware::observe");
    let done = requests.filter(|line| {
        let status = &line["status"];
        status.as_u64().is_some_and(|status| status < 300)
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    done.map(|line| {
        (
            text(&line["span"]["http.method"]),
            text(&line["span"]["http.route"]),
        )
    })
    .collect()
}

fn job() -> SubmitJob {
    SubmitJob::new(KIND, &json!({ "order": 17 })).unwrap()
}

async fn jobs(world: &World) {
    let client = &world.client;
    let id = client.submit(&job()).await.unwrap().id;
    let batch = client.submit_batch(&[job(), job()]).await.unwrap();
    assert_eq!(client.explain(id).await.unwrap().reason, Reason::NoWorkerForKind);
    world.run(id, &json!("done")).await;
    let attempts = client.attempts(id).await.unwrap();
    assert_eq!(attempts[0].event.as_deref(), Some("succeeded"));
    let told: Vec<_> = client.watch(id).try_collect().await.unwrap();
    assert_eq!(told.len(), client.events(id).await.unwrap().len() + 1);

    client.cancel(batch[0].id).await.unwrap();
    assert_eq!(client.retry(batch[0].id).await.unwrap().state, JobState::Queued);
    let cancel_all = BulkJobs {
        action: BulkAction::Cancel,
        filter: BulkFilter {
            all: true,
            ..BulkFilter::default()
        },
        dry_run: false,
        limit: Some(10),
    };
    assert_eq!(client.change_jobs(&cancel_all).await.unwrap().changed, 2);
    let cancelled = JobFilter {
        state: Some(JobState::Cancelled),
        ..JobFilter::default()
    };
    assert_eq!(client.jobs(&cancelled).all().await.unwrap().len(), 2);
    assert!(client.job(id).await.unwrap().has_ended());
}

async fn dead_letters(world: &World) {
    let client = &world.client;
    let ids = world.dead_letters(3, "no luck").await;
    let filter = DeadLetterFilter::default();
    let letters = client.dead_letters(&filter).all().await.unwrap();
    assert_eq!(letters.len(), 3);
    let groups = client.dead_letter_groups(&filter, 10).await.unwrap();
    assert_eq!(
        (groups[0].count, &groups[0].fingerprint),
        (3, &letters[0].fingerprint)
    );
    let retry = RetryDeadLetters {
        filter: DeadLetterSelection {
            job_ids: vec![ids[0]],
            ..DeadLetterSelection::default()
        },
        rate_per_second: Some(10.0),
        ..RetryDeadLetters::default()
    };
    let retried = client.retry_dead_letters(&retry).await.unwrap();
    assert_eq!((retried.retried, retried.spread_over_secs), (1, Some(0.1)));
    let discard = DiscardDeadLetters {
        filter: DeadLetterSelection {
            filter: DeadLetterFilter {
                fingerprint: Some(letters[0].fingerprint.clone()),
                ..filter
            },
            ..DeadLetterSelection::default()
        },
        ..DiscardDeadLetters::default()
    };
    let discarded = client.discard_dead_letters(&discard).await.unwrap();
    assert_eq!((discarded.discarded, discarded.remaining), (2, 0));
}

async fn schedules(client: &Client) {
    let schedule = PutSchedule {
        cron: "30 2 * * *".to_owned(),
        time_zone: Some("Europe/Berlin".to_owned()),
        job: ScheduledJob::new(KIND, &json!({ "nightly": true })).unwrap(),
        ..PutSchedule::default()
    };
    let put = client
        .put_schedule("nightly", &schedule, Expected::Nothing)
        .await
        .unwrap();
    assert_eq!(put.job.unwrap().payload.get(), r#"{"nightly":true}"#);
    let stale = client
        .put_schedule("nightly", &schedule, Expected::Version(7))
        .await;
    assert_eq!(stale.unwrap_err().problem().unwrap().status, 412);
    let fired = client.fire_schedule("nightly").await.unwrap();
    let shown = client.schedule("nightly").await.unwrap();
    assert_eq!(shown.last_job_id, Some(fired.id));
    assert!(
        client
            .pause_schedule("nightly")
            .await
            .unwrap()
            .next_fire_at
            .is_none()
    );
    assert!(
        client
            .resume_schedule("nightly")
            .await
            .unwrap()
            .next_fire_at
            .is_some()
    );
    assert_eq!(client.schedules().all().await.unwrap().len(), 1);

    let range = PreviewRange {
        count: Some(2),
        after: Some("2026-03-28T12:00:00Z".parse().unwrap()),
    };
    let stored = client.preview_schedule("nightly", range).await.unwrap();
    let local = stored.fires[0].local.to_rfc3339();
    assert_eq!((stored.fires.len(), &*local), (2, "2026-03-29T03:00:00+02:00"));
    let expression = PreviewSchedule {
        cron: schedule.cron,
        time_zone: schedule.time_zone,
        range,
    };
    assert_eq!(client.preview_expression(&expression).await.unwrap(), stored);
    client
        .delete_schedule("nightly", Some(shown.version))
        .await
        .unwrap_err();
    client.delete_schedule("nightly", None).await.unwrap();
}

async fn endpoints(client: &Client) {
    let endpoint = PutEndpoint {
        url: "https://example.com/hook".to_owned(),
        headers: Some([("authorization".to_owned(), "Bearer hidden".to_owned())].into()),
        ..PutEndpoint::default()
    };
    assert!(
        !format!("{endpoint:?}").contains("hidden"),
        "a secret is not for logs"
    );
    let made = client
        .put_endpoint("billing", &endpoint, Expected::Nothing)
        .await
        .unwrap();
    let secret = made.secret.as_ref().unwrap();
    assert!(secret.secret.starts_with("whsec_") && !format!("{made:?}").contains(&secret.secret));
    let shown = client.endpoint("billing").await.unwrap();
    assert_eq!(
        (&*shown.header_names, &shown.secret),
        (&["authorization".to_owned()][..], &None)
    );
    let an_hour = Duration::from_secs(3_600);
    let rotated = client.rotate_endpoint_secret("billing", an_hour).await.unwrap();
    let secrets = client.endpoint_secrets("billing").await.unwrap();
    assert_eq!((secrets.len(), &secrets), (2, &rotated.secrets));
    assert_eq!(client.endpoints().all().await.unwrap().len(), 1);
    client
        .delete_endpoint("billing", Some(shown.version))
        .await
        .unwrap();
}

async fn queues(world: &World) {
    let client = &world.client;
    let pause = PauseQueue {
        reason: Some("a rehearsal".to_owned()),
        everyone: true,
    };
    let paused = client.pause_queue("default", &pause).await.unwrap();
    assert_eq!(paused.pauses[0].by, client::PausedBy::Everyone);
    assert!(client.queue("default").await.unwrap().paused);
    let resumed = client.resume_queue("default", true).await.unwrap();
    assert!(!resumed.paused);
    assert_eq!(client.queues().await.unwrap()[0].name, "default");

    world.declare("mail.send", r#"{"type":"object"}"#).await;
    // What the api knows of kinds is a few seconds old.
    let kinds = eventually("the kind is known", SOON, async || {
        let kinds = client.kinds().await.unwrap();
        (!kinds.is_empty()).then_some(kinds)
    })
    .await;
    assert_eq!(kinds[0].schema.as_ref().unwrap().get(), r#"{"type":"object"}"#);
}

async fn administration(client: &Client) {
    let ann = client.create_user("Ann", "ann@example.com").await.unwrap();
    assert_eq!(client.user(ann.id).await.unwrap(), ann);
    assert_eq!(client.users().all().await.unwrap(), [ann]);

    let new = NewKey {
        name: "import".to_owned(),
        scopes: vec![client::Scope::Ops],
        ..NewKey::default()
    };
    let made = client.create_key(&new).await.unwrap();
    let id = made.key.id.parse().unwrap();
    client.rotate_key(id, RotateKey::default()).await.unwrap();
    assert!(!client.revoke_key(id).await.unwrap().live);
    assert!(client.key(id).await.unwrap().replaced_by.is_some());
    assert_eq!(client.keys().all().await.unwrap().len(), 3);

    let acme = NewTenant {
        name: "acme".to_owned(),
        max_running_jobs: Some(5),
        ..NewTenant::default()
    };
    let acme = client.create_tenant(&acme).await.unwrap();
    assert!(!format!("{acme:?}").contains(&acme.api_key));
    let change = ChangeTenant {
        name: Some("Acme Ltd".to_owned()),
        max_running_jobs: Some(None),
        ..ChangeTenant::default()
    };
    let changed = client.update_tenant(acme.tenant.id, &change).await.unwrap();
    assert_eq!((&*changed.name, changed.max_running_jobs), ("Acme Ltd", None));
    assert_eq!(client.tenant(acme.tenant.id).await.unwrap(), changed);
    assert_eq!(client.tenants().all().await.unwrap().len(), 2);
    assert!(
        !client
            .audit(&AuditFilter::default())
            .all()
            .await
            .unwrap()
            .is_empty()
    );
}

async fn platform(client: &Client) {
    let health = client.health().await.unwrap();
    assert_eq!(health.status, client::HealthStatus::Ok);
    assert_eq!(health.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(health.commit.as_deref(), Some(runtime::build::COMMIT));
    assert_eq!(client.ready().await.unwrap().checks["database"], "ok");
    assert_eq!(client.metrics().await.unwrap(), "", "this process has none");
    let limited = client.problem_type("rate_limited").await.unwrap();
    assert_eq!((limited.status, limited.transient), (429, true));
}
