//! The job that a path names.

use axum::extract::{FromRequestParts, Path};
use domain::JobId;
use http::request::Parts;

use crate::problem::{FieldError, Place, Problem, ProblemType};

/// The `{id}` of a path. What is no id is refused as such: to a client that mixed up its variables, "no such
/// job" would be misleading.
#[derive(Debug)]
pub(crate) struct JobPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| {
            let place = Place::Parameter("id".to_owned());
            let error = FieldError::new(place, "invalid_value", "must be the id of a job, which is a UUID");
            Problem::invalid(ProblemType::InvalidParameter, vec![error])
        })
    }
}
