//! The types a setting can have, and what a person is told when a value is of no such type.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::QueueName;
use url::Url;

use super::Setting;
use crate::Secret;

/// A type that a setting can have.
pub trait FromSetting: Sized {
    /// Whether values must never be shown.
    const SECRET: bool = false;

    /// Reads a value, which is trimmed and not empty.
    ///
    /// # Errors
    /// What is accepted, beginning with "must"; never the value itself.
    fn from_setting(text: &str, setting: &Setting) -> Result<Self, String>;
}

/// Reads one of a few words.
///
/// # Errors
/// The words that are accepted.
pub fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("must be one of {}", words.join(", "))
        })
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl FromSetting for $number {
            fn from_setting(text: &str, setting: &Setting) -> Result<Self, String> {
                let number = setting.whole_number(text, <$number>::MAX as u64)?;
                Ok(Self::try_from(number).expect("whole_number keeps to the type's range"))
            }
        }
    )*};
}

whole_numbers!(u8, u16, u32, u64, usize);

impl FromSetting for Duration {
    fn from_setting(text: &str, setting: &Setting) -> Result<Self, String> {
        let number = setting.whole_number(text, u64::MAX)?;
        match setting.unit() {
            Some("seconds") => Ok(Self::from_secs(number)),
            Some("milliseconds") => Ok(Self::from_millis(number)),
            _ => {
                Err("must end in _SECS or _MS to be a duration, which is a defect of this program".to_owned())
            }
        }
    }
}

impl FromSetting for bool {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        text.parse().map_err(|_| "must be true or false".to_owned())
    }
}

impl FromSetting for SocketAddr {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "must be an address with a port, such as 127.0.0.1:8080".to_owned())
    }
}

impl FromSetting for Url {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "must be a URL, such as https://example.com/path".to_owned())
    }
}

impl FromSetting for QueueName {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        text.parse().map_err(|error: domain::NameError| error.to_string())
    }
}

impl FromSetting for String {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl FromSetting for PathBuf {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        Ok(text.into())
    }
}

/// A list is separated by commas; white space around an item is not part of it.
impl<T: FromSetting> FromSetting for Vec<T> {
    const SECRET: bool = T::SECRET;

    fn from_setting(text: &str, setting: &Setting) -> Result<Self, String> {
        text.split(',')
            .map(|item| {
                T::from_setting(item.trim(), setting).map_err(|message| format!("each item {message}"))
            })
            .collect()
    }
}

impl<T: FromSetting> FromSetting for Secret<T> {
    const SECRET: bool = true;

    fn from_setting(text: &str, setting: &Setting) -> Result<Self, String> {
        T::from_setting(text, setting).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Setting = Setting::optional("X", "");
    const SECS: Setting = Setting::optional("X_SECS", "");
    const BYTES: Setting = Setting::optional("X_BYTES", "").range(1, 70_000);

    fn read<T: FromSetting>(text: &str) -> Result<T, String> {
        T::from_setting(text, &PLAIN)
    }

    #[test]
    fn whole_numbers_keep_to_type_and_range() {
        assert_eq!(read("65535"), Ok(u16::MAX));
        assert_eq!(
            read::<u16>("65536"),
            Err("must be a whole number from 0 to 65535".to_owned())
        );
        assert_eq!(read::<u64>("-1"), Err("must be a whole number".to_owned()));
        assert_eq!(usize::from_setting("70000", &BYTES), Ok(70_000));
        assert_eq!(
            u16::from_setting("70000", &BYTES),
            Err("must be a whole number of bytes from 1 to 65535".to_owned())
        );
    }

    #[test]
    fn durations_take_the_unit_of_their_name() {
        assert_eq!(Duration::from_setting("90", &SECS), Ok(Duration::from_secs(90)));
        assert_eq!(
            Duration::from_setting("90s", &SECS),
            Err("must be a whole number of seconds".to_owned())
        );
        assert!(read::<Duration>("90").unwrap_err().contains("defect"));
        assert!(
            Duration::from_setting("90", &BYTES)
                .unwrap_err()
                .contains("defect")
        );
    }

    #[test]
    fn other_types_say_what_they_accept() {
        assert_eq!(read("true"), Ok(true));
        assert_eq!(read::<bool>("yes"), Err("must be true or false".to_owned()));
        assert_eq!(
            read("[::1]:80"),
            Ok(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 80)))
        );
        assert!(
            read::<SocketAddr>("localhost")
                .unwrap_err()
                .contains("127.0.0.1:8080")
        );
        assert_eq!(read("http://a/b"), Ok(Url::parse("http://a/b").unwrap()));
        assert!(read::<Url>("example.com").is_err());
        assert_eq!(one_of("b", &[("a", 1), ("b", 2)]), Ok(2));
        assert_eq!(
            one_of("c", &[("a", 1), ("b", 2)]),
            Err("must be one of a, b".to_owned())
        );
    }

    #[test]
    fn lists_are_all_or_nothing() {
        let lanes: Vec<QueueName> = read("default, high").unwrap();
        assert_eq!(
            lanes.iter().map(QueueName::as_str).collect::<Vec<_>>(),
            ["default", "high"]
        );
        assert!(
            read::<Vec<QueueName>>("default,,")
                .unwrap_err()
                .starts_with("each item must have")
        );
    }
}
