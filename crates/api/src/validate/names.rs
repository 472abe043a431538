//! What people call things.

/// The longest name, in characters.
const MAX_CHARS: usize = 100;

/// A name that is kept as it was written.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() || text.chars().count() > MAX_CHARS {
        return Err("must have 1 to 100 characters, not only spaces");
    }
    if text.contains(char::is_control) {
        return Err("must have no control characters, such as line breaks");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_they_were_written() {
        let longest = "é".repeat(100);
        for kept in ["A", " Ann ", "Ørjan O'Neil-Åse", "李小龙", "🦀", &longest] {
            assert_eq!(name(kept).as_deref(), Ok(kept));
        }
        let too_long = "é".repeat(101);
        for wrong in [
            "",
            " ",
            "\u{2003}\u{a0}",
            "nul\0",
            "a\nb",
            "a\tb",
            "\u{7f}",
            "\u{85}x",
            &too_long,
        ] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
