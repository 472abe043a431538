//! A call of the api that is made when it is awaited.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::marker::PhantomData;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::request::Request;

/// A call of the api: it is made when it is awaited, and gives a `T`.
///
/// What a newer api answers beyond that is passed over. [`Call::verbatim`] keeps it.
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct Call<'a, T> {
    request: Result<Request<'a>, Error>,
    /// The part of the answer that is wanted, if not all of it.
    field: Option<&'static str>,
    answer: PhantomData<fn() -> T>,
}

impl<'a, T> Call<'a, T> {
    /// What is wrong with a request is told when the call is made.
    pub(crate) fn new(request: Result<Request<'a>, Error>) -> Self {
        Self {
            request,
            field: None,
            answer: PhantomData,
        }
    }

    /// Wants one field of the answer only.
    pub(crate) fn field(mut self, name: &'static str) -> Self {
        self.field = Some(name);
        self
    }

    /// The same call, with the JSON of its answer as the api wrote it.
    pub fn verbatim(self) -> Call<'a, Box<RawValue>> {
        Call {
            request: self.request,
            field: self.field,
            answer: PhantomData,
        }
    }
}

impl<'a, T: DeserializeOwned> IntoFuture for Call<'a, T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { request, field, .. } = self;
        async move {
            let text = request?.text().await?;
            match field {
                Some(name) => read(take(&mut fields(&text)?, name).get()),
                None => read(&text),
            }
        }
        .boxed()
    }
}

/// Reads JSON. An answer without a body is as good as `null`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let text = if text.is_empty() { "null" } else { text };
    serde_json::from_str(text).map_err(|error| Error::Answer(error.into()))
}

/// The fields of an answer, each as it is written.
pub(crate) fn fields(text: &str) -> Result<BTreeMap<String, Box<RawValue>>, Error> {
    read(text)
}

/// One of the fields; `null` when it is absent.
pub(crate) fn take(fields: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Box<RawValue> {
    fields.remove(name).unwrap_or_else(|| RawValue::NULL.to_owned())
}
