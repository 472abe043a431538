//! The handlers, a file per resource. A handler's name is its operation id.

pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod control;
pub(crate) mod dead_letters;
pub(crate) mod docs;
pub(crate) mod endpoint_secrets;
pub(crate) mod endpoints;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod kinds;
mod made;
pub(crate) mod ops;
mod page;
mod path;
pub(crate) mod queues;
pub(crate) mod schedules;
mod stream;
pub(crate) mod submit;
pub(crate) mod tenants;
pub(crate) mod users;

pub(crate) use path::{EndpointPath, JobPath, KeyPath, QueuePath, SchedulePath, TenantPath, UserPath};
