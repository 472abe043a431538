//! Spans for OpenTelemetry: what a trace shows of a request, of what it submits, and of each attempt of a job.
//!
//! They are few and made by hand, rather than from what is logged: so it can be read off the code what leaves the process,
//! and nothing of a payload can be among it. While nobody asked for traces ([`telemetry`](crate::telemetry)) a span is
//! nothing and costs nothing.

use std::sync::OnceLock;

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Makes spans from here on.
pub(crate) fn record_with(tracer: SdkTracer) {
    // A second one would be for another collector; the first stays.
    TRACER.set(tracer).ok();
}

/// What a span is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A request that is answered.
    Server,
    /// Jobs that are handed in.
    Producer,
    /// An attempt of a job. It links to the span that handed the job in, which it follows.
    Consumer,
}

/// A span, or nothing while no traces are recorded. Cloning it shares it; it ends with the last one, or before.
#[derive(Clone, Debug, Default)]
pub struct TraceSpan(Option<Context>);

impl TraceSpan {
    /// Begins a span that follows `parent`, a `traceparent`; without one, or with one that is none, it begins a trace.
    #[must_use]
    pub fn begin(kind: Kind, parent: Option<&str>, name: impl FnOnce() -> String) -> Self {
        TRACER.get().map_or_else(Self::default, |tracer| {
            let before = parent.and_then(position).map_or_else(Context::new, |parent| {
                Context::new().with_remote_span_context(parent)
            });
            let mut builder = tracer.span_builder(name()).with_kind(match kind {
                Kind::Server => SpanKind::Server,
                Kind::Producer => SpanKind::Producer,
                Kind::Consumer => SpanKind::Consumer,
            });
            if kind == Kind::Consumer {
                let of_parent = Link::with_context(before.span().span_context().clone());
                builder = builder.with_links(vec![of_parent]);
            }
            let span = builder.start_with_context(tracer, &before);
            Self(Some(before.with_span(span)))
        })
    }

    /// The span's position in its trace, as a `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let position = self.position()?;
        Some(format!(
            "00-{}-{}-{:02x}",
            position.trace_id(),
            position.span_id(),
            position.trace_flags().to_u8()
        ))
    }

    /// The span's id, for the log.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        Some(self.position()?.span_id().to_string())
    }

    /// Says something about the span. Nothing that clients choose freely, nor anything secret, may be said here.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Whether what is said about it is kept; what is dear to say need not be said otherwise.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|context| context.span().is_recording())
    }

    /// Says that it failed, and how, by a word of ours.
    pub fn fail(&self, error_type: &'static str) {
        if let Some(context) = &self.0 {
            self.set("error.type", error_type);
            context.span().set_status(Status::error(error_type));
        }
    }

    /// Ends it now.
    pub fn end(&self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }

    fn position(&self) -> Option<SpanContext> {
        self.0
            .as_ref()
            .map(|context| context.span().span_context().clone())
    }
}

/// Reads a `traceparent` of version 00, as it is kept with a job.
fn position(traceparent: &str) -> Option<SpanContext> {
    let mut fields = traceparent.split('-');
    let (Some("00"), Some(trace), Some(span), Some(flags), None) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return None;
    };
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace_id, span_id) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let position = SpanContext::new(trace_id, span_id, flags, true, TraceState::default());
    position.is_valid().then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_traces_a_span_is_nothing() {
        let span = TraceSpan::begin(Kind::Server, None, || panic!("nobody wants a name"));
        span.set("a", 1);
        span.fail("b");
        span.end();
        assert!(span.traceparent().is_none() && span.id().is_none() && !span.is_recorded());
    }

    #[test]
    fn what_is_no_traceparent_is_no_position() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read = position(good).unwrap();
        assert!(read.is_sampled() && read.is_remote());
        assert_eq!(read.span_id().to_string(), "b7ad6b7169203331");
        let zero = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        for wrong in [
            "",
            "nonsense",
            &zero,
            &good[3..],
            &format!("{good}-more"),
            &good.replace('a', "x"),
        ] {
            assert!(position(wrong).is_none(), "{wrong}");
        }
    }
}
