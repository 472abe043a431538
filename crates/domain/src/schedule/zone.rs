//! The zones of the IANA time zone database, as this program was built with it.

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;

/// A zone by its name, e.g. `Europe/Berlin`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Zone(pub(super) Tz);

/// A text that names no zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a zone of the IANA time zone database, such as Europe/Berlin or UTC")]
pub struct ZoneError;

impl Zone {
    /// The zone without changes of clocks, and the default.
    pub const UTC: Self = Self(Tz::UTC);
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        text.parse().map(Self).map_err(|_| ZoneError)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_as_in_the_database() {
        for name in ["Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata"] {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
        }
        for wrong in [
            "",
            "europe/berlin",
            "Berlin",
            "+02:00",
            "Europe/Berlin ",
            "nul\0",
            "Mars/Base",
        ] {
            assert_eq!(wrong.parse::<Zone>(), Err(ZoneError), "{wrong:?}");
        }
    }
}
