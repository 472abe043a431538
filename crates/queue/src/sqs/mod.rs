//! The SQS backend: one standard queue per lane.
//!
//! The tenant is the message group, which makes a standard queue a fair queue: one tenant's backlog does not
//! delay the others'. Order and exactly-once are not asked for, Postgres decides.

mod batch;
mod body;
mod failure;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{self, MessageSystemAttributeName, QueueAttributeName};

use crate::message::{self, Delivery, Envelope, Receipt, Receive, Unreadable};
use crate::{EntryFailure, Error, MAX_WAIT, Queue};
use batch::{MAX_ENTRIES, in_requests};
use failure::Failure;

/// Makes a client from the SDK's standard chain: region, credentials and `AWS_ENDPOINT_URL` from the
/// environment, the profile or the task role. One client serves all lanes.
pub async fn client() -> Client {
    Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await)
}

/// Every message is in one of them: visible, hidden or delayed.
const COUNTS: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

/// A lane on SQS.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    /// Shares everything with `client` but the timeouts: a long poll is not a hanging request.
    poller: Client,
    queue_url: String,
}

impl SqsQueue {
    /// A lane whose queue exists. Retries are the client's; its timeouts are replaced: 5 s per attempt and 15
    /// s in all, and for a receive 5 s more than the longest long poll, with room for one retry of a request
    /// that failed fast.
    #[must_use]
    pub fn new(client: &Client, queue_url: impl Into<String>) -> Self {
        Self {
            client: with_timeouts(client, Duration::from_secs(5), Duration::from_secs(15)),
            poller: with_timeouts(
                client,
                MAX_WAIT + Duration::from_secs(5),
                MAX_WAIT + Duration::from_secs(10),
            ),
            queue_url: queue_url.into(),
        }
    }

    async fn send_batch(&self, envelopes: &[(usize, &Envelope)]) -> Result<Vec<EntryFailure>, Failure> {
        let entries = envelopes.iter().enumerate().map(|(id, (_, envelope))| {
            types::SendMessageBatchRequestEntry::builder()
                .id(id.to_string())
                .message_body(body::write(&envelope.message))
                .message_group_id(envelope.message.tenant_id.to_string())
                .delay_seconds(whole_secs(envelope.delay))
                .build()
                .expect("id and body are set")
        });
        let request = self.client.send_message_batch().queue_url(&self.queue_url);
        let answer = request
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(Failure::of("sqs:SendMessageBatch"))?;
        let accepted = answer.successful().iter().map(|entry| entry.id());
        Ok(batch::failures(envelopes.len(), accepted, answer.failed()))
    }

    async fn extend_batch(
        &self,
        receipts: &[Receipt],
        visibility: Duration,
    ) -> Result<Vec<EntryFailure>, Failure> {
        let entries = receipts.iter().enumerate().map(|(id, receipt)| {
            types::ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(&receipt.0)
                .visibility_timeout(whole_secs(visibility))
                .build()
                .expect("id and receipt handle are set")
        });
        let request = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.queue_url);
        let answer = request
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(Failure::of("sqs:ChangeMessageVisibilityBatch"))?;
        let accepted = answer.successful().iter().map(|entry| entry.id());
        Ok(batch::failures(receipts.len(), accepted, answer.failed()))
    }

    async fn delete_batch(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, Failure> {
        let entries = receipts.iter().enumerate().map(|(id, receipt)| {
            types::DeleteMessageBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(&receipt.0)
                .build()
                .expect("id and receipt handle are set")
        });
        let request = self.client.delete_message_batch().queue_url(&self.queue_url);
        let answer = request
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(Failure::of("sqs:DeleteMessageBatch"))?;
        let accepted = answer.successful().iter().map(|entry| entry.id());
        Ok(batch::failures(receipts.len(), accepted, answer.failed()))
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, envelopes: &[Envelope]) -> Result<Vec<EntryFailure>, Error> {
        let (sendable, mut failures) = message::sendable(envelopes);
        let refused = in_requests(&sendable, |chunk| self.send_batch(chunk)).await?;
        failures.extend(refused.into_iter().map(|failure| EntryFailure {
            index: sendable[failure.index].0,
            error: failure.error,
        }));
        Ok(failures)
    }

    async fn receive(&self, receive: Receive) -> Result<Vec<Delivery>, Error> {
        if receive.max == 0 {
            return Ok(Vec::new());
        }
        let max = receive.max.min(MAX_ENTRIES);
        let answer = self
            .poller
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(max).expect("at most ten"))
            .wait_time_seconds(whole_secs(receive.wait.min(MAX_WAIT)))
            .visibility_timeout(whole_secs(receive.visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(Failure::of("sqs:ReceiveMessage"))?;
        Ok(answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(delivery)
            .collect())
    }

    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<EntryFailure>, Error> {
        in_requests(receipts, |chunk| self.extend_batch(chunk, visibility)).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, Error> {
        in_requests(receipts, |chunk| self.delete_batch(chunk)).await
    }

    /// SQS counts itself, up to a minute late.
    async fn depth(&self) -> Result<u64, Error> {
        let request = self.client.get_queue_attributes().queue_url(&self.queue_url);
        let answer = request
            .set_attribute_names(Some(COUNTS.to_vec()))
            .send()
            .await
            .map_err(Failure::of("sqs:GetQueueAttributes"))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(name)?.parse::<u64>().ok();
        Ok(COUNTS.iter().filter_map(count).sum())
    }

    async fn check(&self) -> Result<(), Error> {
        let request = self.client.get_queue_attributes().queue_url(&self.queue_url);
        request
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(Failure::of("sqs:GetQueueAttributes"))?;
        Ok(())
    }

    fn is_outbox(&self) -> bool {
        false
    }
}

fn with_timeouts(client: &Client, attempt: Duration, operation: Duration) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build();
    Client::from_conf(client.config().to_builder().timeout_config(timeouts).build())
}

/// SQS counts in whole seconds. Rounded up: a short wait must not become a short poll, which may miss
/// messages, and a short visibility must not become none.
fn whole_secs(duration: Duration) -> i32 {
    let secs = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    i32::try_from(secs).unwrap_or(i32::MAX)
}

fn delivery(received: types::Message) -> Delivery {
    let count = received
        .attributes()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok());
    let message = body::read(received.body().unwrap_or_default()).map_err(|error| Unreadable {
        backend_id: received.message_id().unwrap_or("without id").to_owned(),
        reason: error.to_string(),
    });
    Delivery {
        message,
        receipt: Receipt(received.receipt_handle.unwrap_or_default()),
        receive_count: count.unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(whole_secs(Duration::ZERO), 0);
        assert_eq!(whole_secs(Duration::from_millis(1)), 1);
        assert_eq!(whole_secs(Duration::from_secs(2)), 2);
        assert_eq!(whole_secs(Duration::from_nanos(2_000_000_001)), 3);
        assert_eq!(whole_secs(Duration::MAX), i32::MAX);
    }
}
