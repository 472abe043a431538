//! `tandem users …`

use serde_json::Value;

use crate::world::{Ran, World};

async fn users(world: &World, arguments: &[&str]) -> Ran {
    world.tandem(&[&["users"], arguments].concat()).await
}

async fn create(world: &World, name: &str, email: &str) -> Ran {
    users(world, &["create", "--name", name, "--email", email]).await
}

#[track_caller]
fn parsed(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

#[tokio::test]
async fn users_are_made_listed_and_shown() {
    let world = World::new().await;
    let ran = create(&world, "Ann Onymous", "ann@example.com").await;
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((ran.code, lines.len()), (0, 2), "{ran:?}");
    assert!(lines[0].starts_with("id"), "{ran:?}");
    let id = lines[1].split_whitespace().next().unwrap();
    let row = format!("{id}   Ann Onymous  ann@example.com  ");
    assert!(lines[1].starts_with(&row), "{ran:?}");

    let shown = users(&world, &["get", id]).await;
    assert_eq!((shown.code, &shown.out), (0, &ran.out), "{shown:?}");
    let user = parsed(&users(&world, &["get", id, "--json"]).await);
    assert_eq!(
        (&user["id"].to_string(), &user["name"]),
        (&id.to_owned(), &"Ann Onymous".into())
    );

    let bob = ["create", "--name", "Bob", "--email", "bob@example.com", "--json"];
    let bob = parsed(&users(&world, &bob).await);
    assert_eq!(
        parsed(&users(&world, &["list", "--json"]).await),
        Value::from([bob.clone(), user])
    );
    let newest = users(&world, &["list", "--limit", "1"]).await;
    assert_eq!(newest.out.lines().count(), 2, "{newest:?}");
    assert!(newest.out.contains("bob@example.com"), "{newest:?}");
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let world = World::new().await;
    create(&world, "Ann", "ann@example.com").await;
    let taken = create(&world, "Ann", "ANN@example.com").await;
    assert_eq!((taken.code, taken.out.as_str()), (1, ""), "{taken:?}");
    assert!(taken.err.contains("The e-mail address is taken"), "{taken:?}");
    let wrong = create(&world, " ", "ann").await;
    assert!(
        wrong.code == 1 && wrong.err.contains("/name") && wrong.err.contains("/email"),
        "{wrong:?}"
    );
    let unknown = users(&world, &["get", "9223372036854775807"]).await;
    assert!(
        unknown.code == 1 && unknown.err.contains("There is no such user"),
        "{unknown:?}"
    );
    for no_id in ["0", "ann", "9223372036854775808"] {
        assert_eq!(users(&world, &["get", no_id]).await.code, 2);
    }
}
