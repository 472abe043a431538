//! The handlers of a worker, by kind.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use domain::{FailureCode, JsonPointer, Kind, Secrets, StartedJob};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use store::KindDeclaration;

use crate::handler::{Done, Handler, JobError, JobScope};
use crate::meters::KindMeters;

type Run = Box<dyn Fn(Box<RawValue>, JobScope) -> BoxFuture<'static, Result<Done, JobError>> + Send + Sync>;

/// The handlers that a worker has.
#[derive(Default)]
pub struct Registry {
    handlers: HashMap<&'static str, Known>,
}

/// A handler without its types, and what it says about its payload.
struct Known {
    run: Run,
    declaration: KindDeclaration,
}

/// A handler without its types.
pub(crate) struct Registered {
    run: Run,
    /// What of the payload is told to nobody.
    pub(crate) sensitive: Vec<JsonPointer>,
    pub(crate) meters: KindMeters,
}

impl Registry {
    /// No handlers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler.
    ///
    /// # Panics
    /// When its kind is not a valid name or has a handler already, or one of [`Handler::SENSITIVE`] is no JSON Pointer: a
    /// defect of the program that is told at its start.
    #[must_use]
    pub fn register<H: Handler>(mut self, handler: H) -> Self {
        let kind = H::KIND;
        let declaration = declaration::<H>();
        let handler = Arc::new(handler);
        let run: Run = Box::new(move |payload, scope| {
            let handler = Arc::clone(&handler);
            async move {
                let payload = read_payload::<H::Payload>(&payload)?;
                handler.run(payload, scope).await
            }
            .boxed()
        });
        let taken = self.handlers.insert(kind, Known { run, declaration }).is_some();
        assert!(!taken, "two handlers are registered for {kind:?}");
        self
    }

    /// The kinds that have a handler.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.keys().copied()
    }

    /// What the handlers say about their payloads, by kind.
    pub(crate) fn declarations(&self) -> Vec<KindDeclaration> {
        let known = self.handlers.values();
        let mut declarations: Vec<_> = known.map(|known| known.declaration.clone()).collect();
        declarations.sort_by(|a, b| a.name.cmp(&b.name));
        declarations
    }

    /// With the series of each kind, which exist from here on.
    pub(crate) fn into_handlers(self) -> Handlers {
        let with_meters = |(kind, known): (&'static str, Known)| {
            let registered = Registered {
                run: known.run,
                sensitive: known.declaration.sensitive,
                meters: KindMeters::new(kind),
            };
            (kind, registered)
        };
        Handlers {
            by_kind: self.handlers.into_iter().map(with_meters).collect(),
            unknown: KindMeters::new("unknown"),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

/// The handlers in use.
pub(crate) struct Handlers {
    by_kind: HashMap<&'static str, Registered>,
    unknown: KindMeters,
}

impl Handlers {
    pub(crate) fn find(&self, kind: &Kind) -> Option<&Registered> {
        self.by_kind.get(kind.as_str())
    }

    /// What of a job's payload is told to nobody: what its submit says, and what its handler says.
    pub(crate) fn secrets(&self, job: &StartedJob) -> Secrets {
        let of_kind = self
            .find(&job.kind)
            .map_or(&[][..], |registered| &registered.sensitive);
        if job.sensitive.is_empty() && of_kind.is_empty() {
            return Secrets::default();
        }
        Secrets::of(&job.payload, &[&job.sensitive, of_kind].concat())
    }

    /// The series of a kind. What has no handler shares one, because clients choose those names.
    pub(crate) fn meters(&self, kind: &Kind) -> &KindMeters {
        self.find(kind)
            .map_or(&self.unknown, |registered| &registered.meters)
    }
}

impl Registered {
    pub(crate) fn run(
        &self,
        payload: Box<RawValue>,
        scope: JobScope,
    ) -> BoxFuture<'static, Result<Done, JobError>> {
        (self.run)(payload, scope)
    }
}

fn declaration<H: Handler>() -> KindDeclaration {
    let kind = H::KIND;
    let name = match kind.parse() {
        Ok(name) => name,
        Err(error) => panic!("{kind:?} is no name for a kind of job: it {error}"),
    };
    let pointer = |text: &&str| match text.parse() {
        Ok(pointer) => pointer,
        Err(error) => panic!("{text:?} of {kind} does not point to anything: it {error}"),
    };
    let schema = H::payload_schema().map(|schema| to_raw_value(&schema).expect("a schema is JSON"));
    KindDeclaration {
        name,
        schema,
        sensitive: H::SENSITIVE.iter().map(pointer).collect(),
    }
}

fn read_payload<T: DeserializeOwned>(payload: &RawValue) -> Result<T, JobError> {
    // Following the path costs time, so it is done only once something is known to be wrong.
    serde_json::from_str(payload.get()).map_err(|error| {
        let mut reader = serde_json::Deserializer::from_str(payload.get());
        let message = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) if error.path().iter().next().is_some() => {
                format!("the payload's {}: {}", error.path(), error.inner())
            }
            _ => format!("the payload: {error}"),
        };
        JobError::abort_as(FailureCode::PayloadInvalid, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Handler for Echo {
        const KIND: &'static str = "test.echo";
        type Payload = Vec<HashMap<String, u32>>;

        async fn run(&self, payload: Self::Payload, _scope: JobScope) -> Result<Done, JobError> {
            Ok(Done::json(&payload)?)
        }
    }

    #[test]
    #[should_panic(expected = "two handlers are registered for \"test.echo\"")]
    fn a_kind_has_one_handler() {
        drop(Registry::new().register(Echo).register(Echo));
    }

    #[test]
    fn a_payload_that_does_not_fit_is_told_by_its_path() {
        let payload = RawValue::from_string(r#"[{"a": 1}, {"b": "two"}]"#.to_owned()).unwrap();
        let error = read_payload::<<Echo as Handler>::Payload>(&payload).unwrap_err();
        let JobError::Abort(failure) = error else {
            panic!("{error:?}")
        };
        assert_eq!(failure.code, FailureCode::PayloadInvalid);
        assert!(
            failure
                .message
                .starts_with("the payload's [1].b: invalid type: string \"two\""),
            "{}",
            failure.message
        );
    }

    #[test]
    fn a_payload_of_another_type_is_told_without_a_path() {
        let payload = RawValue::from_string("7".to_owned()).unwrap();
        let error = read_payload::<<Echo as Handler>::Payload>(&payload).unwrap_err();
        let JobError::Abort(failure) = error else {
            panic!("{error:?}")
        };
        assert!(
            failure.message.starts_with("the payload: invalid type"),
            "{}",
            failure.message
        );
    }
}
