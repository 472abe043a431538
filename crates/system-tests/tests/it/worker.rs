//! A worker process that can be asked how it does.

use std::time::Duration;

use testkit::eventually;

use crate::process::{Process, free_addr};
use crate::system::System;

pub(crate) struct Worker {
    pub(crate) process: Process,
    ops: String,
    http: reqwest::Client,
}

impl Worker {
    /// Starts a worker and waits until it is registered. Its leases are short, so that its loss is found soon.
    pub(crate) async fn start(system: &System, host: &str, settings: &[(&str, &str)]) -> Self {
        let addr = free_addr().to_string();
        let mut all = vec![
            ("HOSTNAME", host),
            ("TANDEM_OPS_ADDR", &*addr),
            ("TANDEM_LEASE_SECS", "6"),
            ("TANDEM_HEARTBEAT_SECS", "2"),
        ];
        all.extend(settings);
        let worker = Self {
            process: Process::start("worker", &system.environment_with(&all)),
            ops: format!("http://{addr}"),
            http: reqwest::Client::new(),
        };
        eventually("readiness of the worker", Duration::from_secs(30), || async {
            (worker.status("/ready").await == 200).then_some(())
        })
        .await;
        worker
    }

    /// The status of a route; 0 when there is no answer within five seconds.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.ops));
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        answer.map_or(0, |response| response.status().as_u16())
    }

    /// The value of a series, written as Prometheus does; 0 as long as there is none.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let answer = self.http.get(format!("{}/metrics", self.ops)).send().await;
        let text = answer.unwrap().text().await.unwrap();
        let values = text.lines().filter_map(|line| line.rsplit_once(' '));
        let mut of_series = values.filter(|(name, _)| *name == series);
        of_series.next().map_or(0.0, |(_, value)| value.parse().unwrap())
    }

    pub(crate) async fn leads(&self) -> bool {
        self.metric("tandem_maintenance_leader").await > 0.0
    }

    pub(crate) async fn until_it_leads(&self, limit: Duration) {
        eventually("the worker leads", limit, || async {
            self.leads().await.then_some(())
        })
        .await;
    }
}
