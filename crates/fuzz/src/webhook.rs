//! What a receiver of signed messages reads: headers that anybody can send it, and its own secrets.

use std::str;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use client::webhook::Verifier;
use http::{HeaderMap, HeaderValue};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// What can be a secret.
pub(crate) const SECRETS: &[&str] = &[SECRET, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
const BODY: &[u8] = b"{\"order\":17}";

/// A message that is signed now, which is good for five minutes.
struct Message {
    verifier: Verifier,
    timestamp: String,
    signature: String,
}

static MESSAGE: LazyLock<Message> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let timestamp = i64::try_from(now.expect("it is after 1970").as_secs()).expect("it is before 2900");
    let signed = Webhook::new(SECRET).and_then(|webhook| webhook.sign(ID, timestamp, BODY));
    Message {
        verifier: Verifier::new([SECRET]).expect("it is a secret"),
        timestamp: timestamp.to_string(),
        signature: signed.expect("the secret can sign text"),
    }
});

pub(crate) fn signatures() -> Vec<Vec<u8>> {
    let signature = &MESSAGE.signature;
    let other = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=";
    let all = [
        signature.clone(),
        format!("{other} {signature}"),
        format!("v1a,x {signature}"),
    ];
    all.map(String::into_bytes).to_vec()
}

/// A message is accepted with its own signature among those that it brings, and with no other.
pub(crate) fn signature(input: &[u8]) -> bool {
    let accepted = verifies(MESSAGE.timestamp.as_bytes(), input);
    let own = MESSAGE.signature.as_bytes();
    let brings = input.split(|byte| *byte == b' ').any(|part| part == own);
    assert!(brings || !accepted, "accepted without its signature");
    accepted
}

pub(crate) fn timestamps() -> Vec<Vec<u8>> {
    vec![MESSAGE.timestamp.clone().into_bytes()]
}

/// A message is accepted with the time that was signed, and with no other.
pub(crate) fn timestamp(input: &[u8]) -> bool {
    let accepted = verifies(input, MESSAGE.signature.as_bytes());
    let means = str::from_utf8(input)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let signed = means.is_some_and(|seconds| seconds.to_string() == MESSAGE.timestamp);
    assert!(signed || !accepted, "accepted with another time");
    accepted
}

/// A secret that is accepted verifies what it signs, and nothing that an empty key has signed.
pub(crate) fn secret(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else {
        return false;
    };
    let Ok(verifier) = Verifier::new([text]) else {
        return false;
    };
    let seconds: i64 = MESSAGE.timestamp.parse().expect("it was written from one");
    let sign = |webhook: Result<Webhook, _>| {
        let signature = webhook.and_then(|webhook| webhook.sign(ID, seconds, BODY));
        signature.expect("it can sign text")
    };
    let verifies = |signature: String| {
        let headers = headers(MESSAGE.timestamp.as_bytes(), signature.as_bytes());
        headers.is_some_and(|headers| verifier.verify(&headers, BODY).is_ok())
    };
    assert!(
        verifies(sign(Webhook::new(text))),
        "it does not verify what it signs"
    );
    assert!(
        !verifies(sign(Webhook::from_bytes(Vec::new()))),
        "anybody can sign"
    );
    true
}

fn verifies(timestamp: &[u8], signature: &[u8]) -> bool {
    // What HTTP does not let through reaches no receiver.
    headers(timestamp, signature).is_some_and(|headers| MESSAGE.verifier.verify(&headers, BODY).is_ok())
}

fn headers(timestamp: &[u8], signature: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER_WEBHOOK_ID, HeaderValue::from_static(ID));
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from_bytes(timestamp).ok()?);
    headers.insert(HEADER_WEBHOOK_SIGNATURE, HeaderValue::from_bytes(signature).ok()?);
    Some(headers)
}
