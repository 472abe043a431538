//! What is told when the api can't be reached, or not like this.

use crate::world::{World, run, tandem};

const LIST: [&str; 2] = ["jobs", "list"];

#[tokio::test]
async fn without_a_key_it_is_told_where_to_get_one() {
    let ran = run(tandem(&LIST)).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.err.contains("TANDEM_API_KEY") && ran.err.contains(".tandem/env"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn an_api_that_is_not_there_is_told_with_its_address() {
    let (_nobody, addr) = testkit::nobody_there();
    let url = format!("http://{addr}");
    let mut command = tandem(&LIST);
    command.env("TANDEM_URL", &url).env("TANDEM_API_KEY", "a key");
    let ran = run(command).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.err.contains("does not answer") && ran.err.contains(&url),
        "{ran:?}"
    );
}

#[tokio::test]
async fn what_can_be_no_address_is_told() {
    let mut command = tandem(&LIST);
    command
        .env("TANDEM_URL", "localhost:8080")
        .env("TANDEM_API_KEY", "a key");
    let ran = run(command).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("must begin with https://"), "{ran:?}");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_not_shown() {
    let world = World::new().await;
    let mut command = world.command(&LIST);
    command.env("TANDEM_API_KEY", "tdm_test_secret_part");
    let ran = run(command).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("(401, request "), "{ran:?}");
    assert!(!ran.err.contains("secret_part"), "{ran:?}");
}
