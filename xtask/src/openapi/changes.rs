//! Which of the changes that `redocly diff` tells break a client.

use serde_json::Value;

use crate::metadata::elements;

/// A change that a client of the older description may not survive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Break {
    /// The name of the rule that it breaks.
    pub rule: String,
    /// Where: a pointer into the description, with its references followed.
    pub place: String,
    /// What happened, for people.
    pub message: String,
}

/// Ours: the api refuses fields that it does not know, so a field that a client may no longer send breaks it. To the
/// tool a request with one field less asks for less.
const FIELD_REMOVED: &str = "request-property-removed";

/// The breaking changes of a report.
pub(super) fn breaking(report: &Value) -> Vec<Break> {
    elements(&report["changes"])
        .iter()
        .flat_map(|change| {
            let place = change["path"].as_str().unwrap_or_default();
            let mut found: Vec<Break> = elements(&change["verdicts"])
                .iter()
                .filter(|verdict| verdict["impact"] == "major")
                .map(|verdict| Break {
                    rule: verdict["ruleId"].as_str().unwrap_or_default().to_owned(),
                    place: place.to_owned(),
                    message: verdict["message"].as_str().unwrap_or_default().to_owned(),
                })
                .collect();
            if found.is_empty() && change["kind"] == "removed" && is_field_of_request(place) {
                found.push(Break {
                    rule: FIELD_REMOVED.to_owned(),
                    place: place.to_owned(),
                    message: "A field that requests may have was removed.".to_owned(),
                });
            }
            found
        })
        .collect()
}

/// Whether the place is an entry of `properties` within a body that is sent.
fn is_field_of_request(place: &str) -> bool {
    let mut parts = place.rsplit('/').skip(1);
    parts.next() == Some("properties") && place.contains("/requestBody/")
}
