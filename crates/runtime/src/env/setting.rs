//! One declaration per setting.

/// One setting: which variable holds it, what it means, and what it is when nobody sets it.
///
/// A number has its unit in its name: `_SECS`, `_MS` or `_BYTES`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What it means, as a sentence for `--help`.
    pub meaning: &'static str,
    presence: Presence,
    range: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
enum Presence {
    Required,
    Optional,
    Default(&'static str),
}

impl Setting {
    /// A setting without which the process doesn't start.
    #[must_use]
    pub const fn required(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            presence: Presence::Required,
            range: None,
        }
    }

    /// A setting that may be absent; its meaning says what happens then.
    #[must_use]
    pub const fn optional(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            presence: Presence::Optional,
            range: None,
        }
    }

    /// A setting with a default, written the way a person would write it.
    #[must_use]
    pub const fn with_default(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            presence: Presence::Default(default),
            range: None,
        }
    }

    /// Bounds a whole number or a duration, in the unit of the name; both ends are accepted.
    #[must_use]
    pub const fn range(self, least: u64, most: u64) -> Self {
        Self {
            range: Some((least, most)),
            ..self
        }
    }

    pub(super) fn default_text(&self) -> Option<&'static str> {
        match self.presence {
            Presence::Default(text) => Some(text),
            Presence::Required | Presence::Optional => None,
        }
    }

    pub(super) fn bounds(&self) -> Option<(u64, u64)> {
        self.range
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self.presence, Presence::Required)
    }

    /// Reads a whole number that the setting's range and the type it goes to (`type_max`) can hold.
    pub(super) fn whole_number(&self, text: &str, type_max: u64) -> Result<u64, String> {
        let (least, most) = self.range.unwrap_or((0, type_max));
        let number = text
            .parse()
            .ok()
            .filter(|number| (least..=most.min(type_max)).contains(number));
        number.ok_or_else(|| {
            let unit = self.unit().map(|unit| format!(" of {unit}")).unwrap_or_default();
            let bounded = self.range.is_some() || type_max < u64::MAX;
            let range = if bounded {
                format!(" from {least} to {}", most.min(type_max))
            } else {
                String::new()
            };
            format!("must be a whole number{unit}{range}")
        })
    }

    pub(super) fn unit(&self) -> Option<&'static str> {
        let (_, suffix) = self.name.rsplit_once('_')?;
        match suffix {
            "SECS" => Some("seconds"),
            "MS" => Some("milliseconds"),
            "BYTES" => Some("bytes"),
            _ => None,
        }
    }
}
