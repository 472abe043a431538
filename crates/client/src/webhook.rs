//! Receiving what jobs of kind `http.request` send: is it really from the platform?

use http::HeaderMap;
use standardwebhooks::Webhook;

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
    #[error("a signing secret begins with whsec_, followed by base64")]
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
        let webhooks: Result<Vec<Webhook>, _> = secrets
            .into_iter()
            .map(|secret| Webhook::new(secret.as_ref()))
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
        self.0
            .iter()
            .any(|webhook| webhook.verify(body, headers).is_ok())
            .then_some(())
            .ok_or(VerifyError::Signature)
    }
}
