//! What happens to a job, as it happens.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState};
use eventsource_stream::{EventStreamError, Eventsource as _};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http::Method;
use http::header::{ACCEPT, HeaderName};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::error::Error;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The api shows every few seconds that a stream is alive; one that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(30);
/// How long after a broken stream the next one is asked for.
const RECONNECT: Duration = Duration::from_secs(1);
/// Named so, the api ends the stream.
const END: &str = "end";

/// What an open stream says.
type Messages = BoxStream<'static, Result<eventsource_stream::Event, EventStreamError<reqwest::Error>>>;

/// Something that happened to a job.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct JobEvent {
    /// From 1, without gaps.
    pub number: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// What: `submitted`, `started`, `succeeded` …
    pub event: String,
    /// The attempt to which it happened.
    pub attempt: Option<u32>,
}

/// One item of a stream of events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Watched {
    /// Something happened.
    Event(JobEvent),
    /// The job has ended in this state, and the stream with it.
    Ended(JobState),
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
                let mut messages = self.open(id, last).await?;
                // Whatever is wrong with a stream, the next one goes on where it broke off.
                while let Ok(Some(Ok(message))) = timeout(SILENCE, messages.next()).await {
                    match read(&message)? {
                        Watched::Ended(state) => {
                            yield Watched::Ended(state);
                            return;
                        }
                        Watched::Event(event) => {
                            last = Some(event.number);
                            yield Watched::Event(event);
                        }
                    }
                }
                sleep(RECONNECT).await;
            }
        }
    }

    async fn open(&self, id: JobId, last: Option<u32>) -> Result<Messages, Error> {
        let mut request = self
            .request(Method::GET, format!("/api/jobs/{id}/events"))
            .header(ACCEPT, "text/event-stream")?
            .endless();
        if let Some(last) = last {
            request = request.header(LAST_EVENT_ID, &last.to_string())?;
        }
        Ok(request.send().await?.bytes_stream().eventsource().boxed())
    }
}

fn read(message: &eventsource_stream::Event) -> Result<Watched, Error> {
    #[derive(Deserialize)]
    struct End {
        state: JobState,
    }
    let read = if message.event == END {
        serde_json::from_str(&message.data).map(|End { state }| Watched::Ended(state))
    } else {
        serde_json::from_str(&message.data).map(Watched::Event)
    };
    read.map_err(|error| Error::Answer(error.into()))
}
