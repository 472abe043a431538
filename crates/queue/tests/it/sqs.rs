//! The SQS backend: the suite, and what only SQS has.

use std::error::Error as _;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use domain::{JobId, TenantId};
use queue::conformance::Backend;
use queue::sqs::SqsQueue;
use queue::{Envelope, Error, MAX_DELAY, Message, Queue, Receive};
use serde_json::json;
use tokio::net::TcpSocket;
use uuid::Uuid;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::sqs_backend::{SqsBackend, client, conform, endpoint, run};

queue::conformance_tests!(conform);

const ONE: Receive = Receive {
    max: 1,
    wait: Duration::from_secs(10),
    visibility: Duration::from_secs(60),
};

fn envelope() -> Envelope {
    let message = Message {
        job_id: JobId(Uuid::from_u128(1)),
        tenant_id: TenantId(Uuid::from_u128(2)),
        traceparent: None,
        dead_letter: None,
    };
    Envelope {
        message,
        delay: Duration::ZERO,
    }
}

/// Bound but not listening, so that every attempt to connect is refused.
fn nobody() -> TcpSocket {
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    nobody
}

#[tokio::test]
async fn a_body_that_is_not_ours_is_delivered_as_unreadable_and_can_be_deleted() {
    run(async |backend: &SqsBackend| {
        let send = backend
            .client
            .send_message()
            .queue_url(&backend.url)
            .message_body("hello");
        let id = send.send().await.unwrap().message_id.unwrap();
        let delivery = backend.queue().receive(ONE).await.unwrap().remove(0);
        assert_eq!(delivery.message.unwrap_err().backend_id, id);
        assert!(
            backend
                .queue()
                .delete(&[delivery.receipt])
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_sqs_refuses_is_told_by_its_index() {
    run(async |backend: &SqsBackend| {
        let limit = backend.client.set_queue_attributes().queue_url(&backend.url);
        limit
            .attributes(QueueAttributeName::MaximumMessageSize, "1024")
            .send()
            .await
            .unwrap();
        let too_late = Envelope {
            delay: MAX_DELAY * 2,
            ..envelope()
        };
        let mut too_large = envelope();
        too_large.message.traceparent = Some("0".repeat(2_000));

        let mut failures = backend
            .queue()
            .send(&[too_late, envelope(), too_large])
            .await
            .unwrap();
        failures.sort_by_key(|failure| failure.index);
        assert_eq!(
            failures.iter().map(|failure| failure.index).collect::<Vec<_>>(),
            [0, 2]
        );
        assert!(
            failures
                .iter()
                .all(|failure| matches!(failure.error, Error::Rejected(_))),
            "{failures:?}"
        );
        assert_eq!(backend.queue().receive(ONE).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_missing_queue_is_a_refusal() {
    run(async |backend: &SqsBackend| {
        let missing = SqsQueue::new(&backend.client, format!("{}-missing", backend.url));
        assert!(matches!(missing.check().await, Err(Error::Rejected(_))));
        assert!(matches!(missing.receive(ONE).await, Err(Error::Rejected(_))));
        assert!(matches!(
            missing.send(&[envelope()]).await,
            Err(Error::Rejected(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable() {
    let nobody = nobody();
    let queue = SqsQueue::new(
        &client(&format!("http://{}", nobody.local_addr().unwrap())),
        format!("{}/0/gone", endpoint()),
    );
    assert!(matches!(queue.check().await, Err(Error::Unavailable(_))));
    assert!(matches!(
        queue.send(&[envelope()]).await,
        Err(Error::Unavailable(_))
    ));
}

#[tokio::test]
async fn what_keeps_a_call_from_its_work_is_told_in_a_sentence() {
    let told = async |endpoint: &str| {
        let queue = SqsQueue::new(&client(endpoint), "http://127.0.0.1/000000000000/jobs");
        let error = queue.receive(ONE).await.unwrap_err();
        format!("{error}: {}", error.source().unwrap())
    };
    let nobody = nobody();
    assert_eq!(
        told(&format!("http://{}", nobody.local_addr().unwrap())).await,
        "the queue can't be reached: sqs:ReceiveMessage: AWS is not reached: Connection refused (os error 111); look at the \
         network, and at AWS_ENDPOINT_URL if it is set"
    );
    let refusing = MockServer::start().await;
    let refusal =
        json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "message": "You may not." });
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(403).set_body_raw(refusal.to_string(), "application/x-amz-json-1.0"),
        )
        .mount(&refusing)
        .await;
    assert_eq!(
        told(&refusing.uri()).await,
        "the queue refused the request: sqs:ReceiveMessage: You may not. (AccessDeniedException); allow it to the role or \
         the user that this runs as"
    );
}
