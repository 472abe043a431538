//! `tandem schedules …`

use serde_json::Value;

use crate::world::{Ran, World};

async fn schedules(world: &World, arguments: &[&str]) -> Ran {
    world.tandem(&[&["schedules"], arguments].concat()).await
}

#[track_caller]
fn parsed(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

const PUT: [&str; 9] = [
    "put",
    "nightly",
    "test.echo",
    "--cron",
    "30 2 * * *",
    "--time-zone",
    "Europe/Berlin",
    "--payload",
    "{\"b\": 1, \"a\": 12345678901234567890}",
];

#[tokio::test]
async fn a_schedule_is_put_shown_paused_fired_and_deleted() {
    let world = World::new().await;
    let put = schedules(
        &world,
        &[
            &PUT[..],
            &[
                "--tag",
                "night",
                "--timeout",
                "5s",
                "--start-within",
                "1h",
                "--metadata",
                "team=a",
            ],
            &["--unique", "nightly", "--on-conflict", "reject"],
        ]
        .concat(),
    )
    .await;
    let lines: Vec<&str> = put.out.lines().collect();
    assert_eq!((put.code, lines.len()), (0, 2), "{put:?}");
    assert!(lines[0].starts_with("name"), "{put:?}");
    assert!(
        lines[1].starts_with("nightly  30 2 * * *  Europe/Berlin  test.echo  "),
        "{put:?}"
    );

    let shown = parsed(&schedules(&world, &["get", "nightly", "--json"]).await);
    let stored = sqlx::query_scalar("select payload::text from schedule");
    let stored: String = stored.fetch_one(&mut world.db.superuser().await).await.unwrap();
    assert_eq!(stored, PUT[8], "byte for byte");
    assert_eq!(shown["job"]["timeout_ms"], 5_000);
    assert_eq!(shown["job"]["tags"][0], "night");
    assert_eq!(shown["job"]["start_within_ms"], 3_600_000);
    assert_eq!(shown["job"]["metadata"]["team"], "a");
    assert_eq!(shown["job"]["unique"]["on_conflict"], "reject");
    assert!(shown["next_fire_at"].is_string(), "{shown}");

    let paused = parsed(&schedules(&world, &["pause", "nightly", "--json"]).await);
    assert!(
        paused["paused_at"].is_string() && paused["next_fire_at"].is_null(),
        "{paused}"
    );
    let fire = ["fire", "nightly", "--json", "--idempotency-key", "once"];
    let job = parsed(&schedules(&world, &fire).await);
    assert_eq!(
        parsed(&schedules(&world, &fire).await),
        job,
        "repeated, it is the same"
    );
    let job = parsed(
        &world
            .tandem(&["jobs", "get", job["id"].as_str().unwrap(), "--json"])
            .await,
    );
    assert_eq!(job["schedule"], "nightly", "{job}");
    let busy = schedules(&world, &["fire", "nightly"]).await;
    assert!(busy.code == 1 && busy.err.contains("has not ended"), "{busy:?}");
    let resumed = parsed(&schedules(&world, &["resume", "nightly", "--json"]).await);
    assert!(resumed["paused_at"].is_null(), "{resumed}");

    let listed = parsed(&schedules(&world, &["list", "--json"]).await);
    assert_eq!(listed[0]["name"], "nightly");
    let deleted = schedules(&world, &["delete", "nightly"]).await;
    assert_eq!((deleted.code, deleted.out.as_str()), (0, ""), "{deleted:?}");
    assert_eq!(
        parsed(&schedules(&world, &["list", "--json"]).await),
        Value::from(Vec::<Value>::new())
    );
}

#[tokio::test]
async fn a_preview_shows_both_clocks() {
    let world = World::new().await;
    assert_eq!(schedules(&world, &PUT).await.code, 0);
    let after = ["--after", "2026-03-28T12:00:00Z", "--count", "2"];
    let stored = schedules(&world, &[&["preview", "nightly"], &after[..]].concat()).await;
    let lines: Vec<&str> = stored.out.lines().map(str::trim).collect();
    assert_eq!(
        lines[1..],
        [
            "2026-03-29T01:00:00Z  2026-03-29T03:00:00+02:00",
            "2026-03-30T00:30:00Z  2026-03-30T02:30:00+02:00"
        ],
        "{stored:?}"
    );
    let expression = ["preview", "--cron", "30 2 * * *", "--time-zone", "Europe/Berlin"];
    let unsaved = schedules(&world, &[&expression[..], &after].concat()).await;
    assert_eq!(unsaved.out, stored.out);
    for wrong in [&["preview"][..], &["preview", "nightly", "--cron", "@daily"]] {
        assert_eq!(schedules(&world, wrong).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let world = World::new().await;
    assert_eq!(
        schedules(&world, &[&PUT[..], &["--only-new"]].concat())
            .await
            .code,
        0
    );
    for expectation in [&["--only-new"][..], &["--if-version", "7"]] {
        let refused = schedules(&world, &[&PUT[..], expectation].concat()).await;
        assert!(
            refused.code == 1 && refused.err.contains("It has changed"),
            "{refused:?}"
        );
    }
    assert_eq!(
        schedules(&world, &[&PUT[..], &["--if-version", "1"]].concat())
            .await
            .code,
        0
    );
    let wrong = schedules(
        &world,
        &["put", "x", "test.echo", "--cron", "0 0 31 2 *", "--missed", "all"],
    )
    .await;
    assert!(
        wrong.code == 1 && wrong.err.contains("/cron") && wrong.err.contains("/missed"),
        "{wrong:?}"
    );
    for unknown in [
        &["get", "no"][..],
        &["delete", "no"],
        &["pause", "no"],
        &["fire", "no"],
        &["preview", "no"],
    ] {
        let ran = schedules(&world, unknown).await;
        assert!(
            ran.code == 1 && ran.err.contains("There is no such schedule"),
            "{ran:?}"
        );
    }
    let no_name = schedules(&world, &["get", "a/b"]).await;
    assert!(
        no_name.code == 1 && no_name.err.contains("name must start with"),
        "{no_name:?}"
    );
}
