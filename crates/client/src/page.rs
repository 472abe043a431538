//! Lists, page after page.

use std::collections::VecDeque;
use std::marker::PhantomData;

use futures::Stream;
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::error::Error;

/// The api's largest page.
const LIMIT: usize = 100;

/// A list that is read as far as it is needed.
#[derive(Debug)]
pub struct Pages<'a, T> {
    client: &'a Client,
    path: String,
    field: &'static str,
    query: Vec<(&'static str, String)>,
    limit: usize,
    entry: PhantomData<T>,
}

impl<'a, T: DeserializeOwned> Pages<'a, T> {
    pub(crate) fn new(
        client: &'a Client,
        path: impl Into<String>,
        field: &'static str,
        query: impl IntoIterator<Item = (&'static str, Option<String>)>,
    ) -> Self {
        let set = query.into_iter();
        Self {
            client,
            path: path.into(),
            field,
            query: set.filter_map(|(name, value)| Some((name, value?))).collect(),
            limit: usize::MAX,
            entry: PhantomData,
        }
    }

    /// At most so many entries.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

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
        let limit = self.left.min(LIMIT);
        let mut request = self
            .pages
            .client
            .request(Method::GET, self.pages.path.clone())
            .query("limit", Some(limit))
            .query("cursor", self.cursor.take());
        for (name, value) in &self.pages.query {
            request = request.query(name, Some(value));
        }
        let mut page: Value = request.json().await?;
        let entries = page[self.pages.field].take();
        self.entries = serde_json::from_value(entries).map_err(|error| Error::Answer(error.into()))?;
        self.left -= self.entries.len().min(self.left);
        self.cursor = page["next_cursor"].as_str().map(ToOwned::to_owned);
        self.more = self.cursor.is_some();
        Ok(())
    }
}
