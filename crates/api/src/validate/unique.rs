//! What a submit says about uniqueness.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::unique::Window;
use domain::{JsonPointer, Kind, OnConflict, Unique, UniqueKey};
use serde_json::value::RawValue;

use super::findings::Findings;
use crate::json::Object;
use crate::wire::SubmitUnique;

const MAX_KEY_CHARS: usize = 255;
const MAX_FIELDS: usize = 20;

/// What of the job the key is made of.
pub(super) struct Keyed<'a> {
    pub(super) kind: &'a Kind,
    pub(super) payload: &'a RawValue,
}

/// `None` when something is wrong with it, which is in the findings then.
pub(super) fn unique(body: Object<SubmitUnique>, job: &Keyed<'_>, found: &mut Findings) -> Option<Unique> {
    let Object(body) = body;
    found.bounds("unique/", &body);
    let window = window(&body, found);
    let on_conflict = on_conflict(body.on_conflict.as_deref(), found);
    let key = match (&body.key, &body.fields) {
        (Some(key), None) => of_text(key, job, found),
        (None, Some(fields)) => of_fields(fields, job, found),
        (Some(_), Some(_)) => {
            found.add("unique/fields", "conflict", "must not be sent together with key");
            None
        }
        (None, None) => {
            found.add("unique", "incomplete", "must have key or fields");
            None
        }
    };
    Some(Unique {
        key: key?,
        window: window?,
        on_conflict: on_conflict?,
    })
}

fn of_text(key: &str, job: &Keyed<'_>, found: &mut Findings) -> Option<UniqueKey> {
    if !(1..=MAX_KEY_CHARS).contains(&key.chars().count()) {
        let message = format!("must have 1 to {MAX_KEY_CHARS} characters");
        found.add("unique/key", "out_of_range", message);
        return None;
    }
    Some(UniqueKey::of_text(job.kind, key))
}

/// A field that is missing would make all jobs without it the same, which nobody means.
fn of_fields(fields: &[String], job: &Keyed<'_>, found: &mut Findings) -> Option<UniqueKey> {
    if !(1..=MAX_FIELDS).contains(&fields.len()) {
        found.add(
            "unique/fields",
            "out_of_range",
            format!("must have 1 to {MAX_FIELDS} entries"),
        );
        return None;
    }
    let read =
        |(index, text): (usize, &String)| found.parse::<JsonPointer>(&format!("unique/fields/{index}"), text);
    let pointers: Vec<Option<JsonPointer>> = fields.iter().enumerate().map(read).collect();
    let mut values = BTreeMap::new();
    for (index, pointer) in pointers.iter().enumerate() {
        let Some(pointer) = pointer else { continue };
        // Of two with one name the last one counts, as for most readers.
        match pointer.find(job.payload).last() {
            Some(value) => drop(values.insert(pointer, *value)),
            None => found.add(
                &format!("unique/fields/{index}"),
                "missing_value",
                "the payload has no value there",
            ),
        }
    }
    (values.len() == fields.len()).then(|| UniqueKey::of_fields(job.kind, &values))
}

fn window(body: &SubmitUnique, found: &mut Findings) -> Option<Window> {
    match (body.while_.as_deref(), body.period_ms) {
        (Some(_), Some(_)) => {
            found.add(
                "unique/period_ms",
                "conflict",
                "must not be sent together with while",
            );
            None
        }
        (None | Some("live"), None) => Some(Window::Live),
        (None, Some(period_ms)) => Some(Window::Period(Duration::from_millis(period_ms))),
        (Some(_), None) => {
            found.add("unique/while", "invalid_value", "must be live");
            None
        }
    }
}

fn on_conflict(text: Option<&str>, found: &mut Findings) -> Option<OnConflict> {
    text.map_or_else(
        || Some(OnConflict::default()),
        |text| found.parse("unique/on_conflict", text),
    )
}
