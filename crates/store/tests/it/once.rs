//! Making things once, and no more of them than a tenant may have.

use std::time::Duration;

use domain::schedule::{Missed, Overlap, Timing};
use domain::{Precondition, Scope, Scopes, TenantId};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Executor as _};
use store::{
    EndpointSettings, Error, Idempotency, Limited, MAX_ENDPOINTS, MAX_KEYS, MAX_SCHEDULES, MAX_USERS, Made,
    NewApiKey, NewSecret, NewTenant, NewUser, PutEndpoint, PutSchedule, Rotation, ScheduleChange, Successor,
    TenantLimits, User,
};
use testkit::{actor, new_job};

use crate::world::{World, random};

fn wish(key: &str) -> Idempotency {
    Idempotency {
        key: key.to_owned(),
        request_hash: [7; 32],
    }
}

impl World {
    async fn user(&self, email: &str, key: Option<&str>) -> Made<User> {
        let new = NewUser {
            name: "Ann".to_owned(),
            email: email.to_owned(),
        };
        let wish = key.map(wish);
        self.api
            .create_user(&actor(self.tenant_id), &new, wish.as_ref())
            .await
            .unwrap()
    }

    async fn key(&self, n: usize, key: Option<&str>) -> Made<store::ApiKeyRecord> {
        let id = format!("{n:016}");
        let scopes = Scopes::from_iter([Scope::JobsRead]);
        let new = NewApiKey {
            id: &id,
            tenant_id: self.tenant_id,
            user_id: None,
            name: "a key",
            secret_hash: &[7; 32],
            scopes: &scopes,
            expires_at: None,
        };
        let wish = key.map(wish);
        self.api
            .issue_api_key(&actor(self.tenant_id), &new, wish.as_ref())
            .await
            .unwrap()
    }

    async fn endpoint(&self, n: usize) -> PutEndpoint {
        let settings = EndpointSettings {
            name: format!("e{n}").parse().unwrap(),
            url: "https://example.com".to_owned(),
            headers: None,
            timeout: None,
            disabled: false,
        };
        let secret = NewSecret {
            id: random(),
            secret: "whsec_AAAA".to_owned(),
        };
        let (by, any) = (actor(self.tenant_id), Precondition::default());
        self.api
            .put_endpoint(&by, &settings, &any, &secret)
            .await
            .unwrap()
    }

    async fn schedule_of(&self, n: usize) -> PutSchedule {
        let job = new_job();
        let change = ScheduleChange {
            name: format!("s{n}").parse().unwrap(),
            timing: Timing {
                cron: "0 * * * *".parse().unwrap(),
                zone: "UTC".parse().unwrap(),
            },
            overlap: Overlap::Skip,
            missed: Missed::Latest,
            missed_after: Duration::from_secs(60),
            job: domain::JobTemplate {
                kind: job.kind,
                queue: job.queue,
                payload: job.payload,
                policy: job.policy,
                timeout: job.timeout,
                start_within: None,
                tags: job.tags,
                metadata: job.metadata,
                sensitive: job.sensitive,
                unique: job.unique,
            },
        };
        let (by, any) = (actor(self.tenant_id), Precondition::default());
        self.api.put_schedule(&by, &change, &any).await.unwrap()
    }

    async fn how_many(&self, query: &'static str) -> i64 {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(query).fetch_one(&mut superuser).await.unwrap()
    }
}

#[tokio::test]
async fn many_equal_requests_at_once_make_one() {
    let world = World::new().await;
    let at_once = (0..20).map(|_| world.user("ann@example.com", Some("k")));
    let answers = join_all(at_once).await;
    let new: Vec<i64> = answers
        .iter()
        .filter_map(|made| match made {
            Made::New(user) => Some(user.id.0),
            _ => None,
        })
        .collect();
    let [id] = new[..] else { panic!("{answers:?}") };
    assert!(
        answers.iter().all(|made| match made {
            Made::New(_) | Made::InProgress => true,
            Made::Before(told) => **told == id.to_string(),
            Made::KeyReused | Made::TooMany(_) => false,
        }),
        "{answers:?}"
    );
    assert_eq!(world.how_many("select count(*) from users").await, 1);
    assert_eq!(
        world
            .how_many("select count(*) from audit_entry where action = 'user.create'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_key_is_one_request_s_for_a_day_unless_that_was_refused() {
    let world = World::new().await;
    let Made::New(ann) = world.user("ann@example.com", Some("k")).await else {
        panic!("not made")
    };
    assert_eq!(
        world.user("ann@example.com", Some("k")).await,
        Made::Before(ann.id.0.to_string().into())
    );
    let other = Idempotency {
        request_hash: [8; 32],
        ..wish("k")
    };
    let bob = NewUser {
        name: "Bob".to_owned(),
        email: "bob@example.com".to_owned(),
    };
    let by = actor(world.tenant_id);
    let reused = world.api.create_user(&by, &bob, Some(&other)).await.unwrap();
    assert_eq!(reused, Made::KeyReused);
    // Nor may a submit have it.
    let submission = store::Submission {
        tenant_id: world.tenant_id,
        idempotency: Some(other.clone()),
        jobs: vec![new_job()],
    };
    let submitted = world.api.submit(&[submission]).await.remove(0).unwrap();
    assert!(matches!(submitted, store::Submitted::KeyReused), "{submitted:?}");

    // The address is taken, so nothing is made, and the key is free.
    let mut taken = bob.clone();
    taken.email.clone_from(&ann.email);
    world
        .api
        .create_user(&by, &taken, Some(&wish("l")))
        .await
        .unwrap_err();
    assert!(
        world
            .api
            .create_user(&by, &bob, Some(&wish("l")))
            .await
            .unwrap()
            .made()
            .is_some()
    );

    // After a day the key is free, also for jobs, and what it had made is forgotten.
    world.sql("update idempotency set expires_at = now()").await;
    let submission = store::Submission {
        tenant_id: world.tenant_id,
        idempotency: Some(wish("k")),
        jobs: vec![new_job()],
    };
    let submitted = world.api.submit(&[submission]).await.remove(0).unwrap();
    assert!(
        matches!(submitted, store::Submitted::Accepted(_)),
        "{submitted:?}"
    );
    assert_eq!(
        world
            .how_many("select count(*) from idempotency where key = 'k' and made is null")
            .await,
        1
    );
}

#[tokio::test]
async fn keys_and_tenants_are_made_once_too() {
    let world = World::new().await;
    assert!(world.key(1, Some("k")).await.made().is_some());
    assert_eq!(
        world.key(2, Some("k")).await,
        Made::Before("0000000000000001".into())
    );
    world.sql("update tenant set operator = true").await;
    let id = TenantId(random());
    let new = NewTenant {
        id,
        name: "other",
        webhook_secret: "whsec_AAAA",
        limits: TenantLimits::default(),
    };
    let scopes = Scopes::from_iter([Scope::Admin]);
    let first_key = NewApiKey {
        id: "00000000000000aa",
        tenant_id: id,
        user_id: None,
        name: "a key",
        secret_hash: &[7; 32],
        scopes: &scopes,
        expires_at: None,
    };
    let by = actor(world.tenant_id);
    let create = async || {
        let wish = wish("t");
        world
            .api
            .create_tenant(&by, &new, &first_key, Some(&wish))
            .await
            .unwrap()
    };
    assert!(create().await.made().is_some());
    assert_eq!(create().await, Made::Before(id.to_string().into()));
    assert_eq!(world.how_many("select count(*) from tenant").await, 2);
}

#[tokio::test]
async fn a_request_that_waits_in_vain_is_in_progress_only_where_its_key_is_held() {
    let world = World::impatient().await;
    let mut first = world.db.superuser().await;
    first.execute("begin").await.unwrap();
    sqlx::query("insert into idempotency values ($1, 'k', $2, '{}', now() + interval '1 hour')")
        .bind(world.tenant_id.0)
        .bind(vec![7_u8; 32])
        .execute(&mut first)
        .await
        .unwrap();
    let (user, key) = tokio::join!(world.user("ann@example.com", Some("k")), world.key(1, Some("k")));
    assert_eq!((user, key), (Made::InProgress, Made::InProgress));
    first.execute("rollback").await.unwrap();

    // Here somebody else holds the tenant's log, and the key is free.
    first
        .execute("begin; lock table audit_head in exclusive mode")
        .await
        .unwrap();
    let new = NewUser {
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
    };
    let by = actor(world.tenant_id);
    let waited = world.api.create_user(&by, &new, Some(&wish("k"))).await;
    assert!(matches!(waited, Err(Error::Locked(_))), "{waited:?}");
    first.execute("rollback").await.unwrap();
    assert!(world.user("ann@example.com", Some("k")).await.made().is_some());
}

impl World {
    /// Fills a table up to one below the limit.
    async fn fill(&self, insert: &str, most: i64) {
        let rows = format!("generate_series(1, {}) n", most - 1);
        let tenant = format!("'{}'::uuid", self.tenant_id);
        let statement = insert.replace("$rows", &rows).replace("$tenant", &tenant);
        let mut superuser = self.db.superuser().await;
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_users_or_keys_that_come_at_once_one_is_the_last() {
    let world = World::new().await;
    world.fill(
        "insert into users (tenant_id, name, email) select $tenant, 'x', 'x' || n || '@example.com' from $rows",
        MAX_USERS,
    )
    .await;
    let (a, b) = tokio::join!(
        world.user("a@example.com", None),
        world.user("b@example.com", None)
    );
    let refused = [&a, &b]
        .iter()
        .filter(|made| ***made == Made::TooMany(Limited::Users))
        .count();
    assert_eq!(refused, 1, "{a:?} {b:?}");

    world.fill(
        "insert into api_key (id, tenant_id, name, secret_hash, scopes) \
         select 'f' || lpad(n::text, 15, '0'), $tenant, 'a key', decode(repeat('07', 32), 'hex'), '{jobs:read}' from $rows",
        MAX_KEYS,
    )
    .await;
    let (a, b) = tokio::join!(world.key(1, None), world.key(2, None));
    let refused = [&a, &b]
        .iter()
        .filter(|made| ***made == Made::TooMany(Limited::Keys))
        .count();
    assert_eq!(refused, 1, "{a:?} {b:?}");
    let made = [a, b].into_iter().find_map(Made::made).unwrap();
    // One whose predecessor stops at once makes no more of them; one that is revoked makes room.
    let by = actor(world.tenant_id);
    let rotate = async |new: &str, overlap| {
        let successor = Successor {
            id: new,
            secret_hash: &[8; 32],
            expires_at: None,
        };
        world
            .api
            .rotate_api_key(&by, made.id, &successor, overlap)
            .await
            .unwrap()
    };
    assert_eq!(
        rotate("00000000000000ab", Duration::from_secs(60)).await,
        Rotation::TooMany
    );
    assert!(matches!(
        rotate("00000000000000ab", Duration::ZERO).await,
        Rotation::Rotated(_)
    ));
    assert_eq!(world.key(3, None).await, Made::TooMany(Limited::Keys));
    world
        .api
        .revoke_api_key(&by, "f000000000000001".parse().unwrap())
        .await
        .unwrap();
    assert!(world.key(3, None).await.made().is_some());
}

#[tokio::test]
async fn of_two_endpoints_or_schedules_that_come_at_once_one_is_the_last() {
    let world = World::new().await;
    world
        .fill(
            "insert into endpoint (tenant_id, name, url, header_names, header_values) \
         select $tenant, 'f' || n, 'https://example.com', '{}', '{}' from $rows",
            MAX_ENDPOINTS,
        )
        .await;
    let (a, b) = tokio::join!(world.endpoint(1), world.endpoint(2));
    let refused = [&a, &b]
        .iter()
        .filter(|put| ***put == PutEndpoint::TooMany)
        .count();
    assert_eq!(refused, 1, "{a:?} {b:?}");
    // One that is there may be changed.
    let there = if a == PutEndpoint::TooMany { 2 } else { 1 };
    assert!(matches!(world.endpoint(there).await, PutEndpoint::Replaced(_)));

    assert!(matches!(world.schedule_of(0).await, PutSchedule::Created(_)));
    world.fill(
        "insert into schedule (tenant_id, name, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload, \
             tags, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms) \
         select s.tenant_id, 'f' || n, s.cron, s.time_zone, s.overlap, s.missed, s.missed_after_secs, s.kind, s.queue, \
             s.payload, s.tags, s.max_attempts, s.backoff_initial_ms, s.backoff_factor, s.backoff_max_ms, s.timeout_ms \
         from schedule s, $rows",
        MAX_SCHEDULES - 1,
    )
    .await;
    let (a, b) = tokio::join!(world.schedule_of(1), world.schedule_of(2));
    let refused = [&a, &b]
        .iter()
        .filter(|put| matches!(put, PutSchedule::TooMany))
        .count();
    assert_eq!(refused, 1, "{a:?} {b:?}");
    assert!(matches!(world.schedule_of(0).await, PutSchedule::Replaced(_)));
}
