//! Receiving what jobs of kind `http.request` send: is it really from the platform?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use standardwebhooks::{HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// Standard Webhooks 1.0: a secret has at least so many bytes. An empty one would let everybody sign.
const MIN_SECRET_BYTES: usize = 24;

/// A time in seconds has fewer digits for the next three hundred centuries, and can be subtracted without overflow.
const MAX_TIMESTAMP_DIGITS: usize = 12;

/// Checks signatures with one or several secrets: with the old and the new one while they are rotated.
///
/// The rules are those of Standard Webhooks 1.0 and so is the code that applies them; a message is accepted when its
/// timestamp is at most five minutes away from now.
pub struct Verifier(Vec<Webhook>);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Verifier").field(&self.0.len()).finish()
    }
}

/// Why a message is not to be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// A secret is none.
    #[error("a signing secret begins with whsec_, followed by 24 bytes or more in base64")]
    Secret,
    /// The signature is missing, or of another secret, body or time.
    #[error("the signature does not belong to the message")]
    Signature,
}

impl Verifier {
    /// Takes the secrets, `whsec_…`.
    ///
    /// # Errors
    /// [`VerifyError::Secret`] when one can't be read, or there is none.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, VerifyError> {
        let webhooks: Result<Vec<Webhook>, VerifyError> = secrets
            .into_iter()
            .map(|secret| webhook(secret.as_ref()).ok_or(VerifyError::Secret))
            .collect();
        webhooks
            .ok()
            .filter(|webhooks| !webhooks.is_empty())
            .map(Self)
            .ok_or(VerifyError::Secret)
    }

    /// Checks a message by its headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, and its body, byte for
    /// byte as it came. The id is the same on every attempt of a job: who has seen it may answer 2xx and do nothing.
    ///
    /// # Errors
    /// [`VerifyError::Signature`] when it is not to be trusted.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), VerifyError> {
        let accepted =
            has_time(headers) && self.0.iter().any(|webhook| webhook.verify(body, headers).is_ok());
        accepted.then_some(()).ok_or(VerifyError::Signature)
    }
}

fn webhook(secret: &str) -> Option<Webhook> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    // HMAC fills a key up with zeros, so one of zeros alone is the empty one.
    let is_secret = key.len() >= MIN_SECRET_BYTES && key.iter().any(|byte| *byte != 0);
    is_secret.then(|| Webhook::from_bytes(key).ok()).flatten()
}

/// Whether the timestamp is digits that the library can calculate with: it subtracts whatever an `i64` can be.
fn has_time(headers: &HeaderMap) -> bool {
    headers.get(HEADER_WEBHOOK_TIMESTAMP).is_some_and(|timestamp| {
        let digits = timestamp.as_bytes();
        (1..=MAX_TIMESTAMP_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
    })
}
