//! The job that a path names.

use axum::extract::{FromRequestParts, Path};
use domain::JobId;
use http::request::Parts;

use crate::problem::{FieldError, Place, Problem, ProblemType};
use crate::values;

/// The `{id}` of a path. What is no id is refused as such: to a client that mixed up its variables, "no such
/// job" would be misleading.
#[derive(Debug)]
pub(crate) struct JobPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let text = text.map(|Path(text)| text).unwrap_or_default();
        values::job_id(&text).map(Self).map_err(|message| {
            let place = Place::Parameter("id".to_owned());
            let error = FieldError::new(place, "invalid_value", message);
            Problem::invalid(ProblemType::InvalidParameter, vec![error])
        })
    }
}
