//! Log lines on standard output.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::env::{Env, FromSetting, Setting, one_of};

/// How logs look.
pub const LOG_FORMAT: Setting = Setting::optional(
    "TANDEM_LOG_FORMAT",
    "json or compact; compact in a terminal and json elsewhere when it is not set.",
);
/// Which logs there are.
pub const LOG: Setting = Setting::with_default(
    "TANDEM_LOG",
    "info",
    "Level of the logs, or levels by module such as info,store=debug,sqlx=info.",
);

/// Libraries whose `info` is our `debug`. A setting that names one of them wins.
const QUIET: &str = "aws_config=warn,aws_runtime=warn,aws_sdk_secretsmanager=warn,aws_sdk_sqs=warn,\
    aws_smithy_http_client=warn,aws_smithy_runtime=warn,h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,\
    rustls=warn,sqlx=warn,tower=warn";

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// For machines: one JSON object per line.
    Json,
    /// For people: short, and in colour in a terminal.
    Compact,
}

impl LogFormat {
    /// The format for whoever reads the standard output of this process.
    #[must_use]
    pub fn for_standard_output() -> Self {
        if std::io::stdout().is_terminal() {
            Self::Compact
        } else {
            Self::Json
        }
    }
}

impl FromSetting for LogFormat {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        one_of(text, &[("json", Self::Json), ("compact", Self::Compact)])
    }
}

/// Which events are logged.
#[derive(Debug)]
pub struct LogFilter(EnvFilter);

impl FromSetting for LogFilter {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        let accepted = |_| "must be a level, or levels by module such as info,store=debug".to_owned();
        let asked = EnvFilter::builder().parse(text).map_err(accepted)?;
        // Who wants warnings at most would hear more from libraries, not less.
        if asked
            .max_level_hint()
            .is_some_and(|most| most <= LevelFilter::WARN)
        {
            return Ok(Self(asked));
        }
        EnvFilter::builder()
            .parse(format!("{QUIET},{text}"))
            .map(Self)
            .map_err(accepted)
    }
}

/// How and what to log.
#[derive(Debug)]
pub struct Logging {
    /// How log lines look.
    pub format: LogFormat,
    /// Which events are logged.
    pub filter: LogFilter,
}

/// Logging was set up before in this process; the first one stays.
#[derive(Debug, thiserror::Error)]
#[error("logging is set up already")]
pub struct AlreadyLogging;

impl Logging {
    /// Reads the settings of this module.
    pub fn from_env(env: &mut Env<'_>) -> Option<Self> {
        let format = if env.is_set(&LOG_FORMAT) {
            env.get(&LOG_FORMAT)
        } else {
            Some(LogFormat::for_standard_output())
        };
        let filter = env.get(&LOG);
        Some(Self {
            format: format?,
            filter: filter?,
        })
    }

    /// Logs from here on, for the rest of the process. Events of the `log` crate are taken too.
    ///
    /// # Errors
    /// When somebody did so before.
    pub fn init(self) -> Result<(), AlreadyLogging> {
        self.subscriber(std::io::stdout)
            .try_init()
            .map_err(|_| AlreadyLogging)
    }

    fn subscriber<W>(self, writer: W) -> Box<dyn Subscriber + Send + Sync>
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.filter.0)
            .with_writer(writer);
        match self.format {
            LogFormat::Json => Box::new(
                builder
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(true)
                    .finish(),
            ),
            LogFormat::Compact => Box::new(
                builder
                    .compact()
                    .with_ansi(std::io::stdout().is_terminal())
                    .finish(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use chrono::{DateTime, Utc};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logging(format: &str, filter: &str) -> Logging {
        let mut env = Env::new(|name| match name {
            "TANDEM_LOG" => Some(filter.to_owned()),
            "TANDEM_LOG_FORMAT" => Some(format.to_owned()),
            _ => None,
        });
        let logging = Logging::from_env(&mut env);
        env.finish(|| logging).unwrap()
    }

    fn logged(logging: Logging, act: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(logging.subscriber(move || writer.clone()), act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn json_has_the_fields_of_the_event_and_of_its_spans() {
        let lines = logged(logging("json", "info"), || {
            let _job = tracing::info_span!("job", job.id = 7).entered();
            let _attempt = tracing::info_span!("attempt", number = 2).entered();
            tracing::warn!(error.chain = "a: b", attempts = 2, "gave up");
        });
        let [line] = &lines[..] else {
            panic!("one event, one line: {lines:?}")
        };
        let mut event: Value = serde_json::from_str(line).unwrap();
        let timestamp = event["timestamp"].take();
        let timestamp = timestamp.as_str().unwrap();
        assert!(
            timestamp.ends_with('Z') && timestamp.parse::<DateTime<Utc>>().is_ok(),
            "{timestamp}"
        );
        let expected = json!({
            "timestamp": null, "level": "WARN", "target": module_path!(), "message": "gave up",
            "error.chain": "a: b", "attempts": 2,
            "spans": [{ "name": "job", "job.id": 7 }, { "name": "attempt", "number": 2 }],
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn compact_is_one_readable_line_without_colours_outside_a_terminal() {
        let lines = logged(logging("compact", "info"), || {
            tracing::info!(port = 80, "listening")
        });
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].contains("INFO") && lines[0].ends_with("listening port=80"),
            "{lines:?}"
        );
    }

    #[test]
    fn libraries_are_quiet_unless_somebody_asks() {
        let act = || {
            tracing::info!(target: "sqlx::query", "select");
            tracing::debug!(target: "store", "claimed");
            tracing::warn!(target: "hyper", "broken");
        };
        let logged = |filter| logged(logging("json", filter), act).len();
        assert_eq!(logged("error"), 0);
        assert_eq!(logged("info"), 1);
        assert_eq!(logged("debug"), 2);
        assert_eq!(logged("info,store=debug,sqlx=info"), 3);
    }

    #[test]
    fn wrong_settings_are_told() {
        let mut env = Env::new(|_| Some("a=b=c".to_owned()));
        assert!(Logging::from_env(&mut env).is_none());
        let told = env.finish(|| Some(())).unwrap_err().to_string();
        assert!(
            told.contains("TANDEM_LOG_FORMAT: must be one of json, compact"),
            "{told}"
        );
        assert!(told.contains("TANDEM_LOG: must be a level"), "{told}");
    }
}
