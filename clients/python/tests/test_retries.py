"""Requests that are sent again, through servers that fail on purpose."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from tandem import (
    Conflict,
    ConnectionFailed,
    Forbidden,
    RateLimited,
    RetryPolicy,
    ServerError,
    ServiceUnavailable,
    Tandem,
    UnexpectedAnswer,
)

from .conftest import Connect
from .eventually import eventually
from .servers import Gateway, Request, breaks_off, breaks_off_after, forwards, refuses, says

HEALTHY = says(200, b'{"status": "ok", "checks": {}}')


def test_a_submit_that_is_sent_again_makes_one_job(connect: Connect, url: str, name: str) -> None:
    gateway = Gateway(
        refuses(503, "overloaded"),
        breaks_off,
        breaks_off_after(forwards(url)),
        says(502, b"bad gateway"),
        forwards(url),
    )
    with gateway.serving() as through:
        job = connect(through).jobs.submit(kind="test.echo", tags=[name])
    keys = {request.headers["idempotency-key"] for request in gateway.requests}
    bodies = {request.body for request in gateway.requests}
    assert (len(gateway.requests), len(keys), len(bodies)) == (5, 1, 1)
    assert [found.id for found in connect().jobs.list(tag=name)] == [job.id]


def test_a_batch_that_is_sent_again_makes_its_jobs_once(connect: Connect, url: str, name: str) -> None:
    gateway = Gateway(breaks_off_after(forwards(url)), forwards(url))
    with gateway.serving() as through:
        jobs = connect(through).jobs.submit_batch([{"kind": "test.echo", "tags": [name]}] * 4)
    assert {found.id for found in connect().jobs.list(tag=name)} == {job.id for job in jobs}
    assert len(jobs) == 4


def test_each_submit_has_a_key_of_its_own(connect: Connect, url: str) -> None:
    gateway = Gateway(forwards(url))
    with gateway.serving() as through:
        tandem = connect(through)
        for _ in range(3):
            tandem.jobs.submit(kind="test.echo")
    assert len({request.headers["idempotency-key"] for request in gateway.requests}) == 3


def test_what_may_have_been_done_is_not_done_again(connect: Connect, url: str, name: str) -> None:
    made = connect().keys.create(name=name, scopes=["jobs:read"])
    gateway = Gateway(breaks_off_after(forwards(url)), forwards(url))
    with gateway.serving() as through, pytest.raises(ConnectionFailed) as raised:
        connect(through).keys.rotate(made.key.id)
    assert raised.value.may_be_done
    assert len(gateway.requests) == 1
    assert [key.name for key in connect().keys.list(limit=100)].count(name) == 2


@pytest.mark.parametrize(
    ("ask", "tries"),
    [
        (lambda tandem: tandem.jobs.get("j1"), 2),
        (lambda tandem: tandem.schedules.preview_expression(cron="@daily"), 2),
        (lambda tandem: tandem.jobs.bulk(action="cancel", filter={"all": True}, dry_run=True), 2),
        (lambda tandem: tandem.queues.pause("default"), 2),
        (lambda tandem: tandem.keys.revoke("k1"), 2),
        (lambda tandem: tandem.tenants.update("t1", max_queued_jobs=9), 2),
        (lambda tandem: tandem.schedules.put("s1", cron="@daily", job={"kind": "test.echo"}), 2),
        (lambda tandem: tandem.schedules.put("s1", cron="@daily", job={"kind": "test.echo"}, if_version=1), 1),
        (lambda tandem: tandem.schedules.put("s1", cron="@daily", job={"kind": "test.echo"}, only_new=True), 1),
        (lambda tandem: tandem.schedules.delete("s1"), 2),
        (lambda tandem: tandem.endpoints.delete("e1", if_version=1), 1),
        (lambda tandem: tandem.schedules.fire("s1"), 2),
        (lambda tandem: tandem.tenants.create(name="t"), 2),
        (lambda tandem: tandem.endpoints.put("e1", url="https://example.com"), 1),
        (lambda tandem: tandem.jobs.cancel("j1"), 1),
        (lambda tandem: tandem.jobs.bulk(action="cancel", filter={"all": True}), 1),
    ],
)
def test_what_is_repeated_is_what_the_readme_says(
    connect: Connect, ask: Callable[[Tandem], object], tries: int
) -> None:
    gateway = Gateway(breaks_off)
    with gateway.serving() as through, pytest.raises(ConnectionFailed):
        ask(connect(through, retry=RetryPolicy(max_tries=2, initial_secs=0.01)))
    assert len(gateway.requests) == tries


def test_what_is_made_under_a_key_is_made_once(connect: Connect, url: str, name: str) -> None:
    gateway = Gateway(breaks_off_after(forwards(url)), forwards(url))
    with gateway.serving() as through:
        user = connect(through).users.create(name="Ann", email=f"{name}@example.com")
    assert connect().users.get(user.id) == user
    assert len(gateway.requests) == 2
    assert len({request.headers["idempotency-key"] for request in gateway.requests}) == 1


def test_a_key_that_nobody_was_told_is_named(connect: Connect, url: str, name: str) -> None:
    gateway = Gateway(breaks_off_after(forwards(url)), forwards(url))
    with gateway.serving() as through, pytest.raises(Conflict) as raised:
        connect(through).keys.create(name=name, scopes=["jobs:read"])
    [made] = [key for key in connect().keys.list(limit=100) if key.name == name]
    assert (raised.value.code, raised.value.resource) == ("secret_shown_once", f"/api/keys/{made.id}")
    assert f"see /api/keys/{made.id}" in str(raised.value)


def test_what_was_not_done_is_done_again(connect: Connect, url: str, name: str) -> None:
    gateway = Gateway(refuses(503, "unavailable"), refuses(429, "rate_limited"), forwards(url))
    with gateway.serving() as through:
        user = connect(through).users.create(name="Ann", email=f"{name}@example.com")
    assert connect().users.get(user.id) == user
    assert len(gateway.requests) == 3


def test_a_timeout_of_the_api_leaves_it_open_whether_something_was_done(connect: Connect) -> None:
    gateway = Gateway(refuses(503, "timed_out"))
    with gateway.serving() as through:
        tandem = connect(through, retry=RetryPolicy(max_tries=2, initial_secs=0.01))
        with pytest.raises(ServiceUnavailable):
            tandem.jobs.cancel("j1")
        assert len(gateway.requests) == 1
        with pytest.raises(ServiceUnavailable):
            tandem.jobs.get("j1")
        assert len(gateway.requests) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(connect: Connect, status: int) -> None:
    gateway = Gateway(refuses(status, "overloaded", retry_after="1"), HEALTHY)
    with gateway.serving() as through:
        begun = time.monotonic()
        connect(through).health()
        assert time.monotonic() - begun >= 1


def test_who_is_told_to_wait_too_long_gives_up(connect: Connect) -> None:
    gateway = Gateway(refuses(429, "quota_exceeded", retry_after="3600"), HEALTHY)
    with gateway.serving() as through, pytest.raises(RateLimited) as raised:
        connect(through).health()
    assert (raised.value.code, raised.value.retry_after) == ("quota_exceeded", 3600)
    assert len(gateway.requests) == 1


def test_tries_have_an_end(connect: Connect) -> None:
    gateway = Gateway(refuses(503, "overloaded"))
    with gateway.serving() as through:
        tandem = connect(through, retry=RetryPolicy(max_tries=3, initial_secs=0.01))
        with pytest.raises(ServiceUnavailable):
            tandem.health()
        assert len(gateway.requests) == 3
        with pytest.raises(ServiceUnavailable):
            tandem.with_options(retry=RetryPolicy(max_tries=1)).health()
        assert len(gateway.requests) == 4


def test_what_will_not_change_is_not_asked_again(connect: Connect) -> None:
    gateway = Gateway(refuses(500, "internal"), refuses(403, "missing_scope"), says(302, location="/elsewhere"))
    with gateway.serving() as through:
        tandem = connect(through)
        with pytest.raises(ServerError):
            tandem.health()
        with pytest.raises(Forbidden):
            tandem.health()
        with pytest.raises(UnexpectedAnswer, match="302"):
            tandem.health()
    assert len(gateway.requests) == 3


def test_nobody_there_is_tried_again_also_for_what_is_done_once(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tandem")
    with Gateway(HEALTHY).serving() as gone:
        pass
    tandem = connect(gone, retry=RetryPolicy(max_tries=3, initial_secs=0.01))
    with pytest.raises(ConnectionFailed) as raised:
        tandem.jobs.cancel("j1")
    assert not raised.value.may_be_done
    assert len([record for record in caplog.records if record.name == "tandem"]) == 2


def test_a_silent_api_is_not_waited_for_for_ever(connect: Connect) -> None:
    over = threading.Event()

    def says_nothing(_request: Request) -> None:
        over.wait()

    gateway = Gateway(says_nothing)
    with gateway.serving() as through:
        tandem = connect(through, timeout=0.5, retry=RetryPolicy(max_tries=2, initial_secs=0.01))
        with pytest.raises(ConnectionFailed) as raised:
            tandem.health()
        # What was sent is read late on a busy machine.
        eventually(lambda: len(gateway.requests) == 2)
        over.set()
    assert raised.value.may_be_done
    assert len(gateway.requests) == 2
