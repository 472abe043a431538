//! Requests that are harmless to repeat, because each has a key.

use http::header::HeaderName;

use crate::call::Call;
use crate::error::Error;
use crate::request::Request;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A call under this key: however often it has to be sent, it is done once.
pub(crate) fn once<'a, T>(request: Result<Request<'a>, Error>, idempotency_key: &str) -> Call<'a, T> {
    let request = request.and_then(|request| request.header(IDEMPOTENCY_KEY, idempotency_key));
    Call::new(request.map(|request| request.harmless()))
}

pub(crate) fn new_key() -> String {
    uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .to_string()
}
