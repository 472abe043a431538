//! What a receiver of signed messages reads: headers that anybody can send it, and its own secrets.

use std::cell::RefCell;
use std::str;
use std::time::{SystemTime, UNIX_EPOCH};

use client::webhook::Verifier;
use http::{HeaderMap, HeaderValue};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// What can be a secret.
pub(crate) const SECRETS: &[&str] = &[SECRET, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
const BODY: &[u8] = b"{\"order\":17}";

/// A message that a thread has signed when it made its seeds, which is good for five minutes.
struct Message {
    verifier: Verifier,
    timestamp: String,
    signature: String,
}

impl Message {
    fn sign() -> Self {
        let seconds = seconds_since_1970();
        let signed = Webhook::new(SECRET).and_then(|webhook| webhook.sign(ID, seconds, BODY));
        Self {
            verifier: Verifier::new([SECRET]).expect("it is a secret"),
            timestamp: seconds.to_string(),
            signature: signed.expect("the secret can sign text"),
        }
    }

    fn verifies(&self, timestamp: &[u8], signature: &[u8]) -> bool {
        // What HTTP does not let through reaches no receiver.
        let headers = headers(timestamp, signature);
        headers.is_some_and(|headers| self.verifier.verify(&headers, BODY).is_ok())
    }
}

thread_local! {
    static MESSAGE: RefCell<Message> = RefCell::new(Message::sign());
}

fn seconds_since_1970() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("it is after 1970").as_secs()).expect("it is before 2900")
}

pub(crate) fn signatures() -> Vec<Vec<u8>> {
    let message = Message::sign();
    let signature = &message.signature;
    let other = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=";
    let all = [
        signature.clone(),
        format!("{other} {signature}"),
        format!("v1a,x {signature}"),
    ];
    let seeds = all.map(String::into_bytes).to_vec();
    MESSAGE.set(message);
    seeds
}

/// A message is accepted with its own signature among those that it brings, and with no other.
pub(crate) fn signature(input: &[u8]) -> bool {
    MESSAGE.with_borrow(|message| {
        let accepted = message.verifies(message.timestamp.as_bytes(), input);
        let own = message.signature.as_bytes();
        let brings = input.split(|byte| *byte == b' ').any(|part| part == own);
        assert!(brings || !accepted, "accepted without its signature");
        accepted
    })
}

pub(crate) fn timestamps() -> Vec<Vec<u8>> {
    let message = Message::sign();
    let seeds = vec![message.timestamp.clone().into_bytes()];
    MESSAGE.set(message);
    seeds
}

/// A message is accepted with the time that was signed, and with no other.
pub(crate) fn timestamp(input: &[u8]) -> bool {
    MESSAGE.with_borrow(|message| {
        let accepted = message.verifies(input, message.signature.as_bytes());
        let means = str::from_utf8(input)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        let signed = means.is_some_and(|seconds| seconds.to_string() == message.timestamp);
        assert!(signed || !accepted, "accepted with another time");
        accepted
    })
}

/// A secret that is accepted verifies what it signs, and nothing that an empty key has signed.
pub(crate) fn secret(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else {
        return false;
    };
    let Ok(verifier) = Verifier::new([text]) else {
        return false;
    };
    let seconds = seconds_since_1970();
    let sign = |webhook: Result<Webhook, _>| {
        let signature = webhook.and_then(|webhook| webhook.sign(ID, seconds, BODY));
        signature.expect("it can sign text")
    };
    let verifies = |signature: String| {
        let headers = headers(seconds.to_string().as_bytes(), signature.as_bytes());
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

fn headers(timestamp: &[u8], signature: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER_WEBHOOK_ID, HeaderValue::from_static(ID));
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from_bytes(timestamp).ok()?);
    headers.insert(HEADER_WEBHOOK_SIGNATURE, HeaderValue::from_bytes(signature).ok()?);
    Some(headers)
}
