use runtime::env::Env;
use runtime::telemetry::Logging;
use serde_json::Value;

use crate::child;

fn logging() -> Logging {
    let mut env = Env::from_process();
    let logging = Logging::from_env(&mut env);
    env.finish(|| logging).unwrap()
}

#[tokio::test]
async fn a_service_logs_json_lines_on_standard_output() {
    if child::is_child() {
        logging().init().unwrap();
        tracing::info!(port = 80, "listening");
        tracing::debug!("not by default");
        assert!(logging().init().is_err(), "the first one stays");
        return;
    }
    let mut command = child::rerun("telemetry::a_service_logs_json_lines_on_standard_output");
    let output = command
        .env_remove("TANDEM_LOG")
        .env_remove("TANDEM_LOG_FORMAT")
        .output()
        .await
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    // The test harness may have begun the line.
    let events = stdout
        .lines()
        .filter_map(|line| line.find('{').map(|start| &line[start..]));
    let events: Vec<Value> = events.map(|line| serde_json::from_str(line).unwrap()).collect();
    let [event] = &events[..] else {
        panic!("one event, one line: {stdout}")
    };
    assert_eq!(
        (&event["level"], &event["message"], &event["port"]),
        (&"INFO".into(), &"listening".into(), &80.into())
    );
}
