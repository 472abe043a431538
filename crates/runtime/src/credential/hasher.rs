//! The keyed hash that stands in the database in place of a key.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{ApiKey, KEY_ENVIRONMENT, KeyEnvironment};
use crate::env::{Env, Setting};
use crate::{Secret, random};

/// What all hashes are keyed with.
pub const KEY_PEPPER: Setting = Setting::optional(
    "TANDEM_KEY_PEPPER",
    "Secret of at least 32 characters that keys the hashes of API keys. Another one invalidates them all. Needed \
     unless the environment is dev.",
);

const MIN_PEPPER_LEN: usize = 32;

/// A text that can't key hashes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must have at least {MIN_PEPPER_LEN} characters")]
pub struct PepperError;

/// Makes a pepper, of 48 random bytes.
#[must_use]
pub fn pepper() -> Secret<String> {
    Secret::new(BASE64_STANDARD.encode(random::secret_bytes::<48>()))
}

/// Hashes API keys: HMAC-SHA-256 of the whole key under the pepper. A slow hash is not needed, because nobody
/// guesses 256 random bits.
#[derive(Clone)]
pub struct KeyHasher(Hmac<Sha256>);

impl KeyHasher {
    /// Takes the pepper.
    #[must_use]
    pub fn new(pepper: &Secret<String>) -> Self {
        Self(Hmac::new_from_slice(pepper.expose().as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// Takes the pepper of an environment, and refuses a short one.
    ///
    /// # Errors
    /// When it is short.
    pub fn of_environment(pepper: &Secret<String>) -> Result<Self, PepperError> {
        if pepper.expose().chars().count() < MIN_PEPPER_LEN {
            return Err(PepperError);
        }
        Ok(Self::new(pepper))
    }

    /// Reads the pepper from the environment and refuses a short one. Only the keys of a development environment do
    /// without: they are as hard to guess, but a stolen database would be enough to try guesses against.
    pub fn from_env(env: &mut Env<'_>, environment: &KeyEnvironment) -> Option<Self> {
        if !env.is_set(&KEY_PEPPER) {
            if environment.is_development() {
                return Some(Self::new(&Secret::new(String::new())));
            }
            env.contradiction(
                &[&KEY_PEPPER, &KEY_ENVIRONMENT],
                "the first is needed unless the second is dev",
            );
            return None;
        }
        let pepper: Secret<String> = env.get(&KEY_PEPPER)?;
        Self::of_environment(&pepper)
            .map_err(|error| env.problem(&KEY_PEPPER, error.to_string()))
            .ok()
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self, key: &ApiKey) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(key.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether this is the key whose hash was stored. It takes as long for an id that nobody knows (`None`),
    /// so that the time of an answer doesn't tell which ids exist.
    #[must_use]
    pub fn verify(&self, key: &ApiKey, stored: Option<&[u8]>) -> bool {
        let equal = self.hash(key).ct_eq(stored.unwrap_or(&[0; 32]));
        bool::from(equal) & stored.is_some()
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(pepper: &str) -> KeyHasher {
        KeyHasher::new(&Secret::new(pepper.to_owned()))
    }

    fn key(for_secret: u8) -> ApiKey {
        ApiKey::from_random(&"dev".parse().unwrap(), &[1; 16], &[for_secret; 32])
    }

    #[test]
    fn only_the_same_key_under_the_same_pepper_is_verified() {
        let hasher = hasher("pepper");
        let stored = hasher.hash(&key(1));
        assert!(hasher.verify(&key(1), Some(&stored)));
        assert!(!hasher.verify(&key(2), Some(&stored)));
        assert!(!super::tests::hasher("salt").verify(&key(1), Some(&stored)));
        assert!(!hasher.verify(&key(1), None));
        assert!(!hasher.verify(&key(1), Some(&stored[..31])));
        assert!(!hasher.verify(&key(1), Some(&[])));
    }

    #[test]
    fn a_key_of_another_environment_is_another_key() {
        let hasher = hasher("pepper");
        let other = ApiKey::from_random(&"prod".parse().unwrap(), &[1; 16], &[1; 32]);
        assert_ne!(hasher.hash(&key(1)), hasher.hash(&other));
    }

    #[test]
    fn the_hash_is_hmac_sha_256_of_the_text() {
        let expected = "a1edb38bb5df6bca76e070bf318abe6e06cb41b2fc9f89e9317b088a94e6e803";
        assert_eq!(hex(&hasher("pepper").hash(&key(1))), expected);
    }

    #[test]
    fn a_short_pepper_is_refused_and_not_shown() {
        let dev = "dev".parse().unwrap();
        let mut env = Env::new(|_| Some("hunter2".to_owned()));
        assert!(KeyHasher::from_env(&mut env, &dev).is_none());
        let told = env.finish(|| Some(())).unwrap_err().to_string();
        assert_eq!(told, "TANDEM_KEY_PEPPER: must have at least 32 characters");
        let mut env = Env::new(|_| Some("0123456789abcdef0123456789abcdef".to_owned()));
        assert!(KeyHasher::from_env(&mut env, &dev).is_some());
    }

    #[test]
    fn only_development_does_without_a_pepper() {
        let mut env = Env::new(|_| None);
        assert!(KeyHasher::from_env(&mut env, &"dev".parse().unwrap()).is_some());
        assert!(KeyHasher::from_env(&mut env, &"prod".parse().unwrap()).is_none());
        assert!(
            env.finish(|| Some(()))
                .unwrap_err()
                .to_string()
                .contains("TANDEM_KEY_PEPPER")
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
