//! Checking signatures, made by the official library.

use client::webhook::{Verifier, VerifyError};
use http::HeaderMap;
use standardwebhooks::Webhook;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl7iQ9k1Hv";
const BODY: &[u8] = br#"{"order":17}"#;

/// The headers of a message that was signed with these secrets so many seconds ago.
fn signed(secrets: &[&str], age_secs: i64) -> HeaderMap {
    let at = runtime::clock::now().timestamp() - age_secs;
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| Webhook::new(secret).unwrap().sign("msg_1", at, BODY).unwrap())
        .collect();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", "msg_1".parse().unwrap());
    headers.insert("webhook-timestamp", at.to_string().parse().unwrap());
    headers.insert("webhook-signature", signatures.join(" ").parse().unwrap());
    headers
}

#[test]
fn either_secret_does_during_a_rotation() {
    let (old, new) = (Verifier::new([OLD]).unwrap(), Verifier::new([NEW]).unwrap());
    let both = Verifier::new([NEW, OLD]).unwrap();
    for (secrets, verified) in [
        (&[OLD][..], [true, false, true]),
        (&[NEW, OLD], [true, true, true]),
        (&[NEW], [false, true, true]),
    ] {
        let headers = signed(secrets, 0);
        let judged = [&old, &new, &both].map(|verifier| verifier.verify(&headers, BODY).is_ok());
        assert_eq!(judged, verified, "{secrets:?}");
    }
}

#[test]
fn what_was_changed_or_is_old_is_not_trusted() {
    let verifier = Verifier::new([OLD]).unwrap();
    let refused = |headers: &HeaderMap, body: &[u8]| verifier.verify(headers, body);
    assert_eq!(refused(&signed(&[OLD], 0), b"{}"), Err(VerifyError::Signature));
    assert_eq!(refused(&signed(&[OLD], 301), BODY), Err(VerifyError::Signature));
    assert_eq!(refused(&signed(&[OLD], -310), BODY), Err(VerifyError::Signature));
    let mut renamed = signed(&[OLD], 0);
    renamed.insert("webhook-id", "msg_2".parse().unwrap());
    assert_eq!(refused(&renamed, BODY), Err(VerifyError::Signature));
    assert_eq!(refused(&HeaderMap::new(), BODY), Err(VerifyError::Signature));
    for time in ["-9223372036854775808", "9223372036854775807", "+1", "", "é"] {
        let mut headers = signed(&[OLD], 0);
        headers.insert("webhook-timestamp", time.parse().unwrap());
        assert_eq!(refused(&headers, BODY), Err(VerifyError::Signature), "{time}");
    }
}

#[test]
fn a_verifier_needs_a_secret() {
    assert_eq!(Verifier::new([""; 0]).unwrap_err(), VerifyError::Secret);
    let short = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa=";
    let zeros = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for secret in [
        "",
        "whsec_",
        "whsec_é",
        short,
        zeros,
        OLD.trim_start_matches("whsec_"),
    ] {
        assert_eq!(
            Verifier::new([OLD, secret]).unwrap_err(),
            VerifyError::Secret,
            "{secret}"
        );
    }
    assert!(!format!("{:?}", Verifier::new([OLD]).unwrap()).contains("MfKQ"));
}
