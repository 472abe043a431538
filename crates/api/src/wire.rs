//! The JSON that clients send and read, and how it comes from the store's types.

mod audit;
mod bulk;
mod dead_letter;
mod endpoint;
mod history;
mod job;
mod key;
mod kind;
mod queue;
mod schedule;
mod submit;
mod tenant;
pub(crate) mod text;
mod user;

pub(crate) use audit::AuditList;
pub(crate) use bulk::{BulkAction, BulkChangedBody, BulkFilterBody, BulkJobs};
pub(crate) use dead_letter::{
    DeadLetterGroupList, DeadLetterList, DiscardDeadLetters, DiscardedBody, FilterBody, RetriedBody,
    RetryDeadLetters,
};
pub(crate) use endpoint::{
    CreatedEndpointBody, EndpointBody, EndpointList, PutEndpoint, RotateSecret, RotatedSecret, SecretList,
};
pub(crate) use history::{AttemptList, EventBody, EventList};
pub(crate) use job::{ErrorBody, FailureCode, JobBody, JobList, State};
pub(crate) use key::{CreateKey, CreatedKey, KeyBody, KeyList, RotateKey};
pub(crate) use kind::{KindBody, KindList};
pub(crate) use queue::{PauseQueue, QueueBody, QueueList, ResumeQueue};
pub(crate) use schedule::{
    FireTimeBody, PreviewBody, PreviewSchedule, PutSchedule, ScheduleBody, ScheduleList,
};
pub(crate) use submit::{
    AnsweredJob, SubmitBackoff, SubmitBatch, SubmitJob, SubmitUnique, SubmittedBatch, SubmittedBody,
};
pub(crate) use tenant::{CreateTenant, CreatedTenant, TenantBody, TenantList, UpdateTenant};
pub(crate) use user::{CreateUser, UserBody, UserList};
