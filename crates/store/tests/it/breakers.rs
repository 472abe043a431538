//! Breakers: opened by whoever sees it first, probed by one at a time, shared by all workers.

use std::time::Duration;

use domain::{Breaker, EndpointName, Precondition};
use store::{BreakerKey, EndpointSettings, NewSecret, OpenBreaker};
use testkit::actor;

use crate::world::{World, random};

/// Whatever there is.
const ANY: Precondition = Precondition {
    matches: None,
    matches_none: None,
};

const PROBE: Duration = Duration::from_secs(15);

fn key(world: &World, target: &str) -> BreakerKey {
    BreakerKey {
        tenant_id: world.tenant_id,
        target: target.to_owned(),
    }
}

fn open(trips: u32) -> OpenBreaker<'static> {
    OpenBreaker {
        trips,
        failures: 10,
        lasts: Duration::from_secs(60),
        last_error: "the target answered 503",
    }
}

async fn time_runs_out(world: &World) {
    world
        .sql("update breaker set open_until = now() - interval '1 second'")
        .await;
}

#[tokio::test]
async fn a_breaker_opens_once_and_tells_its_tenant_why() {
    let world = World::new().await;
    let key = key(&world, "https://example.com");
    assert_eq!(world.worker.breaker(&key, PROBE).await.unwrap(), Breaker::Closed);
    assert_eq!(world.api.resting_target(&key).await.unwrap(), None);
    assert!(world.worker.open_breaker(&key, &open(1)).await.unwrap());
    let told = world.worker.open_breaker(&key, &open(1)).await.unwrap();
    assert!(!told, "another worker saw it too, and changes nothing");
    let Breaker::Open { wait, trips: 1 } = world.worker.breaker(&key, PROBE).await.unwrap() else {
        panic!("it is open")
    };
    assert!(
        wait > Duration::from_secs(30) && wait <= Duration::from_secs(60),
        "{wait:?}"
    );
    let resting = world.api.resting_target(&key).await.unwrap().unwrap();
    assert_eq!(
        (resting.failures, resting.last_error.as_str()),
        (10, "the target answered 503")
    );

    let stranger = BreakerKey {
        tenant_id: world.db.tenant().await,
        ..key.clone()
    };
    assert_eq!(
        world.worker.breaker(&stranger, PROBE).await.unwrap(),
        Breaker::Closed
    );
    assert!(world.worker.close_breaker(&key).await.unwrap());
    assert!(!world.worker.close_breaker(&key).await.unwrap());
}

#[tokio::test]
async fn one_of_many_who_ask_is_the_probe() {
    let world = World::new().await;
    let key = key(&world, "https://example.com");
    world.worker.open_breaker(&key, &open(1)).await.unwrap();
    time_runs_out(&world).await;
    let asking = (0..20).map(|_| world.worker.breaker(&key, PROBE));
    let told: Vec<Breaker> = futures::future::try_join_all(asking).await.unwrap();
    let probes = told
        .iter()
        .filter(|breaker| matches!(breaker, Breaker::Probing { .. }));
    assert_eq!(probes.count(), 1, "{told:?}");
    assert_eq!(
        told.iter()
            .filter(|breaker| matches!(breaker, Breaker::HalfOpen { .. }))
            .count(),
        19
    );

    // A probe that never tells, because its worker died, is waited for no longer than that.
    world
        .sql("update breaker set probe_until = now() - interval '1 second'")
        .await;
    let next = world.worker.breaker(&key, PROBE).await.unwrap();
    assert_eq!(next, Breaker::Probing { trips: 1 });
    assert!(world.worker.open_breaker(&key, &open(2)).await.unwrap());
    let again = world.worker.breaker(&key, PROBE).await.unwrap();
    assert!(matches!(again, Breaker::Open { trips: 2, .. }), "{again:?}");
    let resting = world.api.resting_target(&key).await.unwrap().unwrap();
    assert_eq!(resting.failures, 20);
}

#[tokio::test]
async fn an_endpoint_with_another_url_starts_anew() {
    let world = World::new().await;
    let (key, actor) = (key(&world, "endpoint:billing"), actor(world.tenant_id));
    let name: EndpointName = "billing".parse().unwrap();
    let put = async |url: &str| {
        let settings = EndpointSettings {
            name: name.clone(),
            url: url.to_owned(),
            headers: None,
            timeout: None,
            disabled: false,
        };
        let secret = NewSecret {
            id: random(),
            secret: "whsec_1".to_owned(),
        };
        let put = world.api.put_endpoint(&actor, &settings, &ANY, &secret);
        put.await.unwrap();
        world.worker.breaker(&key, PROBE).await.unwrap()
    };
    put("https://example.com/a").await;
    world.worker.open_breaker(&key, &open(1)).await.unwrap();
    assert!(matches!(put("https://example.com/a").await, Breaker::Open { .. }));
    assert_eq!(world.worker.backlog().await.unwrap().resting_targets, 1);
    assert_eq!(put("https://example.com/b").await, Breaker::Closed);
    assert_eq!(world.worker.backlog().await.unwrap().resting_targets, 0);

    world.worker.open_breaker(&key, &open(1)).await.unwrap();
    let deletion = world.api.delete_endpoint(&actor, &name, &ANY);
    deletion.await.unwrap();
    assert_eq!(world.worker.breaker(&key, PROBE).await.unwrap(), Breaker::Closed);
}

#[tokio::test]
async fn what_nobody_calls_any_more_is_forgotten() {
    let world = World::new().await;
    for target in ["https://a.example", "https://b.example"] {
        world
            .worker
            .open_breaker(&key(&world, target), &open(1))
            .await
            .unwrap();
    }
    world
        .sql("update breaker set open_until = now() - interval '61 minutes' where target = 'https://a.example'")
        .await;
    assert_eq!(world.worker.purge_breakers(10).await.unwrap(), 1);
    let kept = world.api.resting_target(&key(&world, "https://b.example")).await;
    assert!(kept.unwrap().is_some());
}
