"""The decisions about retries, without anything that waits."""

from __future__ import annotations

from datetime import datetime, timezone

import httpx
import pytest

from tandem import ConnectionFailed, RetryPolicy
from tandem._call import Call, nothing
from tandem._exchange import Exchange, retry_after_secs
from tandem.retry import Doubt, Setback

POLICY = RetryPolicy(max_tries=4, initial_secs=0.1, max_secs=10.0)
BROKEN = Setback(Doubt.MAY_BE_DONE)


def refused(status: int, code: str = "", retry_after: float | None = None) -> Setback:
    return Setback.of_answer(status, code, retry_after)


def test_waits_double_up_to_their_end() -> None:
    waits = [POLICY.wait_secs(tries, BROKEN, harmless=True, jitter=1.0) for tries in (1, 2, 3, 4)]
    assert waits == [0.1, 0.2, 0.4, None]
    patient = RetryPolicy(max_tries=10_000, max_secs=10.0)
    assert patient.wait_secs(9_000, BROKEN, harmless=True, jitter=1.0) == 10.0


def test_jitter_is_full() -> None:
    waits = [POLICY.wait_secs(3, BROKEN, harmless=True, jitter=jitter) for jitter in (0.0, 0.5, 1.0)]
    assert waits == [0.0, 0.2, 0.4]


def test_what_the_api_asks_for_is_kept_unless_it_is_too_long() -> None:
    def wait(asked: float, jitter: float) -> float | None:
        return POLICY.wait_secs(1, refused(429, "rate_limited", asked), harmless=False, jitter=jitter)

    assert wait(2.0, 0.0) == 2.0
    assert wait(2.0, 1.0) == 2.1
    assert wait(11.0, 0.0) is None


@pytest.mark.parametrize(
    ("setback", "harmless", "once"),
    [
        (Setback(Doubt.NOT_DONE), True, True),
        (BROKEN, True, False),
        (refused(429), True, True),
        (refused(429, "quota_exceeded"), True, True),
        (refused(503), True, True),
        (refused(503, "overloaded"), True, True),
        (refused(503, "timed_out"), True, False),
        (refused(502), True, False),
        (refused(504), True, False),
        (refused(409, "idempotency_in_progress"), True, True),
        (refused(409, "already_finished"), False, False),
        (refused(500, "internal"), False, False),
        (refused(400), False, False),
    ],
)
def test_what_may_have_been_done_is_repeated_only_if_that_is_harmless(
    setback: Setback, harmless: bool, once: bool
) -> None:
    repeated = [POLICY.wait_secs(1, setback, harmless=it, jitter=0.5) is not None for it in (True, False)]
    assert repeated == [harmless, once]


@pytest.mark.parametrize(
    ("value", "secs"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, secs: float | None) -> None:
    assert retry_after_secs(value, datetime(2026, 1, 1, tzinfo=timezone.utc)) == secs


@pytest.mark.parametrize(
    ("error", "may_be_done"),
    [
        (httpx.ConnectError("no"), False),
        (httpx.ConnectTimeout("no"), False),
        (httpx.PoolTimeout("no"), False),
        (httpx.LocalProtocolError("no"), False),
        (httpx.DecodingError("no"), True),
        (httpx.ReadTimeout("no"), True),
        (httpx.WriteError("no"), True),
        (httpx.RemoteProtocolError("no"), True),
    ],
)
def test_a_broken_connection_says_whether_the_request_may_be_done(error: httpx.RequestError, may_be_done: bool) -> None:
    call = Call("POST", "/api/users", nothing)
    with pytest.raises(ConnectionFailed) as raised:
        Exchange(call, RetryPolicy(max_tries=1)).broke(error)
    assert raised.value.may_be_done is may_be_done
    assert raised.value.__cause__ is error


def test_what_can_not_be_sent_is_not_tried_again() -> None:
    with pytest.raises(ConnectionFailed):
        Exchange(Call("GET", "/api/jobs", nothing), POLICY).broke(httpx.UnsupportedProtocol("no"))
    assert Exchange(Call("GET", "/api/jobs", nothing), POLICY).broke(httpx.ReadError("no")).wait_secs <= 0.1
