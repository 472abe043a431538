"""Makes the lanes' queues and their dead-letter queues in an SQS emulator, called as Terraform's module `queue` calls them
in AWS, and with its times and redrive; without its encryption, policies, and defaults for receives and sizes.

    python queues.py http://sqs:4566 high default low

Queues that are there stay as they are.
"""

import json
import sys
import time
import urllib.error
import urllib.request

PATIENCE_SECS = 30
MAX_RECEIVES = 10
VISIBILITY_SECS = 30
DAY_SECS = 24 * 60 * 60
RETENTION_SECS = 4 * DAY_SECS
DEAD_RETENTION_SECS = 14 * DAY_SECS


def call(endpoint: str, action: str, request: dict) -> dict:
    """Makes one call of the SQS JSON protocol. An emulator does not look at signatures."""
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"AmazonSQS.{action}",
        "authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/sqs/aws4_request",
    }
    data = json.dumps(request).encode()
    with urllib.request.urlopen(urllib.request.Request(endpoint, data, headers), timeout=5) as answer:
        return json.load(answer)


def create(endpoint: str, name: str, attributes: dict[str, str]) -> str:
    return call(endpoint, "CreateQueue", {"QueueName": name, "Attributes": attributes})["QueueUrl"]


def arn(endpoint: str, url: str) -> str:
    request = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
    return call(endpoint, "GetQueueAttributes", request)["Attributes"]["QueueArn"]


def wait_for(endpoint: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECS
    while True:
        try:
            call(endpoint, "ListQueues", {})
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def main(endpoint: str, lanes: list[str]) -> None:
    wait_for(endpoint)
    for lane in lanes:
        dead_letters = create(
            endpoint, f"tandem-local-{lane}-dead", {"MessageRetentionPeriod": str(DEAD_RETENTION_SECS)}
        )
        redrive = {"deadLetterTargetArn": arn(endpoint, dead_letters), "maxReceiveCount": str(MAX_RECEIVES)}
        attributes = {
            "MessageRetentionPeriod": str(RETENTION_SECS),
            "VisibilityTimeout": str(VISIBILITY_SECS),
            "RedrivePolicy": json.dumps(redrive),
        }
        print(create(endpoint, f"tandem-local-{lane}", attributes))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
