//! `tandem queues …`

use serde_json::Value;

use crate::world::{Ran, World};

async fn queues(world: &World, arguments: &[&str]) -> Ran {
    world.tandem(&[&["queues"], arguments].concat()).await
}

#[track_caller]
fn parsed(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

#[tokio::test]
async fn lanes_are_listed_paused_and_resumed() {
    let world = World::new().await;
    world.dead_letters(3, "no").await;
    let listed = queues(&world, &["list"]).await;
    let lines: Vec<&str> = listed.out.lines().collect();
    assert_eq!((listed.code, lines.len()), (0, 2), "{listed:?}");
    assert!(lines[0].starts_with("name"), "{listed:?}");
    let row: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(row[..5], ["default", "0", "0", "0", "3"], "{listed:?}");
    let json = parsed(&queues(&world, &["list", "--json"]).await);
    assert_eq!(
        (&json[0]["name"], &json[0]["paused"]),
        (&"default".into(), &false.into())
    );

    let paused = queues(&world, &["pause", "default", "--reason", "a rehearsal"]).await;
    assert_eq!(paused.code, 0, "{paused:?}");
    assert!(
        paused.out.contains("by tenant since ") && paused.out.contains(": a rehearsal"),
        "{paused:?}"
    );
    let json = parsed(&queues(&world, &["list", "--json"]).await);
    assert_eq!(json[0]["paused"], true);
    let resumed = parsed(&queues(&world, &["resume", "default", "--json"]).await);
    assert_eq!(
        (&resumed[0]["paused"], &resumed[0]["pauses"]),
        (&false.into(), &Value::Array(Vec::new()))
    );
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let world = World::new().await;
    for verb in ["pause", "resume"] {
        for name in ["fast", "../keys"] {
            let unknown = queues(&world, &[verb, name]).await;
            assert_eq!(unknown.code, 1, "{unknown:?}");
            assert!(unknown.err.contains("There is no such queue"), "{unknown:?}");
        }
        let everyone = queues(&world, &[verb, "default", "--everyone"]).await;
        assert_eq!(everyone.code, 1, "{everyone:?}");
        assert!(
            everyone.err.contains("Only an operator may do this"),
            "{everyone:?}"
        );
        assert_eq!(queues(&world, &[verb]).await.code, 2);
    }
    let wrong = queues(&world, &["pause", "default", "--reason", ""]).await;
    assert!(wrong.code == 1 && wrong.err.contains("/reason"), "{wrong:?}");
}
