//! The JSON that clients send and read, and how it comes from the store's types.

mod bulk;
mod dead_letter;
mod history;
mod job;
mod submit;
mod user;

pub(crate) use bulk::{BulkAction, BulkChangedBody, BulkFilterBody, BulkJobs};
pub(crate) use dead_letter::{
    DeadLetterGroupList, DeadLetterList, DiscardDeadLetters, DiscardedBody, FilterBody, RetriedBody,
    RetryDeadLetters,
};
pub(crate) use history::{AttemptList, EventBody, EventList};
pub(crate) use job::{ErrorBody, JobBody, JobList, State};
pub(crate) use submit::{SubmitBackoff, SubmitBatch, SubmitJob, SubmittedBatch, SubmittedBody};
pub(crate) use user::{CreateUser, UserBody, UserList};
