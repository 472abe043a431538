//! Who a new user is.

use store::NewUser;
use validator::ValidateEmail;

use super::findings::Findings;
use super::names::name;
use crate::problem::Problem;
use crate::wire::CreateUser;

const MAX_EMAIL_CHARS: usize = 255;

/// A valid user.
pub(crate) fn new_user(body: &CreateUser) -> Result<NewUser, Problem> {
    let mut found = Findings::default();
    let name = found.read("name", &body.name, name);
    let email = found.read("email", &body.email, email);
    found.finish(name.zip(email).map(|(name, email)| NewUser { name, email }))
}

fn email(text: &str) -> Result<String, &'static str> {
    with_comparable_domain(text)
        .filter(|email| email.len() <= MAX_EMAIL_CHARS)
        .ok_or("must be an e-mail address of at most 255 characters, such as ann@example.com")
}

/// A valid address with its domain in lower case and in ASCII. What stands before the @ is left alone: it means
/// something to its own mail system only.
fn with_comparable_domain(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@').filter(|_| text.validate_email())?;
    // Stricter than the rule before it, which takes whatever ends with an IP address in brackets.
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    Some(format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_an_address_has_one_form() {
        for (written, kept) in [
            ("Ann@Example.COM", "Ann@example.com"),
            ("ann+jobs@sub.example.com", "ann+jobs@sub.example.com"),
            ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
            ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
            ("ann@ｅｘａｍｐｌｅ。com", "ann@example.com"),
            ("ann@localhost", "ann@localhost"),
        ] {
            assert_eq!(email(written).as_deref(), Ok(kept), "{written}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.com",
            "ann@@example.com",
            "ann @example.com",
            "ann@example.com ",
            "ann@example.com\n",
            "ann@exa mple.com",
            "ann@-example.com",
            "ann@example..com",
            "ann@example.com.",
            "änn@example.com",
            "ann\0@example.com",
            "ann@nul\0.com",
            "ann@nul\0[127.0.0.1]",
            "ann@[127.0.0.1]",
            "ann@xn--a.example",
            "Ann <ann@example.com>",
        ] {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_has_at_most_255_characters() {
        let label = "d".repeat(63);
        let of_length = |len: usize| {
            let start = format!("{}@{label}.{label}.", "l".repeat(64));
            format!("{start}{}", "d".repeat(len - start.len()))
        };
        assert_eq!(email(&of_length(255)), Ok(of_length(255)));
        assert!(email(&of_length(256)).is_err());
    }
}
