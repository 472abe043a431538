//! What a process tells: log lines on standard output, metrics for Prometheus and for CloudWatch, traces over OTLP.
//!
//! Logs go to standard output in every process: they are a service's output, and container platforms collect
//! it. One line is one event. In production it is one JSON object, with the event's fields beside `timestamp`
//! (RFC 3339, UTC), `level`, `target` and `message`, and with the fields of the enclosing spans, outermost
//! first, under `spans`.

mod emf;
mod logging;
mod metrics_handle;
mod traces;

use std::time::{Duration, Instant};

use crate::credential::KeyEnvironment;
use crate::env::{Env, Setting};

use emf::{Emf, Publisher, Publishing};
pub use emf::{METRICS_EMF, METRICS_EMF_INTERVAL};
pub use logging::{AlreadyLogging, LOG, LOG_FORMAT, LogFilter, LogFormat, Logging};
pub use metrics_handle::{MetricsHandle, metrics_handle};
pub use traces::{
    OTLP_ENDPOINT, OTLP_HEADERS, OTLP_PROTOCOL, RESOURCE_ATTRIBUTES, SAMPLER, SAMPLER_ARG, SERVICE_NAME,
    TracesError,
};
use traces::{Sending, Traces};

/// Which environment it is, in what is told.
pub const ENVIRONMENT: Setting = Setting::optional(
    "TANDEM_ENVIRONMENT",
    "Names this environment in metrics and traces: 2 to 10 of a-z and 0-9, such as prod.",
);

/// The settings of this module, for `--help`.
pub const SETTINGS: &[&Setting] = &[
    &LOG,
    &LOG_FORMAT,
    &ENVIRONMENT,
    &METRICS_EMF,
    &METRICS_EMF_INTERVAL,
    &OTLP_ENDPOINT,
    &OTLP_HEADERS,
    &OTLP_PROTOCOL,
    &SAMPLER,
    &SAMPLER_ARG,
    &SERVICE_NAME,
    &RESOURCE_ATTRIBUTES,
];

/// How long the process's end waits for what is still to be told, should nobody take it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a service tells what it does.
#[derive(Debug)]
pub struct Telemetry {
    logging: Logging,
    emf: Option<Emf>,
    traces: Option<Traces>,
}

/// Why a process can't tell what it does.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Somebody else tells already.
    #[error(transparent)]
    Logging(#[from] AlreadyLogging),
    /// There is no thread for it.
    #[error("no thread can be made for metrics: {0}")]
    Thread(#[from] std::io::Error),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

impl Telemetry {
    /// Reads the settings of this module.
    pub fn from_env(env: &mut Env<'_>) -> Option<Self> {
        let logging = Logging::from_env(env);
        let environment: Option<KeyEnvironment> = env.get(&ENVIRONMENT);
        let environment = environment.map(|environment| environment.to_string());
        let emf = Emf::from_env(env, environment.as_deref());
        let traces = Traces::from_env(env, environment.as_deref());
        Some(Self {
            logging: logging?,
            emf: emf?,
            traces: traces?,
        })
    }

    /// Tells from here on. What is counted is kept, also before anybody asks for it; `service` names who counts.
    pub(crate) fn start(self, service: &str) -> Result<Telling, TelemetryError> {
        self.logging.init()?;
        let publisher = self.emf.map(|emf| Publisher::new(service, emf));
        metrics_handle::record(publisher.as_ref().map(Publisher::recorder));
        Ok(Telling {
            metrics: publisher.map(Publisher::start).transpose()?,
            // Spans that are dropped are counted, so metrics come first.
            traces: self.traces.map(|traces| traces.start(service)).transpose()?,
        })
    }
}

/// Tells what the process does while it lives.
#[derive(Debug)]
pub(crate) struct Telling {
    metrics: Option<Publishing>,
    traces: Option<Sending>,
}

impl Telling {
    /// Tells the rest, within two and a half seconds, should nobody listen.
    pub(crate) fn end(self) {
        let until = Instant::now() + PATIENCE;
        let left = || until.saturating_duration_since(Instant::now());
        if let Some(traces) = self.traces {
            traces.finish();
            traces.wait(left());
        }
        if let Some(metrics) = self.metrics {
            metrics.end(left().max(PATIENCE / 4));
        }
    }
}
