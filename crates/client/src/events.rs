//! What happens to a job, as it happens.

use std::time::Duration;

use domain::{JobId, JobState};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use sse_stream::{Sse, SseByteStream};
use tokio::time::{sleep, timeout};

use crate::call;
use crate::client::Client;
use crate::error::Error;
use crate::jobs::JobEvent;
use crate::open::Open;

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The api shows every few seconds that a stream is alive; one that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(30);
/// How long after a broken stream the next one is asked for at most, unless the api says otherwise.
const RECONNECT: Duration = Duration::from_secs(1);
/// The longest such wait that the api may ask for.
const LONGEST_RECONNECT: Duration = Duration::from_secs(60);
/// Named so, the api ends the stream.
const END: &str = "end";

/// What an open stream says.
type Messages = BoxStream<'static, Result<Sse, sse_stream::Error>>;

/// One item of a stream of events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Watched {
    /// Something happened.
    Event(JobEvent),
    /// The job has ended in this state, and the stream with it.
    Ended(Open<JobState>),
}

impl Client {
    /// What has happened to a job, and then what happens, until its end. A stream that breaks off goes on where it was,
    /// without a gap and without telling anything twice.
    pub fn watch(&self, id: JobId) -> impl Stream<Item = Result<Watched, Error>> + '_ {
        self.watch_after(id, None)
    }

    /// The same, from the event after this number.
    pub fn watch_after(
        &self,
        id: JobId,
        after: Option<u32>,
    ) -> impl Stream<Item = Result<Watched, Error>> + '_ {
        async_stream::try_stream! {
            let mut last = after;
            loop {
                let mut pause = RECONNECT.mul_f64(rand::random());
                let mut messages = self.open(id, last).await?;
                // Whatever is wrong with a stream, the next one goes on where it broke off.
                while let Ok(Some(Ok(message))) = timeout(SILENCE, messages.next()).await {
                    if let Some(asked) = message.retry {
                        pause = Duration::from_millis(asked).min(LONGEST_RECONNECT);
                    }
                    match read(&message)? {
                        Some(Watched::Ended(state)) => {
                            yield Watched::Ended(state);
                            return;
                        }
                        Some(Watched::Event(event)) => {
                            last = Some(event.number);
                            yield Watched::Event(event);
                        }
                        None => {}
                    }
                }
                sleep(pause).await;
            }
        }
    }

    async fn open(&self, id: JobId, last: Option<u32>) -> Result<Messages, Error> {
        let mut request = self
            .request(Method::GET, format!("/api/jobs/{id}/events"))
            .header(ACCEPT, EVENT_STREAM)?
            .endless();
        if let Some(last) = last {
            request = request.header(LAST_EVENT_ID, &last.to_string())?;
        }
        let response = request.send().await?;
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A page of somebody before the api would otherwise be asked for again and again.
        if !kind.starts_with(EVENT_STREAM) {
            return Err(Error::Stranger {
                status: response.status(),
                text: format!("{kind:?} is no stream of events"),
            });
        }
        Ok(SseByteStream::new(response.bytes_stream()).boxed())
    }
}

/// What a message says of the job; `None` when it is about the stream alone.
fn read(message: &Sse) -> Result<Option<Watched>, Error> {
    #[derive(Deserialize)]
    struct End {
        state: Open<JobState>,
    }
    let Some(data) = &message.data else {
        return Ok(None);
    };
    if message.event.as_deref() == Some(END) {
        let End { state } = call::read(data)?;
        return Ok(Some(Watched::Ended(state)));
    }
    Ok(Some(Watched::Event(call::read(data)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_event_an_end_or_nothing_about_the_job() {
        let event = r#"{"number":3,"at":"2026-01-01T00:00:00Z","event":"blocked","attempt":null,"by":"x"}"#;
        let read = |message: Sse| read(&message).unwrap();
        let Some(Watched::Event(event)) = read(Sse::default().event("blocked").id("3").data(event)) else {
            panic!("an event that is not known yet is one all the same")
        };
        assert_eq!((event.number, &*event.event, event.attempt), (3, "blocked", None));
        let end = read(Sse::default().event(END).data(r#"{"state":"parked"}"#));
        let Some(Watched::Ended(state)) = end else {
            panic!("{end:?}")
        };
        assert_eq!((state.as_str(), state.known()), ("parked", None));
        assert_eq!(read(Sse::default().retry(700)), None);
    }

    #[test]
    fn what_can_not_be_read_is_an_error() {
        assert!(matches!(
            read(&Sse::default().event("started").data("{")),
            Err(Error::Answer(_))
        ));
    }
}
