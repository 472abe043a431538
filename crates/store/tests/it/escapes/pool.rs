//! Two connections that serve many tenants in turn, through whatever may happen to a request.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{JobId, TenantId};
use futures::future::join_all;
use sqlx::Executor;
use store::{JobFilter, NewUser, PoolConfig, Role, Store, Submission};
use testkit::{TestDb, actor, new_job};

use super::tell;

const REQUESTS: u64 = 10_000;
const CLIENTS: u64 = 16;
const TENANTS: usize = 8;
const JOBS: usize = 3;

/// What is known of a tenant.
struct Tenant {
    id: TenantId,
    jobs: HashSet<JobId>,
}

#[derive(Default)]
struct Counts {
    own_rows: AtomicU64,
    foreign_asked: AtomicU64,
    cancelled: AtomicU64,
    aborted: AtomicU64,
    without_tenant: AtomicU64,
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

/// The same numbers in each run, without any order in them.
fn draw(request: u64, what: &str, below: u64) -> usize {
    let mut hasher = DefaultHasher::new();
    (request, what).hash(&mut hasher);
    usize::try_from(hasher.finish() % below).unwrap()
}

async fn tenant(db: &TestDb, store: &Store) -> Tenant {
    let id = db.tenant().await;
    let submission = Submission {
        tenant_id: id,
        idempotency: None,
        jobs: (0..JOBS).map(|_| new_job()).collect(),
    };
    let jobs = submission.jobs.iter().map(|job| job.id).collect();
    store.submit(&[submission]).await.remove(0).unwrap();
    let ann = NewUser {
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
    };
    store.create_user(&actor(id), &ann, None).await.unwrap();
    Tenant { id, jobs }
}

/// Drops the future after so many looks at it, as a client does that leaves.
async fn given_up_after<T>(looks: usize, future: impl Future<Output = T>) -> Option<T> {
    let leaving = async {
        for _ in 0..looks {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = future => Some(done),
        () = leaving => None,
    }
}

/// One request, of a kind that is drawn. Whatever it reads is its own tenant's.
async fn request(number: u64, store: &Store, tenants: &[Tenant], counts: &Counts) {
    let me = &tenants[draw(number, "tenant", TENANTS as u64)];
    let other = &tenants[draw(number, "other", TENANTS as u64)];
    let all = JobFilter::default();
    match draw(number, "kind", 6) {
        0 => {
            let listed = store.list_jobs(me.id, &all, 100).await.unwrap();
            assert!(listed.iter().all(|job| me.jobs.contains(&job.id)));
            assert_eq!(listed.len(), JOBS);
            add(&counts.own_rows, listed.len());
        }
        1 => {
            let id = *other.jobs.iter().next().unwrap();
            let found = store.job(me.id, id).await.unwrap();
            assert_eq!(found.is_some(), me.id == other.id);
            add(&counts.foreign_asked, 1);
        }
        2 => {
            let looks = draw(number, "looks", 40);
            match given_up_after(looks, store.list_jobs(me.id, &all, 100)).await {
                Some(listed) => assert!(listed.unwrap().iter().all(|job| me.jobs.contains(&job.id))),
                None => add(&counts.cancelled, 1),
            }
        }
        3 => {
            // The second user of that name: a constraint aborts the transaction.
            let ann = NewUser {
                name: "Ann".to_owned(),
                email: "ANN@example.com".to_owned(),
            };
            store.create_user(&actor(me.id), &ann, None).await.unwrap_err();
            add(&counts.aborted, 1);
        }
        4 => {
            // A transaction that names its tenant, fails and is dropped in the middle.
            #[expect(clippy::disallowed_methods, reason = "its beginning is waited for")]
            let mut tx = store.pool().begin().await.unwrap();
            let name = format!("set local app.tenant_id = '{}'", me.id);
            tx.execute(sqlx::AssertSqlSafe(name)).await.unwrap();
            tx.execute("select 1 / 0").await.unwrap_err();
            add(&counts.aborted, 1);
        }
        _ => {
            // A statement that forgets to name one.
            let statement = "select (select count(*) from job) + (select count(*) from users) + (select count(*) from tenant)";
            let seen: i64 = sqlx::query_scalar(statement)
                .fetch_one(store.pool())
                .await
                .unwrap();
            assert_eq!(seen, 0);
            add(&counts.without_tenant, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_of_many_tenants_on_two_connections_see_their_own_rows_only() {
    let db = TestDb::create().await;
    // Many wait for few connections.
    let config = PoolConfig {
        max_connections: 2,
        min_connections: 0,
        ..TestDb::pool_config()
    };
    let store = Store::open_url(&db.url(), Role::Api, config).await.unwrap();
    let mut tenants = Vec::new();
    for _ in 0..TENANTS {
        tenants.push(tenant(&db, &store).await);
    }
    let counts = Counts::default();
    let clients = (0..CLIENTS).map(async |client| {
        for number in (client..REQUESTS).step_by(usize::try_from(CLIENTS).unwrap()) {
            request(number, &store, &tenants, &counts).await;
        }
    });
    join_all(clients).await;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for counter in [
        &counts.own_rows,
        &counts.foreign_asked,
        &counts.cancelled,
        &counts.aborted,
        &counts.without_tenant,
    ] {
        assert!(count(counter) > 100, "each kind of request has happened");
    }
    tell(&format!(
        "{REQUESTS} requests of {TENANTS} tenants on 2 connections: {} own rows read, {} reads by id across tenants, \
         {} cancelled, {} aborted, {} without a tenant; 0 rows of another tenant",
        count(&counts.own_rows),
        count(&counts.foreign_asked),
        count(&counts.cancelled),
        count(&counts.aborted),
        count(&counts.without_tenant),
    ));
}

/// One connection, which everybody has to share with whoever has left it.
async fn one_connection(db: &TestDb, role: Role) -> Store {
    let config = PoolConfig {
        max_connections: 1,
        min_connections: 1,
        ..TestDb::pool_config()
    };
    let store = Store::open_url(&db.url(), role, config).await.unwrap();
    store.warm_up().await.unwrap();
    store
}

/// Leaves this work again and again, at each moment of it, and looks at the connection after that.
async fn leave_at_any_moment<T>(store: &Store, work: impl AsyncFn() -> T) {
    let mut left = 0;
    for round in 0..400 {
        // With a connection at hand, it is not waiting for one that it is left at.
        while store.pool().num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        let looks = round % 20;
        left += usize::from(given_up_after(looks, Box::pin(work())).await.is_none());
        let seen = async || -> (String, String) {
            let query =
                "select pg_current_xact_id()::text, coalesce(current_setting('app.tenant_id', true), '')";
            sqlx::query_as(query).fetch_one(store.pool()).await.unwrap()
        };
        let (first, second) = (seen().await, seen().await);
        assert_ne!(first.0, second.0, "one transaction, left after {looks} looks");
        // What a transaction sets ends with it.
        assert_eq!(first.1, "", "left after {looks} looks");
    }
    assert!(left > 100, "{left} have left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_at_any_moment_leaves_no_transaction_behind() {
    let db = TestDb::create().await;
    let store = one_connection(&db, Role::Api).await;
    let (me, all) = (tenant(&db, &store).await, JobFilter::default());
    leave_at_any_moment(&store, async || store.list_jobs(me.id, &all, 100).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_leaves_at_any_moment_leaves_no_transaction_behind() {
    let db = TestDb::create().await;
    let store = one_connection(&db, Role::Worker).await;
    leave_at_any_moment(&store, async || store.purge_unique(None, 100).await.unwrap()).await;
    let nobody = JobId(uuid::Uuid::nil());
    leave_at_any_moment(&store, async || store.revive(nobody, 1).await.unwrap()).await;
    leave_at_any_moment(&store, async || store.fire(&[]).await.unwrap()).await;
}
