//! The machine's clock: Postgres, the product's processes and this program share it, so their times can be compared.

use chrono::{DateTime, SecondsFormat, Utc};

/// The time.
#[expect(
    clippy::disallowed_methods,
    reason = "a history is about what happened when; no product code runs here"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A time as all files of a history have it.
pub(crate) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
