//! Wrong settings end a process at once, with all that is wrong and no secret.

use std::time::Duration;

use crate::process::Process;

async fn refused(binary: &str, settings: &[(&str, &str)]) -> String {
    let environment: Vec<(String, String)> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut process = Process::start(binary, &environment);
    let status = process.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(2), "{}", process.log());
    process.log()
}

#[tokio::test]
async fn all_problems_are_told_at_once_and_no_secret_is() {
    for binary in ["api", "worker"] {
        let log = refused(
            binary,
            &[
                ("DATABASE_URL", "mysql://user:hunter2@host/db"),
                ("TANDEM_QUEUE", "kafka"),
                ("TANDEM_LOG_FORMAT", "xml"),
                ("TANDEM_KEY_ENVIRONMENT", "prod"),
                ("TANDEM_KEY_PEPPER", "hunter2"),
                ("TANDEM_LEASE_SECS", "none"),
            ],
        )
        .await;
        for name in ["DATABASE_URL", "TANDEM_QUEUE", "TANDEM_LOG_FORMAT"] {
            assert!(log.contains(name), "{name} is missing in:\n{log}");
        }
        assert!(!log.contains("hunter2"), "{log}");
    }
}

#[tokio::test]
async fn contradictions_between_timeouts_are_fatal() {
    let url = ("DATABASE_URL", "postgres://user@127.0.0.1:1/db");
    let log = refused(
        "worker",
        &[url, ("TANDEM_LEASE_SECS", "10"), ("TANDEM_HEARTBEAT_SECS", "9")],
    )
    .await;
    assert!(
        log.contains("TANDEM_LEASE_SECS") && log.contains("TANDEM_HEARTBEAT_SECS"),
        "{log}"
    );
    let log = refused(
        "worker",
        &[
            url,
            ("TANDEM_DRAIN_SECS", "120"),
            ("TANDEM_STOP_TIMEOUT_SECS", "120"),
        ],
    )
    .await;
    assert!(
        log.contains("TANDEM_DRAIN_SECS") && log.contains("TANDEM_STOP_TIMEOUT_SECS"),
        "{log}"
    );
}

#[tokio::test]
async fn help_documents_each_variable() {
    for (binary, names) in [
        (
            "api",
            [
                "DATABASE_URL",
                "TANDEM_API_ADDR",
                "TANDEM_KEY_PEPPER",
                "TANDEM_SQS_QUEUE_URLS",
            ],
        ),
        (
            "worker",
            [
                "DATABASE_URL",
                "TANDEM_WORKER_CONCURRENCY",
                "TANDEM_LEASE_SECS",
                "TANDEM_SQS_QUEUE_URLS",
            ],
        ),
    ] {
        let output = std::process::Command::new(crate::process::binary(binary))
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(names.iter().all(|name| help.contains(name)), "{help}");
    }
}
