//! What Postgres' errors mean to the caller.

use crate::Error;

/// Only what is wrong with the statement or its values is a refusal. All else is the state of the server or
/// of the way to it: connections, limits, fail-over, deadlocks, passwords that are being rotated.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|refusal| refusal.code());
        // SQLSTATE classes: feature not supported, data exception, integrity constraint violation, syntax
        // error or missing privilege.
        let refused = code.is_some_and(|code| {
            ["0A", "22", "23", "42"]
                .iter()
                .any(|class| code.starts_with(class))
        });
        if refused {
            Self::Rejected(Box::new(error))
        } else {
            Self::Unavailable(Box::new(error))
        }
    }
}
