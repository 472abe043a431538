//! A backlog that the queue has lost, and one that it still has.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use queue::{Delivery, EntryFailure, Envelope, Message, Queue, Receipt, Receive};
use serde_json::json;
use testkit::eventually;
use tokio::time::sleep;
use worker::Lane;

use crate::sqs_world::SqsWorld;
use crate::world::{World, config, job, lane, test_handlers};

/// The most that one statement announces here.
const BATCH: u32 = 500;

/// Enough for all jobs here on a busy machine, and not for two workers that looked for ten a second.
const LIMIT: Duration = Duration::from_mins(2);

/// Submits and announces jobs, a while ago.
async fn announced(world: &World, lane: Lane, jobs: usize) {
    let jobs: Vec<_> = (0..jobs)
        .map(|number| job("test.echo", &json!(number), 1))
        .collect();
    let announce_at_least = jobs.len();
    world.submit_all(jobs).await;
    let config = worker::Config {
        announce_at_least,
        ..config()
    };
    let store = world.store().await;
    let name = lane.name.clone();
    let announcer = world.worker_with(&store, test_handlers(), config, |_| lane);
    while announcer.dispatch_once(&name, BATCH).await.unwrap().sent > 0 {}
    let aged = "update outbox set announced_at = now() - interval '1 minute', visible_at = now() + interval '1 hour'";
    world.sql(aged).await;
}

async fn until_all_have_succeeded(world: &World) {
    eventually("all jobs have succeeded once", LIMIT, async || {
        let waiting = "select count(*) from job where state <> 'succeeded' or attempt <> 1";
        (world.count(waiting).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_whose_messages_are_purged_runs_as_fast_as_there_are_slots() {
    let sqs = SqsWorld::new().await;
    announced(&sqs.world, sqs.lane(), 3_000).await;
    sqs.client.purge_queue().queue_url(&sqs.url).send().await.unwrap();
    sqs.until_depth("0", "0").await;
    let workers = [
        sqs.world.run(sqs.worker(test_handlers(), config()).await),
        sqs.world.run(sqs.worker(test_handlers(), config()).await),
    ];
    until_all_have_succeeded(&sqs.world).await;
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

/// A queue that brings at once what it is asked for, ten at most as SQS does: unlike a server on a busy machine, it is
/// never silent while it has something.
#[derive(Debug, Default)]
struct Prompt(Mutex<VecDeque<Message>>);

#[async_trait]
impl Queue for Prompt {
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, queue::Error> {
        let messages = envelopes.iter().map(|envelope| envelope.message.clone());
        self.0.lock().unwrap().extend(messages);
        Ok(Vec::new())
    }

    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, queue::Error> {
        let messages: Vec<Message> = {
            let mut waiting = self.0.lock().unwrap();
            let most = waiting.len().min(receive.max).min(10);
            waiting.drain(..most).collect()
        };
        if messages.is_empty() {
            sleep(receive.wait).await;
        }
        let delivery = |message| Delivery {
            message: Ok(message),
            receipt: Receipt(String::new()),
            receive_count: 1,
        };
        Ok(messages.into_iter().map(delivery).collect())
    }

    async fn extend(&self, _: &[Receipt], _: Duration) -> Result<Vec<EntryFailure>, queue::Error> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &[Receipt]) -> Result<Vec<EntryFailure>, queue::Error> {
        Ok(Vec::new())
    }

    async fn depth(&self) -> Result<u64, queue::Error> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    async fn check(&self) -> Result<(), queue::Error> {
        Ok(())
    }

    fn is_outbox(&self) -> bool {
        false
    }
}

/// A job that is taken without its message costs another claim when that comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_that_the_queue_delivers_is_left_to_it() {
    const JOBS: usize = 1_500;
    let world = World::new().await;
    let lane = Lane {
        name: lane(),
        queue: Arc::<Prompt>::default(),
        dead_letters: None,
        receivers: 2,
    };
    announced(&world, lane.clone(), JOBS).await;
    assert_eq!(lane.queue.depth().await.unwrap(), JOBS as u64);
    world.sql(NOTED).await;
    let config = worker::Config {
        concurrency: 100,
        receive_wait: Duration::from_secs(5),
        ..config()
    };
    let store = world.store().await;
    let began = Instant::now();
    let running = world.run(world.worker_with(&store, test_handlers(), config, |_| lane.clone()));
    until_all_have_succeeded(&world).await;
    let taken = world.count("select count(*) from unheard").await;
    // Ten with each look, of which there is hardly more than one a second, and what is under way when the queue is empty.
    let allowed = 50 + 12 * began.elapsed().as_secs();
    assert!(
        u64::try_from(taken).unwrap() <= allowed,
        "{taken} of {JOBS}, and {allowed} are allowed"
    );
    assert_eq!(lane.queue.depth().await.unwrap(), 0);
    running.drain().await;
}
