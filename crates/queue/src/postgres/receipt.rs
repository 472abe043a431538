//! Receipts of outbox rows.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::Receipt;

/// Receipts, taken apart into columns. A delivery is named by the row, by when it was enqueued, because a job
/// that is queued again has a new row with the same key, and by its receive count.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// The receipts' own indexes: those that can't be read are not in the columns.
    pub(super) indexes: Vec<i64>,
    pub(super) job_ids: Vec<Uuid>,
    pub(super) enqueued_at: Vec<DateTime<Utc>>,
    pub(super) receive_counts: Vec<i32>,
}

pub(super) fn write(job_id: Uuid, enqueued_at: DateTime<Utc>, receive_count: i32) -> Receipt {
    // Postgres keeps microseconds.
    Receipt(format!(
        "{job_id}/{}/{receive_count}",
        enqueued_at.timestamp_micros()
    ))
}

pub(super) fn read(receipts: &[Receipt]) -> Receipts {
    let mut columns = Receipts::default();
    for (index, receipt) in (0..).zip(receipts) {
        if let Some((job_id, enqueued_at, receive_count)) = parts(&receipt.0) {
            columns.indexes.push(index);
            columns.job_ids.push(job_id);
            columns.enqueued_at.push(enqueued_at);
            columns.receive_counts.push(receive_count);
        }
    }
    columns
}

fn parts(receipt: &str) -> Option<(Uuid, DateTime<Utc>, i32)> {
    let mut parts = receipt.split('/');
    let job_id = parts.next()?.parse().ok()?;
    let enqueued_at = DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?;
    let receive_count = parts.next()?.parse().ok()?;
    parts
        .next()
        .is_none()
        .then_some((job_id, enqueued_at, receive_count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_all_else_is_left_out() {
        let job_id = Uuid::from_u128(7);
        let enqueued_at = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
        let good = write(job_id, enqueued_at, 3);
        let more = Receipt(format!("{}/4", good.0));
        let columns = read(&[Receipt("AQEB".to_owned()), good, more, Receipt(String::new())]);
        assert_eq!(columns.indexes, [1]);
        assert_eq!(columns.job_ids, [job_id]);
        assert_eq!(columns.enqueued_at, [enqueued_at]);
        assert_eq!(columns.receive_counts, [3]);
    }
}
