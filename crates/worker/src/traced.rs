//! The span of an attempt: by the names that OpenTelemetry gives to what is taken from a queue, and nothing of the payload.

use domain::{Event, FailureCode, StartedJob};
use runtime::trace::{Kind, TraceSpan};

/// Begins it. It follows the job's submit, and links to it, whatever has happened to the job in between.
pub(crate) fn begin(job: &StartedJob) -> TraceSpan {
    let span = TraceSpan::begin(Kind::Consumer, job.traceparent.as_deref(), || {
        format!("process {}", job.queue)
    });
    if span.is_recorded() {
        span.set("messaging.system", "tandem");
        span.set("messaging.operation.name", "process");
        span.set("messaging.operation.type", "process");
        span.set("messaging.destination.name", job.queue.to_string());
        span.set("messaging.message.id", job.lease.job_id.to_string());
        span.set("job.kind", job.kind.to_string());
        span.set("job.attempt", i64::from(job.lease.attempt));
        span.set("job.waited_ms", job.waited.as_secs_f64() * 1e3);
        span.set("tenant.id", job.tenant_id.to_string());
    }
    span
}

/// Ends it with what was recorded, and with the class of the failure: its message may quote a payload.
pub(crate) fn end(span: &TraceSpan, event: Event, failure: Option<FailureCode>) {
    span.set("job.outcome", event.as_str());
    if let Some(code) = failure {
        span.fail(code.as_str());
    }
    span.end();
}

/// Ends it without anything that was recorded.
pub(crate) fn end_unrecorded(span: &TraceSpan, why: &'static str) {
    span.set("job.outcome", why);
    span.fail(why);
    span.end();
}
