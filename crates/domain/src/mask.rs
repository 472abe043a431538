//! Personal data: how it is shown to those who need not see it, and kept out of what is told about failures.

use std::ops::Range;

use serde_json::value::{RawValue, to_raw_value};

use crate::failure::Failure;
use crate::pointer::{JsonPointer, Look};

/// What stands in place of a value that is not shown.
pub const MASK: &str = "***";

/// The most objects and arrays within each other that are looked into; what is deeper is masked as a whole.
const MAX_DEPTH: usize = 128;

/// Shorter texts are in too many words to be looked for.
const MIN_TEXT_CHARS: usize = 4;

/// A document with every value that a pointer leads to replaced by `"***"`; the rest of it byte for byte.
///
/// # Panics
/// Never: a value in place of a value leaves the document JSON.
#[must_use]
pub fn masked(document: &RawValue, pointers: &[JsonPointer]) -> Box<RawValue> {
    let text = document.get();
    let place = |value: &RawValue| -> Range<usize> {
        let start = value.get().as_ptr().addr() - text.as_ptr().addr();
        start..start + value.get().len()
    };
    let mut places: Vec<Range<usize>> = pointers
        .iter()
        .flat_map(|pointer| pointer.find(document))
        .map(place)
        .collect();
    // The outer one of two first, so that what lies within it is seen to be gone already.
    places.sort_by_key(|place| (place.start, usize::MAX - place.end));
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    for place in places {
        if place.start >= at {
            shown.push_str(&text[at..place.start]);
            shown.push_str("\"***\"");
            at = place.end;
        }
    }
    shown.push_str(&text[at..]);
    RawValue::from_string(shown).expect("a value in place of a value leaves JSON")
}

/// The values of one payload that are not to be told.
#[derive(Default)]
pub struct Secrets {
    /// Longer ones first, so that one that is part of another leaves no rest of it.
    texts: Vec<String>,
    numbers: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// The texts of at least four characters, and the numbers, that the pointers lead to or that are within what they
    /// lead to.
    #[must_use]
    pub fn of(payload: &RawValue, pointers: &[JsonPointer]) -> Self {
        let mut secrets = Self::default();
        for value in pointers.iter().flat_map(|pointer| pointer.find(payload)) {
            secrets.learn(value, 0);
        }
        for list in [&mut secrets.texts, &mut secrets.numbers] {
            list.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            list.dedup();
        }
        secrets
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.numbers.is_empty()
    }

    /// A failure whose message tells none of them.
    #[must_use]
    pub fn keep(&self, failure: Failure) -> Failure {
        if self.is_empty() {
            return failure;
        }
        let message = self.without_cut_one(&failure.message);
        Failure::new(failure.code, self.redacted(&message))
    }

    /// A text with `***` in place of each of them.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.texts {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        self.numbers
            .iter()
            .fold(text, |text, number| without_number(&text, number))
    }

    /// A document with `***` in place of each of them, in its texts, its names and its numbers.
    #[must_use]
    pub fn redacted_json(&self, document: &RawValue) -> Box<RawValue> {
        let text = self.redacted_at(document, 0);
        RawValue::from_string(text).unwrap_or_else(|_| mask())
    }

    fn learn(&mut self, value: &RawValue, depth: usize) {
        match Look::into(value) {
            _ if depth > MAX_DEPTH => {}
            Look::Object(members) => members.iter().for_each(|(_, value)| self.learn(value, depth + 1)),
            Look::Array(elements) => elements.iter().for_each(|value| self.learn(value, depth + 1)),
            Look::Leaf if value.get().starts_with('"') => self.learn_text(value.get()),
            Look::Leaf
                if value
                    .get()
                    .starts_with(|first: char| first == '-' || first.is_ascii_digit()) =>
            {
                self.numbers.push(value.get().to_owned());
            }
            Look::Leaf | Look::Opaque => {}
        }
    }

    /// Also as it looks when it is quoted: in JSON, and by Rust.
    fn learn_text(&mut self, json: &str) {
        let quoted = json[1..json.len() - 1].to_owned();
        let text: String = serde_json::from_str(json).unwrap_or_else(|_| quoted.clone());
        if text.chars().count() < MIN_TEXT_CHARS {
            return;
        }
        let by_rust = format!("{text:?}");
        self.texts.push(by_rust[1..by_rust.len() - 1].to_owned());
        self.texts
            .extend(to_raw_value(&text).map(|json| json.get()[1..json.get().len() - 1].to_owned()));
        self.texts.extend([quoted, text]);
    }

    /// A message that was cut may end with the beginning of a secret.
    fn without_cut_one(&self, message: &str) -> String {
        let Some(cut) = message.strip_suffix('…') else {
            return message.to_owned();
        };
        let beginnings = self.texts.iter().flat_map(|secret| {
            let ends = secret.char_indices().map(|(at, _)| at).skip(MIN_TEXT_CHARS);
            ends.map(|end| &secret[..end])
        });
        let longest = beginnings
            .filter(|beginning| cut.ends_with(beginning))
            .max_by_key(|beginning| beginning.len());
        match longest {
            Some(beginning) => format!("{}{MASK}…", &cut[..cut.len() - beginning.len()]),
            None => message.to_owned(),
        }
    }

    fn redacted_at(&self, value: &RawValue, depth: usize) -> String {
        match Look::into(value) {
            _ if depth > MAX_DEPTH => quoted(MASK),
            Look::Opaque => quoted(MASK),
            Look::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| {
                        let value = self.redacted_at(value, depth + 1);
                        format!("{}:{value}", quoted(&self.redacted(name)))
                    })
                    .collect();
                format!("{{{}}}", members.join(","))
            }
            Look::Array(elements) => {
                let elements: Vec<String> = elements
                    .iter()
                    .map(|value| self.redacted_at(value, depth + 1))
                    .collect();
                format!("[{}]", elements.join(","))
            }
            Look::Leaf => self.redacted_leaf(value.get()),
        }
    }

    fn redacted_leaf(&self, json: &str) -> String {
        if !json.starts_with('"') {
            let secret = self.numbers.iter().any(|number| number == json);
            return if secret { quoted(MASK) } else { json.to_owned() };
        }
        match serde_json::from_str::<String>(json) {
            Ok(text) => quoted(&self.redacted(&text)),
            // No text, such as half a surrogate pair, so nothing can be found in it.
            Err(_) => quoted(MASK),
        }
    }
}

fn mask() -> Box<RawValue> {
    RawValue::from_string(quoted(MASK)).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Without a number, where it is not part of a longer one.
fn without_number(text: &str, number: &str) -> String {
    let goes_on = |character: Option<char>| character.is_some_and(|c| c.is_ascii_digit());
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0);
    for (start, _) in text.match_indices(number) {
        let end = start + number.len();
        let mut after = text[end..].chars();
        let next = after.next();
        let is_longer = goes_on(text[..start].chars().next_back())
            || goes_on(next)
            || (next == Some('.') && goes_on(after.next()));
        if start >= at && !is_longer {
            kept.push_str(&text[at..start]);
            kept.push_str(MASK);
            at = end;
        }
    }
    kept.push_str(&text[at..]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureCode;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn pointers(texts: &[&str]) -> Vec<JsonPointer> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn secrets(payload: &str, sensitive: &[&str]) -> Secrets {
        Secrets::of(&raw(payload), &pointers(sensitive))
    }

    #[test]
    fn what_is_meant_is_masked_and_the_rest_stays_as_it_was_written() {
        let payload = raw(r#"{ "card": {"number": "4111", "by/~": [1, [2, 3]]},  "n": 1.00 , "card": 7 }"#);
        let shown = |texts: &[&str]| masked(&payload, &pointers(texts)).get().to_owned();
        assert_eq!(shown(&[]), payload.get());
        assert_eq!(shown(&["/missing", "/card/by~1~0/9", "/n/x"]), payload.get());
        assert_eq!(
            shown(&["/card/number", "/card/by~1~0/1/0"]),
            r#"{ "card": {"number": "***", "by/~": [1, ["***", 3]]},  "n": 1.00 , "card": 7 }"#
        );
        assert_eq!(
            shown(&["/card/number", "/card"]),
            r#"{ "card": "***",  "n": 1.00 , "card": "***" }"#
        );
        assert_eq!(shown(&["", "/n"]), r#""***""#);
    }

    #[test]
    fn a_message_tells_no_secret_however_it_quotes_it() {
        let secrets = secrets(
            r#"{"name":"Ann \"X\" Ö","list":["4111-1111",{"deep":"secret"}],"pin":42,"no":"abc","neg":-1.5}"#,
            &["/name", "/list", "/pin", "/no", "/neg"],
        );
        for (message, told) in [
            ("no Ann \"X\" Ö here", "no *** here"),
            (r#"got "Ann \"X\" Ö"!"#, r#"got "***"!"#),
            ("secret4111-1111", "******"),
            (
                "pin 42, not 142 or 42.5 or 421, (42)",
                "pin ***, not 142 or 42.5 or 421, (***)",
            ),
            ("42. is the end at -1.5", "***. is the end at ***"),
            ("abc stays, it is too short", "abc stays, it is too short"),
        ] {
            assert_eq!(secrets.redacted(message), told);
        }
    }

    #[test]
    fn a_message_that_was_cut_within_a_secret_does_not_tell_its_beginning() {
        let secrets = secrets(r#"{"s":"0123456789"}"#, &["/s"]);
        let cut = format!("{}0123456789", "x".repeat(Failure::MAX_MESSAGE_LEN - 9));
        let failure = Failure::new(FailureCode::HandlerError, cut);
        assert!(failure.message.ends_with("x012345…"));
        assert!(secrets.keep(failure).message.ends_with("x***…"));
    }

    #[test]
    fn a_result_tells_no_secret() {
        let secrets = secrets(r#"{"s":"secret","n":12}"#, &["/s", "/n"]);
        let result = raw(r#"{"echo":{"secret":["a secret",12,120,1e999,null]}}"#);
        assert_eq!(
            secrets.redacted_json(&result).get(),
            r#"{"echo":{"***":["a ***","***",120,1e999,null]}}"#
        );
        let deep = raw(&format!("{}\"secret\"{}", "[".repeat(50_000), "]".repeat(50_000)));
        assert!(!secrets.redacted_json(&deep).get().contains("secret"));
    }

    #[test]
    fn without_pointers_nothing_changes() {
        let none = secrets(r#"{"s":"secret"}"#, &["/other"]);
        assert!(none.is_empty());
        let failure = Failure::new(FailureCode::HandlerError, "a secret");
        assert_eq!(none.keep(failure.clone()), failure);
    }
}
