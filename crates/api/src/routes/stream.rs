//! A job's events as they happen: server-sent events, as browsers' `EventSource` reads them.
//!
//! A stream first sends what has happened already, then what happens, and ends after the event that ends the job. It
//! holds no connection to the database, and sends nothing that it has not read from there.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use domain::{JobId, JobState};
use futures::stream;
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderName, HeaderValue};
use serde_json::json;
use store::JobEvent;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::app::AppState;
use crate::auth::Caller;
use crate::header::last_event_id;
use crate::problem::{Problem, ProblemType};
use crate::watch::{Follower, News};
use crate::wire::EventBody;

/// Proxies that collect answers before they pass them on (nginx) leave this one alone.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// When clients of a process that drains should come back: not all at once.
const RETRY: std::ops::Range<u64> = 500..2_500;

/// Answers with a job's events after the client's last one, whose number is `last`; 0 for all of them.
pub(super) async fn events(app: AppState, caller: Caller, id: JobId, last: u32) -> Result<Response, Problem> {
    let follower = app
        .watch
        .follow(caller.tenant_id, id)
        .ok_or_else(|| Problem::new(ProblemType::Overloaded, "Too many streams are open."))?;
    // Even the first check comes after a while: the key has just been looked at.
    let period = app.limits.stream_check_interval;
    let mut check = interval_at(Instant::now() + period, period);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut telling = Telling {
        over: app.watch.over(),
        app,
        caller,
        id,
        follower,
        told: last,
        waiting: VecDeque::new(),
        end_state: None,
        check,
        ended: false,
    };
    if last > telling.read().await? {
        return Err(last_event_id::unknown());
    }
    let events = stream::unfold(telling, |mut telling| async {
        let event = telling.next().await?;
        Some((Ok::<_, Infallible>(event), telling))
    });
    let head = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (VARY, HeaderValue::from_static("accept")),
        UNBUFFERED,
    ];
    Ok((head, Sse::new(events)).into_response())
}

/// A stream, and how far it has got.
struct Telling {
    app: AppState,
    caller: Caller,
    id: JobId,
    follower: Follower,
    /// The number of the last event that was sent, also by an earlier stream.
    told: u32,
    /// Events that were read and are to be sent.
    waiting: VecDeque<JobEvent>,
    /// The terminal state that the newest event has brought the job to.
    end_state: Option<JobState>,
    check: Interval,
    over: CancellationToken,
    ended: bool,
}

impl Telling {
    /// What is sent next; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.told = event.number;
                return Some(told(event));
            }
            if self.ended {
                return None;
            }
            if let Some(state) = self.end_state {
                self.ended = true;
                return Some(end(state));
            }
            tokio::select! {
                () = self.over.clone().cancelled_owned() => {
                    self.ended = true;
                    return Some(come_back(self.app.new_id));
                }
                news = self.follower.news() => self.take(news).await?,
                _ = self.check.tick() => {
                    return self.may_go_on().await.then(|| Event::default().comment("alive"));
                }
            }
        }
    }

    /// The number of the newest event that was read.
    fn newest(&self) -> u32 {
        self.waiting.back().map_or(self.told, |event| event.number)
    }

    /// Takes what follows on what was read; reads again, if something is missing in between. `None` when the job is
    /// gone, or can't be read: the client comes back and learns why.
    async fn take(&mut self, news: News) -> Option<()> {
        let News::Events(events) = news else {
            return self.read().await.ok().map(drop);
        };
        let newest = self.newest();
        let known = events.partition_point(|event| event.number <= newest);
        match &events[known..] {
            [] => Some(()),
            unknown @ [first, ..] if first.number == newest + 1 => {
                self.waiting.extend(unknown.iter().cloned());
                self.end_state = self.waiting.back().and_then(JobEvent::end_state);
                Some(())
            }
            _ => self.read().await.ok().map(drop),
        }
    }

    /// Reads what has happened since, from the database; answers the number of the newest event of all.
    async fn read(&mut self) -> Result<u32, Problem> {
        let events = self.app.store.events(self.caller.tenant_id, self.id).await?;
        let mut events = events.ok_or_else(|| Problem::no_such_job(self.id))?;
        // The submit is always there.
        let last = events.last().map_or(0, |last| last.number);
        self.end_state = events.last().and_then(JobEvent::end_state);
        self.follower.has_read(last);
        let newest = self.newest();
        events.retain(|event| event.number > newest);
        self.waiting.extend(events);
        Ok(last)
    }

    /// Whether the key may still read jobs. While that can't be looked up, nothing else can.
    async fn may_go_on(&self) -> bool {
        !matches!(
            self.app.authenticator.is_still_good(&self.caller).await,
            Ok(false)
        )
    }
}

fn told(event: JobEvent) -> Event {
    let sent = Event::default().id(event.number.to_string()).event(&event.event);
    let data = serde_json::to_string(&EventBody::from(event)).expect("texts and numbers are always JSON");
    sent.data(data)
}

/// Without an id, so that a client that comes back all the same gets nothing twice.
fn end(state: JobState) -> Event {
    Event::default()
        .event("end")
        .data(json!({ "state": state }).to_string())
}

/// The process stops, the job goes on.
fn come_back(new_id: fn() -> uuid::Uuid) -> Event {
    let spread = u64::try_from(new_id().as_u128() % u128::from(RETRY.end - RETRY.start)).unwrap_or_default();
    Event::default()
        .comment("draining")
        .retry(Duration::from_millis(RETRY.start + spread))
}
