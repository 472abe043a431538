"""Watching jobs, by streams that break."""

from __future__ import annotations

import logging

import pytest

from tandem import NotFound, RetryPolicy, Tandem, UnexpectedAnswer

from .conftest import Connect
from .eventually import eventually
from .servers import Cable, Gateway, says


def stream(*messages: str) -> bytes:
    return "".join(f"{message}\n\n" for message in messages).encode()


def event(number: int, name: str) -> str:
    data = f'{{"number": {number}, "at": "2026-01-01T00:00:00Z", "event": "{name}"}}'
    return f"id: {number}\nevent: {name}\ndata: {data}"


def test_a_job_is_watched_to_its_end(tandem: Tandem) -> None:
    job = tandem.jobs.submit(kind="test.echo", delay_ms=300)
    events = list(tandem.jobs.watch(job.id))
    assert [it.number for it in events] == list(range(1, len(events) + 1))
    assert (events[0].event, events[-1].event) == ("submitted", "succeeded")
    assert events == tandem.jobs.events(job.id)
    assert list(tandem.jobs.watch(job.id, after=events[0].number)) == events[1:]
    assert list(tandem.jobs.watch(job.id, after=events[-1].number)) == []


def test_a_stream_that_is_cut_goes_on_where_it_was(
    connect: Connect, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tandem")
    direct = connect()
    cable = Cable(url)
    with cable.connected() as through:
        job = direct.jobs.submit(kind="test.sleep", payload={"ms": 600_000})
        watched = connect(through).jobs.watch(job.id)
        seen = [next(watched), next(watched)]
        assert [it.event for it in seen] == ["submitted", "started"]
        cable.cut()
        direct.jobs.cancel(job.id)
        seen.extend(watched)
    assert [it.number for it in seen] == list(range(1, len(seen) + 1))
    assert seen == direct.jobs.events(job.id)
    assert seen[-1].event == "cancelled"
    streams = [bytes(sent).lower() for sent in cable.sent if b"/events" in sent]
    assert len(streams) > 1
    assert b"last-event-id" not in streams[0]
    assert b"last-event-id: 2\r\n" in streams[-1]
    assert "broke off after number 2" in caplog.text


def test_who_stops_watching_leaves_no_connection(connect: Connect, url: str) -> None:
    cable = Cable(url)
    with cable.connected() as through:
        job = connect().jobs.submit(kind="test.echo", delay_ms=3_600_000)
        watched = connect(through).jobs.watch(job.id)
        assert next(watched).event == "submitted"
        watched.close()
        eventually(lambda: cable.open == 0)
    connect().jobs.cancel(job.id)


def test_a_stream_that_drains_is_asked_for_again_and_tells_nothing_twice(connect: Connect) -> None:
    head = {"content_type": "text/event-stream"}
    gateway = Gateway(
        says(200, stream(event(1, "submitted"), ": draining\nretry: 10"), **head),
        says(200, stream(": alive"), **head),
        says(200, stream(event(1, "submitted"), event(2, "started"), ": alive", event(3, "of a later api")), **head),
        says(503, b"", retry_after="0"),
        says(200, stream(event(4, "succeeded"), 'event: end\ndata: {"state": "succeeded"}'), **head),
    )
    with gateway.serving() as through:
        tandem = connect(through, retry=RetryPolicy(initial_secs=0.01))
        assert [it.number for it in tandem.jobs.watch("j1")] == [1, 2, 3, 4]
    asked = [request.headers.get("last-event-id") for request in gateway.requests]
    assert asked == [None, "1", "1", "3", "3"]


def test_a_stream_that_can_not_be_had_is_an_error(connect: Connect) -> None:
    with pytest.raises(NotFound):
        list(connect().jobs.watch("00000000-0000-7000-8000-000000000000"))
    page, nonsense = says(200, b"<html>", content_type="text/html"), stream("data: nonsense")
    gateway = Gateway(page, says(200, nonsense, content_type="text/event-stream"))
    with gateway.serving() as through:
        with pytest.raises(UnexpectedAnswer, match="text/html"):
            list(connect(through).jobs.watch("j1"))
        with pytest.raises(UnexpectedAnswer, match="nonsense"):
            list(connect(through).jobs.watch("j1"))
