//! How texts look, as regular expressions for the api's description: so that a client can know what is refused
//! before it asks. What decides are the rules in `domain`, `validate` and `values`; `cargo xtask contract` finds out
//! where the two disagree.

#![expect(dead_code, reason = "the types describe what is read as text")]

use utoipa::ToSchema;

/// Names the handler of a job.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$")]
pub(crate) struct KindName(String);

/// Names a lane.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 40, pattern = "^[a-z][a-z0-9_-]*$")]
pub(crate) struct QueueName(String);

/// A label for finding jobs again. No control characters, and no white space at either end.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 100,
    pattern = "^[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]([^\\u0000-\\u001f\\u007f-\\u009f]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000])?$"
)]
pub(crate) struct Tag(String);

/// What people call something, or are called. No control characters, and not white space alone.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 100,
    pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000][^\\u0000-\\u001f\\u007f-\\u009f]*$"
)]
pub(crate) struct Name(String);

/// Names the cause of a failure.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9]*$")]
pub(crate) struct Fingerprint(String);

/// Names an API key: the third part of it.
#[derive(ToSchema)]
#[schema(min_length = 16, max_length = 16, pattern = "^[0-9A-Za-z]*$")]
pub(crate) struct KeyName(String);

/// An action of the audit log, or what it is about. No control characters.
#[derive(ToSchema)]
#[schema(max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
pub(crate) struct AuditText(String);

/// Where a request goes. Which texts are URLs is more than a regular expression can tell.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 2048, format = "http-url")]
pub(crate) struct HttpUrl(String);

/// Names a header.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 100, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$")]
pub(crate) struct HeaderName(String);

/// The value of a header: visible ASCII, with spaces and tabs within it.
#[derive(ToSchema)]
#[schema(max_length = 4096, pattern = "^([!-~]([\\t -~]*[!-~])?)?$")]
pub(crate) struct HeaderValue(String);

/// When a schedule fires. Which texts are expressions is more than a regular expression can tell.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 200, format = "cron")]
pub(crate) struct Cron(String);

/// A zone of the IANA database.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 64, format = "time-zone")]
pub(crate) struct TimeZone(String);

/// Why something was done. No control characters, and not white space alone.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 500,
    pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000][^\\u0000-\\u001f\\u007f-\\u009f]*$"
)]
pub(crate) struct Reason(String);

/// A JSON Pointer (RFC 6901).
#[derive(ToSchema)]
#[schema(max_length = 500, pattern = "^(/([^/~\\u0000]|~[01])*)*$")]
pub(crate) struct Pointer(String);

/// A key of metadata.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 64)]
pub(crate) struct MetadataKey(String);

/// A value of metadata.
#[derive(ToSchema)]
#[schema(max_length = 500)]
pub(crate) struct MetadataValue(String);
