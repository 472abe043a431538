//! A page of a list that begins with the newest entry: how long it is, and where the next one begins.

use std::convert::Infallible;

use http::HeaderValue;
use url::form_urlencoded::Serializer;
use utoipa::IntoParams;

use crate::cursor::{self, Key};
use crate::query::Query;
use crate::values;

const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;

/// The parameters of a list without filters, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is taken from the query")]
pub(crate) struct PageParameters {
    /// The most entries of the page; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part of a list was asked for.
#[derive(Debug)]
pub(super) struct Page<K> {
    /// The list: the route and its filters as a query string, always in the same order. A cursor is good for no
    /// other.
    list: String,
    pub(super) limit: i64,
    /// The last entry of the page before.
    pub(super) before: Option<K>,
}

/// How to get the next page.
pub(super) struct Next {
    pub(super) cursor: String,
    pub(super) link: HeaderValue,
}

/// The most entries of an answer.
pub(super) fn limit(query: &mut Query) -> i64 {
    let limit = query.take("limit", |text| values::limit(text, MAX_LIMIT));
    limit.unwrap_or(DEFAULT_LIMIT)
}

impl<K: Key> Page<K> {
    pub(super) fn read(query: &mut Query, route: &str, filters: &[(&str, Option<String>)]) -> Self {
        let mut list = Serializer::for_suffix(format!("{route}?"), route.len() + 1);
        let set = filters
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        list.extend_pairs(set);
        let list = list.finish();
        let limit = limit(query);
        let cursor = query.take("cursor", |text| Ok::<_, Infallible>(text.to_owned()));
        let before = cursor.as_deref().and_then(|text| cursor::read(text, &list));
        if cursor.is_some() && before.is_none() {
            query.refuse(
                "cursor",
                "invalid_cursor",
                "is damaged, or was given for other filters",
            );
        }
        Self { list, limit, before }
    }

    /// How many entries to read: one more than was asked for tells whether there is a next page.
    pub(super) fn read_limit(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts off what belongs to the next page, and tells how to get that.
    pub(super) fn cut<T>(&self, entries: &mut Vec<T>, id: impl Fn(&T) -> K) -> Option<Next> {
        let len = usize::try_from(self.limit).unwrap_or_default();
        if entries.len() <= len {
            return None;
        }
        entries.truncate(len);
        let cursor = cursor::write(id(entries.last()?), &self.list);
        let filters_at = self.list.find('?').map_or(self.list.len(), |mark| mark + 1);
        let mut query = Serializer::for_suffix(self.list.clone(), filters_at);
        query
            .append_pair("limit", &self.limit.to_string())
            .append_pair("cursor", &cursor);
        let link = format!("<{}>; rel=\"next\"", query.finish());
        Some(Next {
            cursor,
            link: HeaderValue::try_from(link).expect("a query string is visible ASCII"),
        })
    }
}
