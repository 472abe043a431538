//! Takes traces as OpenTelemetry's collector does, and keeps them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::system::Setup;

/// What it wants to hear from whoever sends.
const KEY_HEADER: &str = "x-collector-key";

pub(crate) struct Collector {
    url: String,
    received: Arc<Received>,
    task: AbortHandle,
}

#[derive(Default)]
struct Received {
    key: Mutex<Option<String>>,
    spans: Mutex<Vec<Sent>>,
    bytes: AtomicUsize,
}

/// A span, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    resource: Vec<KeyValue>,
    pub(crate) span: Span,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Received>::default();
        let app = Router::new()
            .route("/base/v1/traces", post(take))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&received));
        #[expect(clippy::disallowed_methods, reason = "it ends with the collector")]
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            received,
            task: task.abort_handle(),
        }
    }

    /// Has the processes of a system send here, with a key.
    pub(crate) fn receive_from(&self, setup: &mut Setup, key: &str) {
        *self.received.key.lock().unwrap() = Some(key.to_owned());
        setup.set("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("{}/base", self.url));
        setup.set("OTEL_EXPORTER_OTLP_HEADERS", &format!("{KEY_HEADER}={key}"));
    }

    pub(crate) fn spans(&self) -> Vec<Sent> {
        self.received.spans.lock().unwrap().clone()
    }

    /// How much was sent.
    pub(crate) fn bytes(&self) -> usize {
        self.received.bytes.load(Relaxed)
    }

    /// All that is in any span, a line for each.
    pub(crate) fn text(&self) -> String {
        let spans = self.spans();
        spans.iter().map(|sent| format!("{sent:?}\n")).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    State(received): State<Arc<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Vec<u8>, StatusCode> {
    let is = |name: &str, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
    let key = received.key.lock().unwrap().clone();
    if !key.is_some_and(|key| is(KEY_HEADER, &key)) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    if !is("content-type", "application/x-protobuf") {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    received.bytes.fetch_add(body.len(), Relaxed);
    let request = ExportTraceServiceRequest::decode(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut spans = received.spans.lock().unwrap();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default().attributes;
        let of_scopes = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(of_scopes.map(|span| Sent {
            resource: resource.clone(),
            span,
        }));
    }
    Ok(ExportTraceServiceResponse::default().encode_to_vec())
}

impl Sent {
    pub(crate) fn name(&self) -> &str {
        &self.span.name
    }

    pub(crate) fn service(&self) -> String {
        text(&self.resource, "service.name")
    }

    pub(crate) fn resource(&self, name: &str) -> String {
        text(&self.resource, name)
    }

    /// What is said about it, as a text; empty if nothing is.
    pub(crate) fn attribute(&self, name: &str) -> String {
        text(&self.span.attributes, name)
    }

    pub(crate) fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    pub(crate) fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub(crate) fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Traces and spans that it links to.
    pub(crate) fn links(&self) -> Vec<(String, String)> {
        let links = self.span.links.iter();
        links
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code == 2)
    }
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == name);
    match value.and_then(|attribute| attribute.value.clone()) {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => text,
        Some(AnyValue {
            value: Some(Value::IntValue(number)),
        }) => number.to_string(),
        Some(AnyValue {
            value: Some(Value::DoubleValue(number)),
        }) => number.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
