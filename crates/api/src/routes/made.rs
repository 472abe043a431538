//! What a request is answered that asks for something to be made, with an `Idempotency-Key` or without.

use axum::response::IntoResponseParts;
use store::{Limited, Made};

use crate::problem::{Problem, ProblemType};

/// Something that is there now.
pub(super) enum There<T> {
    /// This request has made it.
    New(T),
    /// An earlier request with the same key has: this is its id.
    Before(Box<str>),
}

/// What was made, or why nothing was.
pub(super) fn there<T>(made: Made<T>) -> Result<There<T>, Problem> {
    match made {
        Made::New(new) => Ok(There::New(new)),
        Made::Before(id) => Ok(There::Before(id)),
        Made::KeyReused => Err(key_reused()),
        Made::InProgress => Err(in_progress()),
        Made::TooMany(thing) => Err(too_many(thing)),
    }
}

/// The header that tells a replay.
pub(super) fn replayed(replayed: bool) -> impl IntoResponseParts {
    replayed.then_some([("idempotency-replayed", "true")])
}

/// The key belongs to another request.
pub(super) fn key_reused() -> Problem {
    Problem::new(
        ProblemType::IdempotencyKeyReused,
        "This Idempotency-Key was used for another body, within the last 24 hours.",
    )
}

/// The same request came just before.
pub(super) fn in_progress() -> Problem {
    Problem::new(
        ProblemType::IdempotencyInProgress,
        "The first request with this Idempotency-Key has not ended yet.",
    )
}

/// The tenant has as many as it may have.
pub(super) fn too_many(thing: Limited) -> Problem {
    let most = thing.most();
    let (kind, detail) = match thing {
        Limited::Users => (
            ProblemType::TooManyUsers,
            format!("A tenant may have {most} users."),
        ),
        Limited::Keys => (
            ProblemType::TooManyKeys,
            format!("A tenant may have {most} API keys that work; revoke those that nobody uses."),
        ),
        Limited::Endpoints => (
            ProblemType::TooManyEndpoints,
            format!("A tenant may have {most} endpoints."),
        ),
        Limited::Schedules => (
            ProblemType::TooManySchedules,
            format!("A tenant may have {most} schedules."),
        ),
    };
    Problem::new(kind, detail)
}

/// A replay can't show a secret again, because it is not kept; so it tells what there is, and nothing as if it were new.
pub(super) fn shown_once(what: &str, route: String) -> Problem {
    let detail = format!(
        "An earlier request with this Idempotency-Key has made {what}, whose secret was shown in its answer only."
    );
    Problem::new(ProblemType::SecretShownOnce, detail).about(route)
}
