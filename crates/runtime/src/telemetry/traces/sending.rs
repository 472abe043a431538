//! Sends finished spans in batches, from a thread of its own. Whoever ends a span never waits: a span for which there is no
//! room is dropped and counted. A receiver that is down costs spans, and nothing else.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use metrics::Counter;
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

use crate::metric;

/// The most spans that wait: some megabytes, and a second of a busy process.
const QUEUE_LEN: usize = 8_192;
/// The most spans that are sent at once.
const BATCH_LEN: usize = 512;
/// How long a span waits for others to be sent with.
const LINGER: Duration = Duration::from_secs(1);

/// Takes finished spans.
#[derive(Debug)]
pub(super) struct Queue<E> {
    spans: SyncSender<Message>,
    dropped: Counter,
    /// Waits here until it knows whose spans it sends.
    idle: Mutex<Option<Idle<E>>>,
}

/// What has not begun to send.
#[derive(Debug)]
struct Idle<E> {
    exporter: E,
    sender: Sender,
}

#[derive(Debug)]
enum Message {
    Span(Box<SpanData>),
    End,
}

/// The end of the process reaches the thread by this.
#[derive(Debug)]
pub(in crate::telemetry) struct Sending {
    spans: SyncSender<Message>,
    ending: Arc<AtomicBool>,
    ended: Receiver<Infallible>,
}

#[derive(Debug)]
struct Sender {
    spans: Receiver<Message>,
    ending: Arc<AtomicBool>,
    dropped: Counter,
    told: mpsc::Sender<Infallible>,
    is_failing: bool,
}

/// Prepares to send what ends. It begins once the tracer has told whose spans they are.
pub(super) fn start<E: SpanExporter + 'static>(exporter: E) -> io::Result<(Queue<E>, Sending)> {
    let (spans, waiting) = mpsc::sync_channel(QUEUE_LEN);
    let (told, ended) = mpsc::channel();
    let ending = Arc::new(AtomicBool::new(false));
    let dropped = metric::SPANS_DROPPED.with([]);
    let sender = Sender {
        spans: waiting,
        ending: Arc::clone(&ending),
        dropped: dropped.clone(),
        told,
        is_failing: false,
    };
    let queue = Queue {
        spans: spans.clone(),
        dropped,
        idle: Mutex::new(Some(Idle { exporter, sender })),
    };
    Ok((queue, Sending { spans, ending, ended }))
}

impl<E: SpanExporter + 'static> SpanProcessor for Queue<E> {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The end of the process is told by [`Sending`], which waits for it.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Idle { mut exporter, sender }) = idle {
            exporter.set_resource(resource);
            let thread = std::thread::Builder::new().name("traces".to_owned());
            if let Err(error) = thread.spawn(move || sender.run(&exporter)) {
                tracing::error!(%error, "no thread can be made for traces, none is sent");
            }
        }
    }
}

impl Sender {
    fn run(mut self, exporter: &impl SpanExporter) {
        while !self.ending.load(Relaxed) {
            let batch = self.gather();
            self.send(batch, exporter);
        }
        // What is there now is the rest. Whoever waits for it waits as long as it likes.
        loop {
            let batch: Vec<SpanData> = self
                .spans
                .try_iter()
                .filter_map(Message::span)
                .take(BATCH_LEN)
                .collect();
            if batch.is_empty() {
                break;
            }
            self.send(batch, exporter);
        }
        drop(self.told);
    }

    /// Waits for a span, and then a little for more.
    fn gather(&self) -> Vec<SpanData> {
        let Ok(Message::Span(first)) = self.spans.recv() else {
            return Vec::new();
        };
        let (mut batch, until) = (vec![*first], Instant::now() + LINGER);
        while batch.len() < BATCH_LEN {
            match self
                .spans
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(Message::Span(span)) => batch.push(*span),
                Ok(Message::End) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        batch
    }

    fn send(&mut self, batch: Vec<SpanData>, exporter: &impl SpanExporter) {
        if batch.is_empty() {
            return;
        }
        let spans = batch.len();
        let failed = block_on(exporter.export(batch)).err();
        if failed.is_some() {
            self.dropped.increment(spans as u64);
        }
        // A receiver that stays down is told once, and once more when it is back.
        match &failed {
            Some(error) if !self.is_failing => {
                tracing::warn!(error = %error, spans, "traces can't be sent and are dropped until they can");
            }
            None if self.is_failing => tracing::info!("traces can be sent again"),
            Some(_) | None => {}
        }
        self.is_failing = failed.is_some();
    }
}

impl Message {
    fn span(self) -> Option<SpanData> {
        match self {
            Self::Span(span) => Some(*span),
            Self::End => None,
        }
    }
}

impl Sending {
    /// Asks for the rest to be sent.
    pub(in crate::telemetry) fn finish(&self) {
        self.ending.store(true, Relaxed);
        // A thread that has much to send looks by itself.
        self.spans.try_send(Message::End).ok();
    }

    /// Waits until it is, or for so long.
    pub(in crate::telemetry) fn wait(&self, patience: Duration) {
        self.ended.recv_timeout(patience).ok();
    }
}
