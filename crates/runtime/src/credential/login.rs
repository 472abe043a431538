//! Logins of the database, as their secrets hold them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::base62;
use crate::{Secret, random};

/// Postgres' own number, which is all that [`DatabaseLogin::verifier`] needs: its passwords are no words.
const ITERATIONS: u32 = 4096;
/// 43 digits hold 32 bytes: 62^43 > 2^256.
const PASSWORD_LEN: usize = 43;
const MIN_PASSWORD_LEN: usize = 16;
/// What Postgres does not cut off.
const MAX_NAME_LEN: usize = 63;

/// Who logs in to the database, and with which password.
#[derive(Clone, Debug)]
pub struct DatabaseLogin {
    /// The user.
    pub username: String,
    /// Their password.
    pub password: Secret<String>,
}

/// The database that a login is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabasePlace {
    /// Its server.
    pub host: String,
    /// Its server's port.
    pub port: u16,
    /// Its name.
    pub name: String,
    /// The ARN of the secret with its administrator's login, as which a function that rotates makes the second of two users;
    /// none where that is not known.
    pub administrator: Option<String>,
}

/// Why a secret is no login. None says anything of the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LoginError {
    /// It is something else.
    #[error("must be a JSON object with username and password as texts")]
    Shape,
    /// Postgres would cut the name off, or knows no such name.
    #[error("its username must have 1 to 63 bytes and no control characters")]
    Username,
    /// Postgres changes other characters before it compares, and short passwords are guessed.
    #[error("its password must have at least 16 characters, all of them printable ASCII")]
    Password,
}

#[derive(Deserialize)]
struct Document {
    username: String,
    password: String,
}

impl DatabaseLogin {
    /// Makes a password for a user, of 32 random bytes.
    #[must_use]
    pub fn generate(username: &str) -> Self {
        let password = base62::encode::<PASSWORD_LEN>(&random::secret_bytes::<32>());
        Self {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    /// Reads what a secret holds: JSON as RDS writes it, of which only `username` and `password` matter here.
    ///
    /// # Errors
    /// When that is none.
    pub fn parse(secret: &Secret<String>) -> Result<Self, LoginError> {
        // The parser's own message would quote the secret.
        let document: Document = serde_json::from_str(secret.expose()).map_err(|_| LoginError::Shape)?;
        let name = &document.username;
        if name.is_empty() || name.len() > MAX_NAME_LEN || name.chars().any(char::is_control) {
            return Err(LoginError::Username);
        }
        let password = &document.password;
        if password.len() < MIN_PASSWORD_LEN || !password.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(LoginError::Password);
        }
        Ok(Self {
            username: document.username,
            password: Secret::new(document.password),
        })
    }

    /// What a secret holds, with all that functions which rotate it ask for.
    #[must_use]
    pub fn to_secret(&self, place: &DatabasePlace) -> Secret<String> {
        let mut document = json!({
            "engine": "postgres", "host": place.host, "port": place.port, "dbname": place.name,
            "username": self.username, "password": self.password.expose(),
        });
        if let Some(arn) = &place.administrator {
            document["masterarn"] = json!(arn);
        }
        Secret::new(document.to_string())
    }

    /// What Postgres keeps of the password (RFC 5803) and takes in its place. Sent instead of it, it tells the server's log
    /// nothing that anybody could log in with.
    #[must_use]
    pub fn verifier(&self, salt: &[u8; 16]) -> Secret<String> {
        let salted = stretched(self.password.expose().as_bytes(), salt);
        let stored = Sha256::digest(keyed(&salted, b"Client Key"));
        let server = keyed(&salted, b"Server Key");
        let [salt, stored, server] = [&salt[..], &stored[..], &server[..]].map(|b| BASE64_STANDARD.encode(b));
        Secret::new(format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}"))
    }
}

/// `Hi` of RFC 5802.
fn stretched(password: &[u8], salt: &[u8; 16]) -> [u8; 32] {
    let mut last = keyed(password, &[&salt[..], &1_u32.to_be_bytes()].concat());
    let mut sum = last;
    for _ in 1..ITERATIONS {
        last = keyed(password, &last);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseLogin, LoginError> {
        DatabaseLogin::parse(&Secret::new(text.to_owned()))
    }

    #[test]
    fn a_login_is_read_as_it_is_written_and_its_password_is_new() {
        let place = DatabasePlace {
            host: "db.internal".to_owned(),
            port: 5433,
            name: "tandem".to_owned(),
            administrator: None,
        };
        let made = DatabaseLogin::generate("app");
        let written = made.to_secret(&place);
        let read = DatabaseLogin::parse(&written).unwrap();
        assert_eq!(
            (read.username.as_str(), read.password.expose()),
            ("app", made.password.expose())
        );
        assert!(written.expose().contains(r#""host":"db.internal""#));
        assert_eq!(made.password.expose().len(), PASSWORD_LEN);
        assert_ne!(
            DatabaseLogin::generate("app").password.expose(),
            made.password.expose()
        );
    }

    #[test]
    fn the_administrators_secret_is_told_to_who_rotates_where_it_is_known() {
        let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0";
        let mut place = DatabasePlace {
            host: "db.internal".to_owned(),
            port: 5432,
            name: "tandem".to_owned(),
            administrator: Some(arn.to_owned()),
        };
        let login = DatabaseLogin::generate("app");
        let document = |place: &DatabasePlace| -> serde_json::Value {
            serde_json::from_str(login.to_secret(place).expose()).unwrap()
        };
        assert_eq!(document(&place)["masterarn"], arn);
        assert_eq!(
            DatabaseLogin::parse(&login.to_secret(&place)).unwrap().username,
            "app"
        );
        place.administrator = None;
        assert_eq!(document(&place).get("masterarn"), None);
    }

    #[test]
    fn what_is_no_login_is_refused_without_being_quoted() {
        for (text, error) in [
            ("hunter2", LoginError::Shape),
            (r#"{"username":"a"}"#, LoginError::Shape),
            (
                r#"{"username":"","password":"0123456789abcdef"}"#,
                LoginError::Username,
            ),
            (
                r#"{"username":"a\nb","password":"0123456789abcdef"}"#,
                LoginError::Username,
            ),
            (r#"{"username":"a","password":"hunter2"}"#, LoginError::Password),
            (
                r#"{"username":"a","password":"0123456789abcdeü"}"#,
                LoginError::Password,
            ),
        ] {
            assert_eq!(parse(text).map(|_| ()), Err(error), "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        let long = format!(
            r#"{{"username":"{}","password":"0123456789abcdef"}}"#,
            "a".repeat(64)
        );
        assert_eq!(parse(&long).map(|_| ()), Err(LoginError::Username));
    }

    #[test]
    fn the_verifier_is_that_of_rfc_7677() {
        let login = DatabaseLogin {
            username: "user".to_owned(),
            password: Secret::new("pencil".to_owned()),
        };
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = login.verifier(&salt.try_into().unwrap());
        let expected = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(verifier.expose(), expected);
    }
}
