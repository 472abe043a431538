//! What a client expects to be there before it changes something, so that nobody's change is lost.

use http::header::{IF_MATCH, IF_NONE_MATCH};

use crate::error::Error;
use crate::request::Request;

/// What is expected to be there before something is put; otherwise the api refuses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Expected {
    /// Whatever there is, or nothing.
    #[default]
    Anything,
    /// Nothing.
    Nothing,
    /// This version.
    Version(u32),
}

impl Expected {
    pub(crate) fn ask(self, request: Request<'_>) -> Result<Request<'_>, Error> {
        match self {
            Self::Anything => Ok(request),
            Self::Nothing => Ok(request.header(IF_NONE_MATCH, "*")?.once()),
            Self::Version(version) => with_version(request, Some(version)),
        }
    }
}

/// Asks for a change of this version only, if there is one.
pub(crate) fn with_version(request: Request<'_>, version: Option<u32>) -> Result<Request<'_>, Error> {
    match version {
        Some(version) => Ok(request.header(IF_MATCH, &format!("\"{version}\""))?.once()),
        None => Ok(request),
    }
}
