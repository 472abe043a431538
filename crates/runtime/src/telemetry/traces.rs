//! Traces, sent over OTLP/HTTP as protobuf to whoever is named by the variables that OpenTelemetry gives names to.
//! [`trace`](crate::trace) makes the spans; here is where they go.

mod pairs;
mod sending;

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use reqwest::blocking::Client;
use url::Url;

use crate::env::{Env, Setting, one_of};
use crate::{Secret, trace};

pub(super) use sending::Sending;

/// Where traces are sent.
pub const OTLP_ENDPOINT: Setting = Setting::optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "Where traces are sent over OTLP/HTTP, such as http://127.0.0.1:4318; /v1/traces is added. Nowhere, if not set.",
);
/// What the receiver wants to hear.
pub const OTLP_HEADERS: Setting = Setting::optional(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "Headers that are sent along, such as the receiver's key: name=value,name=value.",
);
/// In which form.
pub const OTLP_PROTOCOL: Setting = Setting::with_default(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http/protobuf",
    "How they are sent: http/protobuf is the only way.",
);
/// Which traces are recorded.
pub const SAMPLER: Setting = Setting::with_default(
    "OTEL_TRACES_SAMPLER",
    "parentbased_always_on",
    "Which traces are recorded: always_on, always_off, traceidratio, or with parentbased_ before it, what a trace that began \
     elsewhere says.",
);
/// How many.
pub const SAMPLER_ARG: Setting = Setting::with_default(
    "OTEL_TRACES_SAMPLER_ARG",
    "1",
    "The share of traces that are recorded, from 0 to 1, where the sampler is one of traceidratio.",
);
/// Who records them.
pub const SERVICE_NAME: Setting = Setting::optional(
    "OTEL_SERVICE_NAME",
    "What traces call this program; its name if not set.",
);
/// What else is to be known about the process.
pub const RESOURCE_ATTRIBUTES: Setting = Setting::optional(
    "OTEL_RESOURCE_ATTRIBUTES",
    "What traces tell about this process besides: name=value,name=value.",
);

/// How long the receiver may take for a batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Where traces go, and which.
#[derive(Debug)]
pub(super) struct Traces {
    url: Url,
    headers: HashMap<String, Secret<String>>,
    sampler: Sampler,
    service_name: Option<String>,
    resource: Vec<(String, String)>,
}

/// Why traces can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// There is no HTTP client.
    #[error("no HTTP client can be made for traces")]
    Client(#[from] reqwest::Error),
    /// The exporter refuses its settings.
    #[error("traces can't be sent so")]
    Exporter(#[from] ExporterBuildError),
    /// There is no thread for them.
    #[error("no thread can be made for traces: {0}")]
    Thread(#[from] std::io::Error),
}

impl Traces {
    /// Reads the settings of this module: absent if something is wrong, and nothing within if nobody wants traces.
    pub(super) fn from_env(env: &mut Env<'_>, environment: Option<&str>) -> Option<Option<Self>> {
        let is_on = env.is_set(&OTLP_ENDPOINT);
        let url = read_endpoint(env);
        let headers = read_headers(env);
        let protocol = env.get_with(&OTLP_PROTOCOL, |text| one_of(text, &[("http/protobuf", ())]));
        let sampler = read_sampler(env);
        let service_name: Option<String> = env.get(&SERVICE_NAME);
        let resource = read_resource(env);
        protocol?;
        let (headers, sampler, mut resource) = (headers?, sampler?, resource?);
        if !is_on {
            return Some(None);
        }
        resource.extend(environment.map(|name| ("deployment.environment.name".to_owned(), name.to_owned())));
        Some(Some(Self {
            url: url?,
            headers,
            sampler,
            service_name,
            resource,
        }))
    }

    /// Records and sends from here on. Not within an async runtime: the client has one of its own.
    pub(super) fn start(self, service: &str) -> Result<Sending, TracesError> {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().clone()));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(
                Client::builder()
                    .timeout(SEND_TIMEOUT)
                    // What is sent along is for the receiver that was named, and for no other.
                    .redirect(reqwest::redirect::Policy::none())
                    .build()?,
            )
            .with_endpoint(self.url)
            .with_timeout(SEND_TIMEOUT)
            .with_headers(headers.collect())
            .build()?;
        let attributes = self
            .resource
            .into_iter()
            .map(|(name, value)| KeyValue::new(name, value));
        let resource = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.namespace", "tandem"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attributes(attributes)
            .with_service_name(self.service_name.unwrap_or_else(|| service.to_owned()))
            .build();
        let (processor, sending) = sending::start(exporter)?;
        let provider = SdkTracerProvider::builder()
            .with_sampler(self.sampler)
            .with_resource(resource)
            .with_span_processor(processor)
            .build();
        trace::record_with(provider.tracer("tandem"));
        Ok(sending)
    }
}

/// The address of traces below the one that is set. A wrong one is not repeated: it may have a password.
fn read_endpoint(env: &mut Env<'_>) -> Option<Url> {
    let text: Secret<String> = env.get(&OTLP_ENDPOINT)?;
    let url = Url::parse(text.expose()).ok().filter(|url| {
        let is_plain = url.username().is_empty() && url.password().is_none();
        let ends_with_path = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain && ends_with_path
    });
    let Some(mut url) = url else {
        let message =
            "must be an http or https URL without user, password and query, such as http://127.0.0.1:4318";
        env.problem(&OTLP_ENDPOINT, message);
        return None;
    };
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

fn read_headers(env: &mut Env<'_>) -> Option<HashMap<String, Secret<String>>> {
    if !env.is_set(&OTLP_HEADERS) {
        return Some(HashMap::new());
    }
    let text: Secret<String> = env.get(&OTLP_HEADERS)?;
    let Some(headers) = pairs::headers(text.expose()) else {
        env.problem(&OTLP_HEADERS, "must be headers, such as name=value,name=value");
        return None;
    };
    Some(headers)
}

fn read_resource(env: &mut Env<'_>) -> Option<Vec<(String, String)>> {
    if !env.is_set(&RESOURCE_ATTRIBUTES) {
        return Some(Vec::new());
    }
    env.get_with(&RESOURCE_ATTRIBUTES, |text| {
        pairs::pairs(text).ok_or("must be attributes, such as name=value,name=value")
    })
}

fn read_sampler(env: &mut Env<'_>) -> Option<Sampler> {
    let share = env.get_with(&SAMPLER_ARG, |text| {
        let share = text
            .parse::<f64>()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share));
        share.ok_or("must be a number from 0 to 1")
    });
    let name: Option<String> = env.get(&SAMPLER);
    let name = name?;
    let (follows_parent, of_roots) = match name.strip_prefix("parentbased_") {
        Some(rest) => (true, rest),
        None => (false, &*name),
    };
    // Looked at before the share is known, so that both mistakes are told at once.
    let of_roots: fn(f64) -> Sampler = match of_roots {
        "always_on" => |_| Sampler::AlwaysOn,
        "always_off" => |_| Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased,
        _ => {
            let message = "must be one of always_on, always_off, traceidratio, parentbased_always_on, \
                           parentbased_always_off, parentbased_traceidratio";
            env.problem(&SAMPLER, message);
            return None;
        }
    };
    let of_roots = of_roots(share?);
    Some(if follows_parent {
        Sampler::ParentBased(Box::new(of_roots))
    } else {
        of_roots
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Traces>, String> {
        let mut env = Env::new(|name| {
            let of_name = variables.iter().find(|(n, _)| *n == name);
            of_name.map(|(_, value)| (*value).to_owned())
        });
        let traces = Traces::from_env(&mut env, Some("test"));
        env.finish(|| traces).map_err(|problems| problems.to_string())
    }

    #[test]
    fn they_are_off_unless_somebody_says_where() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("OTEL_TRACES_SAMPLER", "always_on")]).unwrap().is_none());
        let traces = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example.com/base/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=jobs"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let traces = traces.unwrap().expect("they are on");
        assert_eq!(traces.url.as_str(), "https://otlp.example.com/base/v1/traces");
        assert!(!format!("{traces:?}").contains("hunter2"));
        let told = [("team", "jobs"), ("deployment.environment.name", "test")];
        assert_eq!(
            traces.resource,
            told.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn wrong_settings_are_told_at_once_and_without_secrets() {
        let told = read(&[
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://user:hunter2@otlp.example.com",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team"),
        ]);
        let told = told.unwrap_err();
        for setting in [
            "OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https URL",
            "OTEL_EXPORTER_OTLP_HEADERS: must be headers",
            "OTEL_EXPORTER_OTLP_PROTOCOL: must be one of http/protobuf",
            "OTEL_TRACES_SAMPLER: must be one of always_on",
            "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1",
            "OTEL_RESOURCE_ATTRIBUTES: must be attributes",
        ] {
            assert!(told.contains(setting), "{setting} is missing in\n{told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }
}
