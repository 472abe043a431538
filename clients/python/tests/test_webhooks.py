"""Verifying what a worker sends."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

import pytest
from standardwebhooks.webhooks import Webhook

from tandem import ConfigurationError, Tandem
from tandem.models import CreatedEndpoint
from tandem.webhooks import VerificationFailed, Verifier

from .conftest import Fresh
from .servers import Gateway, Request, json_of, says

SECRET = "whsec_" + base64.b64encode(b"a secret that only tests use, ok").decode()
OTHER = "whsec_" + base64.b64encode(b"another one that only tests use.").decode()
SHORT = "whsec_" + base64.b64encode(b"x" * 23).decode()
ZEROS = "whsec_" + base64.b64encode(bytes(32)).decode()
RECEIVED = says(200, b'{"thanks": true}', content_type="application/json")


def signed(body: str, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(timezone.utc)
    return {
        "Webhook-Id": "j1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("j1", at, body),
        "Tandem-Attempt": "3",
    }


def sent_to_endpoint(tandem: Tandem, endpoint: str, gateway: Gateway) -> Request:
    """Gives what a worker sends for a job that names the endpoint."""
    job = tandem.jobs.submit_and_wait(
        kind="http.request", payload={"endpoint": endpoint, "body": {"hello": "wörld"}}, max_attempts=1
    )
    assert (job.state, job.error) == ("succeeded", None)
    assert gateway.requests[-1].headers["webhook-id"] == str(job.id)
    return gateway.requests[-1]


def accepts(verifier: Verifier, request: Request) -> bool:
    try:
        verifier.verify(request.body, request.headers)
    except VerificationFailed:
        return False
    return True


def test_what_a_job_sends_to_a_url_is_signed_with_the_tenants_secret(fresh: Fresh) -> None:
    gateway = Gateway(RECEIVED)
    with gateway.serving() as url:
        job = fresh.client.jobs.submit_and_wait(kind="http.request", payload={"url": url, "body": [1, "ü"]})
    assert job.state == "succeeded"
    [request] = gateway.requests
    delivery = Verifier(fresh.webhook_secret).verify(request.body, request.headers)
    assert (delivery.id, delivery.attempt, delivery.body) == (str(job.id), 1, request.body)
    assert abs(delivery.sent_at - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert json_of(request) == [1, "ü"]
    tampered = Request(request.method, request.path, request.headers, request.body + b" ")
    assert not accepts(Verifier(fresh.webhook_secret), tampered)
    assert not accepts(Verifier(SECRET), request)


def test_a_receiver_keeps_up_with_a_rotation(tandem: Tandem, name: str) -> None:
    gateway = Gateway(RECEIVED)
    with gateway.serving() as url:
        made = tandem.endpoints.put(name, url=url)
        assert isinstance(made, CreatedEndpoint)
        old = made.secret.secret
        assert accepts(Verifier(old), sent_to_endpoint(tandem, name, gateway))
        new = tandem.endpoints.rotate_secret(name, overlap_secs=3_600).secret.secret
        during = sent_to_endpoint(tandem, name, gateway)
        assert [accepts(Verifier(known), during) for known in (old, new, [old, new])] == [True, True, True]
        newest = tandem.endpoints.rotate_secret(name, overlap_secs=0).secret.secret
        after = sent_to_endpoint(tandem, name, gateway)
        assert [accepts(Verifier(known), after) for known in (old, new, [old, newest])] == [False, False, True]
    tandem.endpoints.delete(name)


def test_headers_are_known_in_any_spelling_and_bodies_as_text() -> None:
    delivery = Verifier([OTHER, SECRET]).verify("not JSON: ü", signed("not JSON: ü"))
    assert (delivery.id, delivery.attempt) == ("j1", 3)
    # It is not signed, so anybody may have changed it.
    for attempt in ("", "three", "9" * 5_000):
        assert Verifier(SECRET).verify("{}", {**signed("{}"), "Tandem-Attempt": attempt}).attempt is None


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "j2"},
        {"Webhook-Timestamp": "0"},
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Timestamp": "inf"},
        {"Webhook-Timestamp": "nan"},
        {"Webhook-Timestamp": "9" * 5_000},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1"},
        {"Webhook-Signature": "v1,a,b"},
        {"Webhook-Signature": "v1,!"},
        {"Webhook-Signature": "v2,c2lnbmF0dXJl"},
    ],
)
def test_what_is_not_as_it_was_signed_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(VerificationFailed):
        Verifier(SECRET).verify(b"{}", {**signed("{}"), **change})


def test_what_is_not_signed_or_no_text_is_refused() -> None:
    with pytest.raises(VerificationFailed):
        Verifier(SECRET).verify(b"{}", {})
    with pytest.raises(VerificationFailed):
        Verifier(SECRET).verify(b"\xff", signed("{}"))
    old = datetime.now(timezone.utc) - timedelta(minutes=6)
    with pytest.raises(VerificationFailed):
        Verifier(SECRET).verify(b"{}", signed("{}", at=old))


@pytest.mark.parametrize(
    "secrets", [[], "", "whsec_", "whsec_é", SHORT, ZEROS, SECRET.removeprefix("whsec_"), [SECRET, "x"]]
)
def test_what_is_no_secret_is_refused_at_once(secrets: str | list[str]) -> None:
    with pytest.raises(ConfigurationError):
        Verifier(secrets)
