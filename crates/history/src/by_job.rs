//! Records in the order of their jobs.

use uuid::Uuid;

/// A record about a job.
pub(crate) trait OfJob {
    /// The job.
    fn job_id(&self) -> Uuid;

    /// The record's place among those of the same job.
    fn order(&self) -> i64 {
        0
    }
}

/// Records sorted by job, so that those of one job are found by bisection: a map from job to list would cost one
/// allocation per job.
#[derive(Debug)]
pub(crate) struct ByJob<R>(Vec<R>);

impl<R: OfJob> ByJob<R> {
    pub(crate) fn new(mut records: Vec<R>) -> Self {
        records.sort_by_key(|record| (record.job_id(), record.order()));
        Self(records)
    }

    /// The records of one job, in their order.
    pub(crate) fn of(&self, job_id: Uuid) -> &[R] {
        let from = self.0.partition_point(|record| record.job_id() < job_id);
        let rest = &self.0[from..];
        &rest[..rest.partition_point(|record| record.job_id() == job_id)]
    }

    /// All records, those of one job behind each other.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, R> {
        self.0.iter()
    }

    /// The jobs with their records.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (Uuid, &[R])> {
        self.0
            .chunk_by(|a, b| a.job_id() == b.job_id())
            .map(|records| (records[0].job_id(), records))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first record of one job, to be changed in anything but its place.
    pub(crate) fn first_mut(&mut self, job_id: Uuid) -> Option<&mut R> {
        let at = self.0.partition_point(|record| record.job_id() < job_id);
        self.0.get_mut(at).filter(|record| record.job_id() == job_id)
    }

    /// All records, to be changed in anything but their place.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, R> {
        self.0.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Note(u128, i64);

    impl OfJob for Note {
        fn job_id(&self) -> Uuid {
            Uuid::from_u128(self.0)
        }

        fn order(&self) -> i64 {
            self.1
        }
    }

    #[test]
    fn records_are_found_by_their_job_and_keep_their_order() {
        let notes = ByJob::new(vec![Note(3, 1), Note(1, 2), Note(3, 0), Note(1, 1), Note(1, 3)]);
        let of = |id| notes.of(Uuid::from_u128(id));
        assert_eq!(of(1), [Note(1, 1), Note(1, 2), Note(1, 3)]);
        assert_eq!(of(2), []);
        assert_eq!(of(3), [Note(3, 0), Note(3, 1)]);
        assert_eq!(of(4), []);
        let sizes: Vec<_> = notes
            .groups()
            .map(|(id, notes)| (id.as_u128(), notes.len()))
            .collect();
        assert_eq!(sizes, [(1, 3), (3, 2)]);
    }
}
