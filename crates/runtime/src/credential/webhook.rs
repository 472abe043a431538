//! Signing secrets of webhooks.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::{Secret, random};

/// Makes a signing secret of 32 random bytes, as Standard Webhooks writes it: `whsec_` and base64.
#[must_use]
pub fn webhook_secret() -> Secret<String> {
    Secret::new(format!(
        "whsec_{}",
        BASE64_STANDARD.encode(random::secret_bytes::<32>())
    ))
}
