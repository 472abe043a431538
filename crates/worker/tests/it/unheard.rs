//! A backlog that the queue has lost, and one that it still has.

use std::time::Duration;

use serde_json::json;
use testkit::eventually;

use crate::sqs_world::SqsWorld;
use crate::world::{PATIENCE, config, job, lane, test_handlers};

/// The most that one statement announces here.
const BATCH: u32 = 500;

/// Submits and announces jobs, a while ago.
async fn announced(sqs: &SqsWorld, jobs: usize) {
    let jobs: Vec<_> = (0..jobs)
        .map(|number| job("test.echo", &json!(number), 1))
        .collect();
    let announce_at_least = jobs.len();
    sqs.world.submit_all(jobs).await;
    let config = worker::Config {
        announce_at_least,
        ..config()
    };
    let announcer = sqs.worker(test_handlers(), config).await;
    while announcer.dispatch_once(&lane(), BATCH).await.unwrap().sent > 0 {}
    let aged = "update outbox set announced_at = now() - interval '1 minute', visible_at = now() + interval '1 hour'";
    sqs.world.sql(aged).await;
}

async fn until_all_have_succeeded(sqs: &SqsWorld) {
    eventually("all jobs have succeeded once", PATIENCE, async || {
        let waiting = "select count(*) from job where state <> 'succeeded' or attempt <> 1";
        (sqs.world.count(waiting).await == 0).then_some(())
    })
    .await;
}

/// One worker that looked for ten a second would take five minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_whose_messages_are_purged_runs_as_fast_as_there_are_slots() {
    let sqs = SqsWorld::new().await;
    announced(&sqs, 3_000).await;
    sqs.client.purge_queue().queue_url(&sqs.url).send().await.unwrap();
    sqs.until_depth("0", "0").await;
    let workers = [
        sqs.world.run(sqs.worker(test_handlers(), config()).await),
        sqs.world.run(sqs.worker(test_handlers(), config()).await),
    ];
    until_all_have_succeeded(&sqs).await;
    for worker in workers {
        worker.drain().await;
    }
    sqs.delete().await;
}

/// Notes the jobs that are taken without their message.
const NOTED: &str = "create table unheard (job_id uuid);
    create function note_unheard() returns trigger language plpgsql security definer set search_path = public as
        $$ begin insert into unheard values (new.job_id); return new; end $$;
    create trigger note_unheard after update on outbox for each row when (old.visible_at = new.visible_at)
        execute function note_unheard()";

/// A job that is taken without its message costs another claim when that comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_that_the_queue_delivers_is_left_to_it() {
    const JOBS: usize = 1_500;
    let sqs = SqsWorld::new().await;
    announced(&sqs, JOBS).await;
    sqs.world.sql(NOTED).await;
    let config = worker::Config {
        concurrency: 100,
        receive_wait: Duration::from_secs(5),
        ..config()
    };
    let running = sqs.world.run(sqs.worker(test_handlers(), config).await);
    until_all_have_succeeded(&sqs).await;
    let taken = sqs.world.count("select count(*) from unheard").await;
    assert!(taken * 10 <= i64::try_from(JOBS).unwrap(), "{taken}");
    sqs.until_depth("0", "0").await;
    running.drain().await;
    sqs.delete().await;
}
