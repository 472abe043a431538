//! Bodies: how they are read, and how much of them is held at a time.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::app::AppState;
use crate::json;
use crate::problem::{Problem, ProblemType};

/// What a route takes as its body.
pub(crate) trait Document: DeserializeOwned {
    /// The longest accepted body.
    const MAX_BYTES: usize;
}

/// A body that was read whole.
pub(crate) struct JsonBody<T> {
    pub(crate) value: T,
    /// The body as it came.
    pub(crate) bytes: Bytes,
    /// To be kept for as long as what was read is.
    pub(crate) memory: ReservedMemory,
}

/// The memory for bodies, of all requests together.
pub(crate) struct BodyMemory(Arc<Semaphore>);

/// A part of it; given back when dropped.
#[derive(Debug)]
pub(crate) struct ReservedMemory {
    _permit: OwnedSemaphorePermit,
}

/// A permit is so many bytes.
const PERMIT_BYTES: usize = 1_024;

impl BodyMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PERMIT_BYTES)))
    }

    fn reserve(&self, bytes: usize) -> Result<ReservedMemory, Problem> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).try_acquire_many_owned(permits);
        let permit = permit
            .map_err(|_| Problem::new(ProblemType::Overloaded, "Too many large requests are under way."))?;
        Ok(ReservedMemory { _permit: permit })
    }
}

impl<T: Document> FromRequest<AppState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        let body = request.into_body();
        // Without a Content-Length the body may be as long as the limit.
        let announced = body
            .size_hint()
            .exact()
            .map_or(T::MAX_BYTES, |len| usize::try_from(len).unwrap_or(usize::MAX));
        if announced > T::MAX_BYTES {
            return Err(too_large::<T>());
        }
        let memory = app.body_memory.reserve(announced)?;
        let reading = timeout(
            app.limits.body_timeout,
            Limited::new(body, T::MAX_BYTES).collect(),
        );
        let bytes = match reading.await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large::<T>()),
            Ok(Err(_broken)) => {
                return Err(Problem::new(
                    ProblemType::BadRequest,
                    "The body could not be read to its end.",
                ));
            }
            Err(_late) => {
                let detail = format!(
                    "The body must arrive within {} s.",
                    app.limits.body_timeout.as_secs_f64()
                );
                return Err(Problem::new(ProblemType::BodyTimeout, detail));
            }
        };
        Ok(Self {
            value: json::parse(&bytes)?,
            bytes,
            memory,
        })
    }
}

fn too_large<T: Document>() -> Problem {
    Problem::new(
        ProblemType::BodyTooLarge,
        format!("The body may have at most {} bytes.", T::MAX_BYTES),
    )
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail| Err(Problem::new(ProblemType::UnsupportedMediaType, detail));
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return refuse("The body must not be compressed.");
    }
    match headers.get(CONTENT_TYPE) {
        None => refuse("The header Content-Type is missing; it must be application/json."),
        Some(value) if is_json(value) => Ok(()),
        Some(_) => refuse("The header Content-Type must be application/json."),
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else {
        return false;
    };
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised_with_its_parameters_and_dialects() {
        let accepted = |text: &'static str| is_json(&HeaderValue::from_static(text));
        assert!(accepted("application/json") && accepted("Application/JSON; charset=utf-8"));
        assert!(accepted("application/vnd.tandem+json"));
        for other in [
            "",
            "text/plain",
            "text/json",
            "application/jsonx",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!accepted(other), "{other}");
        }
    }

    #[test]
    fn memory_is_given_back() {
        let memory = BodyMemory::new(10 * PERMIT_BYTES);
        let most = memory.reserve(9 * PERMIT_BYTES + 1).unwrap();
        assert!(memory.reserve(1).is_err());
        drop(most);
        assert!(memory.reserve(10 * PERMIT_BYTES).is_ok());
    }
}
