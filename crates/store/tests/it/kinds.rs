//! The kinds that workers declare.

use serde_json::value::RawValue;
use store::{Declare, KindDeclaration, RegisteredKind};

use crate::world::{World, register};

fn kind(name: &str, schema: Option<&str>, sensitive: &[&str]) -> KindDeclaration {
    KindDeclaration {
        name: name.parse().unwrap(),
        schema: schema.map(|text| RawValue::from_string(text.to_owned()).unwrap()),
        sensitive: sensitive.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

async fn known(world: &World) -> Vec<RegisteredKind> {
    world.api.kinds(10).await.unwrap()
}

#[tokio::test]
async fn a_kind_is_known_as_the_last_worker_to_start_declares_it_and_lives_while_one_does() {
    let world = World::new().await;
    let declare = async |worker_id, kinds: &[KindDeclaration], declare| {
        world
            .worker
            .declare_kinds(worker_id, kinds, declare)
            .await
            .unwrap();
    };
    let first = [
        kind("b", None, &[]),
        kind("a", Some(r#"{ "type":"object" }"#), &["/x", "/y~1"]),
    ];
    declare(world.worker_id, &first, Declare::Anew).await;
    let kinds = known(&world).await;
    assert_eq!(
        kinds.iter().map(|kind| &*kind.name).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(kinds[0].schema.as_ref().unwrap().get(), r#"{ "type":"object" }"#);
    assert_eq!(kinds[0].sensitive, ["/x", "/y~1"]);
    assert!(kinds[1].schema.is_none() && kinds[1].live);

    let newer = register(&world.worker).await;
    declare(newer, &[kind("a", Some("true"), &[])], Declare::Anew).await;
    declare(world.worker_id, &first, Declare::Again).await;
    let kinds = known(&world).await;
    assert_eq!(kinds[0].schema.as_ref().unwrap().get(), "true");
    assert!(kinds[0].sensitive.is_empty());

    world.worker.deregister_worker(world.worker_id).await.unwrap();
    world.sql("update worker set lease_expires_at = now()").await;
    assert!(known(&world).await.iter().all(|kind| !kind.live));
    assert_eq!(world.worker.purge_kinds(10).await.unwrap(), 0);
    world
        .sql("update kind set seen_at = now() - interval '31 days' where name = 'a'")
        .await;
    assert_eq!(world.worker.purge_kinds(10).await.unwrap(), 1);
    assert_eq!(known(&world).await.len(), 1);
}
