//! Lists, page after page.

use std::collections::VecDeque;
use std::marker::PhantomData;

use futures::Stream;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::call;
use crate::client::Client;
use crate::error::Error;

/// The api's largest page.
const LIMIT: usize = 100;

/// A list that is read as far as it is needed.
#[must_use = "a list is read by `all` or `stream`"]
#[derive(Debug)]
pub struct Pages<'a, T> {
    client: &'a Client,
    path: &'static str,
    field: &'static str,
    filter: Result<Vec<(String, String)>, Error>,
    limit: usize,
    entry: PhantomData<fn() -> T>,
}

impl<'a, T> Pages<'a, T> {
    /// The list that a route answers in this field, narrowed by the fields of a filter.
    pub(crate) fn new(
        client: &'a Client,
        path: &'static str,
        field: &'static str,
        filter: &impl Serialize,
    ) -> Self {
        Self {
            client,
            path,
            field,
            filter: parameters(filter),
            limit: usize::MAX,
            entry: PhantomData,
        }
    }

    /// At most so many entries.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The same list, with the JSON of its entries as the api wrote it.
    pub fn verbatim(self) -> Pages<'a, Box<RawValue>> {
        Pages {
            client: self.client,
            path: self.path,
            field: self.field,
            filter: self.filter,
            limit: self.limit,
            entry: PhantomData,
        }
    }
}

impl<'a, T: DeserializeOwned> Pages<'a, T> {
    /// All entries at once.
    ///
    /// # Errors
    /// When a page can't be read.
    pub async fn all(self) -> Result<Vec<T>, Error> {
        futures::TryStreamExt::try_collect(self.stream()).await
    }

    /// The entries one by one; a page is read when it is needed.
    pub fn stream(self) -> impl Stream<Item = Result<T, Error>> + 'a
    where
        T: 'a,
    {
        let begin = Reading {
            left: self.limit,
            entries: VecDeque::new(),
            cursor: None,
            more: true,
            pages: self,
        };
        futures::stream::try_unfold(begin, async |mut reading| {
            Ok(reading.next().await?.map(|entry| (entry, reading)))
        })
    }
}

/// The fields that a filter has, as parameters of a query.
pub(crate) fn parameters(filter: &impl Serialize) -> Result<Vec<(String, String)>, Error> {
    let filter = serde_json::to_value(filter).map_err(|error| Error::Configuration(error.to_string()))?;
    let serde_json::Value::Object(fields) = filter else {
        return Ok(Vec::new());
    };
    let text = |value: serde_json::Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    Ok(fields
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}

struct Reading<'a, T> {
    pages: Pages<'a, T>,
    left: usize,
    entries: VecDeque<T>,
    cursor: Option<String>,
    more: bool,
}

impl<T: DeserializeOwned> Reading<'_, T> {
    async fn next(&mut self) -> Result<Option<T>, Error> {
        while self.entries.is_empty() && self.more && self.left > 0 {
            self.read().await?;
        }
        Ok(self.entries.pop_front())
    }

    async fn read(&mut self) -> Result<(), Error> {
        let filter = match &self.pages.filter {
            Ok(filter) => filter.clone(),
            Err(error) => return Err(Error::Configuration(error.to_string())),
        };
        let request = self
            .pages
            .client
            .request(Method::GET, self.pages.path)
            .query("limit", Some(self.left.min(LIMIT)))
            .query("cursor", self.cursor.take())
            .parameters(filter);
        let mut page = call::fields(&request.text().await?)?;
        self.entries = call::read(call::take(&mut page, self.pages.field).get())?;
        self.left -= self.entries.len().min(self.left);
        self.cursor = call::read(call::take(&mut page, "next_cursor").get())?;
        self.more = self.cursor.is_some();
        Ok(())
    }
}
