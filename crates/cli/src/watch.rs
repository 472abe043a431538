//! `tandem jobs watch`: what happens to a job, line by line, until its end.

use std::time::Duration;

use domain::JobState;
use reqwest::Response;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output;
use crate::output::plain;

/// The api shows every few seconds that a stream is alive; one that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(30);

/// How long after a broken stream the next one is asked for, unless the api says otherwise.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) async fn run(client: &Client, id: &str, json: bool) -> Result<ExitStatus, Failure> {
    let mut messages = Messages::default();
    loop {
        let stream = client.events(id, messages.last_id.as_deref()).await?;
        if let Some(state) = follow(stream, &mut messages, json).await {
            let succeeded = state == JobState::Succeeded.as_str();
            return Ok(if succeeded {
                ExitStatus::Done
            } else {
                ExitStatus::JobNotSucceeded
            });
        }
        sleep(messages.retry.unwrap_or(RETRY)).await;
    }
}

/// Prints what a stream tells; the job's state at its end, `None` when the stream broke off before.
async fn follow(mut stream: Response, messages: &mut Messages, json: bool) -> Option<String> {
    messages.begin();
    loop {
        // Whatever is wrong with a stream, the next one goes on where it broke off.
        let chunk = timeout(SILENCE, stream.chunk()).await.ok()?.ok()??;
        for message in messages.read(&chunk) {
            let data: Value = serde_json::from_str(&message.data).ok()?;
            if message.event == "end" {
                return data["state"].as_str().map(ToOwned::to_owned);
            }
            print(&data, &message.data, json);
        }
    }
}

fn print(event: &Value, text: &str, json: bool) {
    if json {
        output::line(text);
        return;
    }
    let mut line = format!(
        "{:>3}  {}  {}",
        plain(&event["number"]),
        plain(&event["at"]),
        plain(&event["event"])
    );
    if event["attempt"].is_number() {
        line = format!("{line}, attempt {}", event["attempt"]);
    }
    output::line(&line);
}

/// One message of a stream.
#[derive(Debug, Default, Eq, PartialEq)]
struct Message {
    event: String,
    data: String,
}

/// Reads the lines of streams, as far as the api writes them; what is kept outlives one stream.
#[derive(Debug, Default)]
struct Messages {
    /// The id of the last message that was read whole.
    last_id: Option<String>,
    /// How long to wait before the next stream.
    retry: Option<Duration>,
    unread: Vec<u8>,
    id: Option<String>,
    message: Message,
}

impl Messages {
    /// Forgets what the stream before has begun and not ended.
    fn begin(&mut self) {
        self.unread.clear();
        self.id = None;
        self.message = Message::default();
    }

    /// The messages that are whole with these bytes.
    fn read(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        self.unread.extend_from_slice(bytes);
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            messages.extend(self.line(String::from_utf8_lossy(&line).trim_end()));
        }
        messages
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            self.last_id = self.id.take().or(self.last_id.take());
            return (!message.data.is_empty()).then_some(message);
        }
        let (name, value) = line.split_once(':')?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.message.event),
            "data" => value.clone_into(&mut self.message.data),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis),
            // A comment, or what a newer api tells.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_however_they_are_cut() {
        let text =
            b": alive\n\nid: 1\nevent: submitted\ndata: {\"a\":1}\n\nretry: 700\n\nevent:end\ndata:{}\n\n";
        let mut whole = Messages::default();
        let expected = whole.read(text);
        assert_eq!(expected.len(), 2);
        assert_eq!(
            (&*expected[0].event, &*expected[0].data),
            ("submitted", "{\"a\":1}")
        );
        assert_eq!((&*expected[1].event, &*expected[1].data), ("end", "{}"));
        assert_eq!(
            whole.last_id.as_deref(),
            Some("1"),
            "the end has no id of its own"
        );
        assert_eq!(whole.retry, Some(Duration::from_millis(700)));
        let mut cut = Messages::default();
        let read: Vec<Message> = text.chunks(1).flat_map(|byte| cut.read(byte)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn what_broke_off_in_the_middle_was_not_read() {
        let mut messages = Messages::default();
        messages.read(b"id: 1\nevent: submitted\ndata: {}\n\nid: 2\nevent: sta");
        messages.begin();
        assert_eq!(messages.last_id.as_deref(), Some("1"));
        let read = messages.read(b"id: 2\nevent: started\ndata: {}\n\n");
        assert_eq!((read.len(), &*read[0].event), (1, "started"));
    }
}
