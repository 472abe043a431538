//! What is told about an environment.

use serde_json::{Value, json};

use crate::cloud::{Cloud, NAME, sha};
use crate::program::{releases, run};

#[tokio::test]
async fn it_tells_what_runs_and_what_is_wrong() {
    let cloud = Cloud::running('1').await;
    assert_eq!(releases(&cloud, '2', &[]).await.code, 0);
    cloud.world().alarms = vec![(format!("{NAME}-dead-letters"), "3 jobs".to_owned())];
    cloud
        .world()
        .suspended
        .insert("worker".to_owned(), [true, false, false]);
    cloud
        .world()
        .parameters
        .insert(format!("/{NAME}/worker/digest"), sha('9'));
    let ran = run(&cloud, &["status"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 4, "{ran:?}");
    let cells = |line: usize| {
        lines[line]
            .split("  ")
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        cells(0),
        [
            "program", "runs", "version", "tasks", "released", "previous", "notes"
        ]
    );
    let short = |digit| sha(digit)[..19].to_owned();
    assert_eq!(
        cells(1),
        [
            "worker",
            &short('2'),
            "0.2.0",
            "2/2",
            &short('9'),
            &short('1'),
            "not what was released last; scaling in is suspended"
        ]
    );
    assert_eq!(
        cells(2),
        [
            "api",
            &short('2'),
            "0.2.0",
            "2/2",
            &short('2'),
            &short('1'),
            "d-000000001: old tasks are kept"
        ]
    );
    assert_eq!(lines[3], "alarm tandem-test-dead-letters: 3 jobs");
}

#[tokio::test]
async fn it_tells_programs_the_same() {
    let cloud = Cloud::new().await;
    let ran = run(&cloud, &["status", "--json"]).await;
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let program = |name: &str| {
        json!({
            "program": name, "digest": null, "version": null, "commit": null, "released": null, "previous": null,
            "tasks_running": 0, "tasks_desired": 0, "under_way": null, "scale_in_held": false,
        })
    };
    assert_eq!(
        told,
        json!({ "name": NAME, "programs": [program("worker"), program("api")], "alarms": [] })
    );
}
