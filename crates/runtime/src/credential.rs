//! API keys: `tdm_<environment>_<id>_<secret>`.
//!
//! The id finds the key's row, the secret proves who asks. The row has only a keyed hash of the whole text,
//! so that a stolen database opens nothing without the pepper, and a key can't be moved to another
//! environment or id. The secret ends in a checksum: a mistyped or cut key is refused without asking the
//! database, and scanners find leaked keys without false alarms.

mod base62;
mod hasher;
mod login;
mod webhook;

use std::fmt;
use std::str::FromStr;

use crate::env::{FromSetting, Setting};
use crate::{Secret, random};

pub use hasher::{KEY_PEPPER, KeyHasher, PepperError, pepper};
pub use login::{DatabaseLogin, DatabasePlace, LoginError};
pub use webhook::webhook_secret;

/// Which environment new keys are for.
pub const KEY_ENVIRONMENT: Setting = Setting::with_default(
    "TANDEM_KEY_ENVIRONMENT",
    "dev",
    "Names this environment within its API keys: 2 to 10 of a-z and 0-9.",
);

const PREFIX: &str = "tdm";
const ID_LEN: usize = 16;
/// 43 digits hold 32 bytes: 62^43 > 2^256.
const RANDOM_LEN: usize = 43;
/// 6 digits hold a CRC-32: 62^6 > 2^32.
const CHECKSUM_LEN: usize = 6;

/// An API key. Shown once, when it is made; hidden everywhere else. Not comparable: that is what
/// [`KeyHasher`] is for.
#[derive(Clone, Debug)]
pub struct ApiKey {
    environment: KeyEnvironment,
    id: String,
    text: Secret<String>,
}

/// Why a text is no API key. Neither says anything about the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFormatError {
    /// It is something else.
    #[error("an API key looks like tdm_<environment>_<id>_<secret>")]
    Shape,
    /// It was one once.
    #[error("the API key is mistyped or cut: its checksum is wrong")]
    Checksum,
}

impl ApiKey {
    /// Makes a key of new randomness.
    #[must_use]
    pub fn generate(environment: &KeyEnvironment) -> Self {
        Self::from_random(environment, &random::secret_bytes(), &random::secret_bytes())
    }

    /// Makes the key that belongs to this randomness: 16 bytes for the id, 32 for the secret.
    #[must_use]
    pub fn from_random(environment: &KeyEnvironment, for_id: &[u8; 16], for_secret: &[u8; 32]) -> Self {
        let id = base62::encode::<ID_LEN>(for_id);
        let checked = format!(
            "{PREFIX}_{environment}_{id}_{}",
            base62::encode::<RANDOM_LEN>(for_secret)
        );
        let text = Secret::new(format!("{checked}{}", checksum(&checked)));
        Self {
            environment: environment.clone(),
            id,
            text,
        }
    }

    /// Which environment it is for.
    #[must_use]
    pub fn environment(&self) -> &KeyEnvironment {
        &self.environment
    }

    /// What finds its row; no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, to show it to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }
}

impl FromStr for ApiKey {
    type Err = KeyFormatError;

    fn from_str(text: &str) -> Result<Self, KeyFormatError> {
        let parts: Vec<&str> = text.split('_').collect();
        let [PREFIX, environment, id, secret] = parts[..] else {
            return Err(KeyFormatError::Shape);
        };
        let environment = environment.parse().map_err(|_| KeyFormatError::Shape)?;
        let is_base62 = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if id.len() != ID_LEN
            || secret.len() != RANDOM_LEN + CHECKSUM_LEN
            || !is_base62(id)
            || !is_base62(secret)
        {
            return Err(KeyFormatError::Shape);
        }
        // Only ASCII is left, so this is the border of a character.
        let (checked, claimed) = text.split_at(text.len() - CHECKSUM_LEN);
        if checksum(checked) != claimed {
            return Err(KeyFormatError::Checksum);
        }
        Ok(Self {
            environment,
            id: id.to_owned(),
            text: Secret::new(text.to_owned()),
        })
    }
}

fn checksum(text: &str) -> String {
    base62::encode::<CHECKSUM_LEN>(&crc32fast::hash(text.as_bytes()).to_be_bytes())
}

/// The part of a key that names the environment, so that nobody takes a key of staging for one of production.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyEnvironment(String);

/// A text that can't name an environment within a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must have 2 to 10 of the characters a-z and 0-9")]
pub struct KeyEnvironmentError;

impl KeyEnvironment {
    /// Whether this is `dev`, where a person's own machine stands in for everything.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.0 == "dev"
    }
}

impl FromStr for KeyEnvironment {
    type Err = KeyEnvironmentError;

    fn from_str(text: &str) -> Result<Self, KeyEnvironmentError> {
        let accepted = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (2..=10).contains(&text.len()) && text.bytes().all(accepted);
        fits.then(|| Self(text.to_owned())).ok_or(KeyEnvironmentError)
    }
}

impl fmt::Display for KeyEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromSetting for KeyEnvironment {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        text.parse()
            .map_err(|error: KeyEnvironmentError| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn key() -> impl Strategy<Value = ApiKey> {
        ("[a-z0-9]{2,10}", any::<[u8; 16]>(), any::<[u8; 32]>()).prop_map(
            |(environment, for_id, for_secret)| {
                ApiKey::from_random(&environment.parse().unwrap(), &for_id, &for_secret)
            },
        )
    }

    proptest! {
        #[test]
        fn a_key_is_read_as_it_was_made(key in key()) {
            let read: ApiKey = key.expose().parse().unwrap();
            prop_assert_eq!((read.expose(), read.id()), (key.expose(), key.id()));
            prop_assert_eq!(read.environment(), key.environment());
        }

        #[test]
        fn any_changed_character_is_refused(key in key(), at in any::<Index>(), new in any::<char>()) {
            let mut changed: Vec<char> = key.expose().chars().collect();
            let at = at.index(changed.len());
            prop_assume!(changed[at] != new);
            changed[at] = new;
            prop_assert!(changed.into_iter().collect::<String>().parse::<ApiKey>().is_err());
        }

        #[test]
        fn a_changed_digit_is_refused(key in key(), back in 1..=66_usize, new in "[0-9A-Za-z]") {
            let at = key.expose().len() - back;
            let mut changed = key.expose().to_owned();
            prop_assume!(&changed[at..=at] != "_" && changed[at..=at] != new);
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(changed.parse::<ApiKey>().unwrap_err(), KeyFormatError::Checksum);
        }

        #[test]
        fn a_cut_key_is_refused(key in key(), len in any::<Index>()) {
            let text = key.expose();
            prop_assert!(text[..len.index(text.len())].parse::<ApiKey>().is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            prop_assert!(text.parse::<ApiKey>().is_err());
        }
    }

    #[test]
    fn the_format_does_not_change() {
        let key = ApiKey::from_random(&"prod".parse().unwrap(), &[0xab; 16], &[0xcd; 32]);
        assert_eq!(
            key.expose(),
            "tdm_prod_X2wYZfADG6WaEB0l_mnkbwPFgA0IQSyfN5zV322E08a3QPshxcSw8MGOr45l0ut0NC"
        );
        assert_eq!(
            (key.environment().to_string().as_str(), key.id()),
            ("prod", &key.expose()[9..25])
        );
    }

    #[test]
    fn keys_differ_and_debug_hides_them() {
        let environment = "dev".parse().unwrap();
        let (one, other) = (ApiKey::generate(&environment), ApiKey::generate(&environment));
        assert!(one.id() != other.id() && one.expose()[25..] != other.expose()[25..]);
        assert!(!format!("{one:?}").contains(&one.expose()[25..]));
    }

    #[test]
    fn environments_keep_to_their_characters() {
        for wrong in ["", "x", "Prod", "pre-prod", "elevenchars"] {
            assert_eq!(
                wrong.parse::<KeyEnvironment>(),
                Err(KeyEnvironmentError),
                "{wrong}"
            );
        }
    }
}
