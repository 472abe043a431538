"""Jobs, from submit to end."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest

from tandem import BadRequest, ConfigurationError, Conflict, NotFound, Tandem, ValidationFailed, WaitTimeout
from tandem.models import JobState

from .conftest import Connect
from .eventually import eventually
from .servers import Gateway, forwards


def test_a_job_is_submitted_runs_and_has_a_result(tandem: Tandem) -> None:
    payload = {"order": 17, "name": "Ünïcode \u2028", "deep": [{"a": None}, 1.5, 2**60]}
    submitted = tandem.jobs.submit(kind="test.echo", payload=payload, tags=["python"], metadata={"from": "tests"})
    assert (submitted.kind, submitted.queue, submitted.existed) == ("test.echo", "default", False)
    job = tandem.jobs.wait(submitted.id)
    assert job.state is JobState.SUCCEEDED
    assert job.payload == job.result == payload
    assert (job.tags, job.metadata) == (["python"], {"from": "tests"})
    assert job.created_at.utcoffset() == timedelta(0)
    assert tandem.jobs.get(str(job.id)) == job
    assert [attempt.attempt for attempt in tandem.jobs.attempts(job.id)] == [1]
    assert tandem.jobs.events(job.id)[-1].event == "succeeded"
    assert tandem.jobs.explain(job.id).reason == "ended"


def test_submit_and_wait_gives_the_job_at_its_end(tandem: Tandem) -> None:
    job = tandem.jobs.submit_and_wait(kind="test.echo", payload="hello")
    assert (job.state, job.result) == ("succeeded", "hello")
    failed = tandem.jobs.submit_and_wait(kind="test.fail", payload={"message": "no"}, max_attempts=1)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.message == "no"


def test_a_job_that_does_not_end_in_time_is_told_as_it_is(tandem: Tandem) -> None:
    later = datetime.now(timezone.utc) + timedelta(days=1)
    with pytest.raises(WaitTimeout, match="has not ended") as raised:
        tandem.jobs.submit_and_wait(kind="test.echo", run_at=later, wait_secs=1)
    job = raised.value.job
    assert (job.state, job.run_at) == ("scheduled", later)
    with pytest.raises(TimeoutError):
        tandem.jobs.wait(job.id, timeout=0)
    assert tandem.jobs.cancel(job.id).state is JobState.CANCELLED
    assert tandem.jobs.wait(job.id).state is JobState.CANCELLED


def test_who_waits_asks_once(connect: Connect, url: str) -> None:
    gateway = Gateway(forwards(url))
    with gateway.serving() as through:
        tandem = connect(through)
        job = tandem.jobs.submit(kind="test.sleep", payload={"ms": 1_500})
        assert tandem.jobs.wait(job.id, timeout=40).state is JobState.SUCCEEDED
        assert tandem.jobs.submit_and_wait(kind="test.sleep", payload={"ms": 500}).state is JobState.SUCCEEDED
    asked = [(request.method, request.headers.get("prefer")) for request in gateway.requests]
    assert asked == [("POST", None), ("GET", "wait=40"), ("POST", "wait=50")]


def test_a_batch_is_accepted_in_its_order_or_not_at_all(tandem: Tandem) -> None:
    jobs = tandem.jobs.submit_batch([{"kind": "test.echo", "payload": number} for number in range(20)])
    assert [tandem.jobs.wait(job.id).result for job in jobs[:3]] == [0, 1, 2]
    with pytest.raises(ValidationFailed) as raised:
        tandem.jobs.submit_batch([{"kind": "test.echo"}, {"kind": "Not a kind"}])
    assert [error.pointer for error in raised.value.errors] == ["/jobs/1/kind"]


def test_an_idempotency_key_of_ones_own_makes_one_job(tandem: Tandem, name: str) -> None:
    ids = {tandem.jobs.submit(kind="test.echo", payload=1, idempotency_key=name).id for _ in range(3)}
    assert len(ids) == 1
    with pytest.raises(ValidationFailed) as raised:
        tandem.jobs.submit(kind="test.echo", payload=2, idempotency_key=name)
    assert raised.value.code == "idempotency_key_reused"
    with pytest.raises(BadRequest) as empty:
        tandem.jobs.submit(kind="test.echo", idempotency_key="")
    assert [error.header for error in empty.value.errors] == ["Idempotency-Key"]
    for no_header in ("a\nb", "schlüssel"):
        with pytest.raises(ConfigurationError):
            tandem.jobs.submit(kind="test.echo", idempotency_key=no_header)
    others = {tandem.jobs.submit(kind="test.echo", payload=1).id for _ in range(2)}
    assert len(others | ids) == 3


def test_a_unique_job_is_answered_by_the_one_that_is_there(tandem: Tandem, name: str) -> None:
    first = tandem.jobs.submit(kind="test.sleep", payload={"ms": 0}, delay_ms=3_600_000, unique={"key": name})
    second = tandem.jobs.submit(kind="test.sleep", payload={"ms": 1}, unique={"key": name, "while": "live"})
    assert (second.id, second.existed) == (first.id, True)
    with pytest.raises(Conflict) as raised:
        tandem.jobs.submit(kind="test.sleep", payload={"ms": 2}, unique={"key": name, "on_conflict": "reject"})
    assert (raised.value.code, raised.value.job_id) == ("unique_conflict", first.id)
    tandem.jobs.cancel(first.id)


def test_lists_go_on_page_after_page(tandem: Tandem, name: str) -> None:
    # Late enough to stay as they are.
    submitted = tandem.jobs.submit_batch([{"kind": "test.echo", "tags": [name], "delay_ms": 3_600_000}] * 7)
    listed = list(tandem.jobs.list(tag=name, limit=3))
    assert {job.id for job in listed} == {job.id for job in submitted}
    pages = list(tandem.jobs.list(tag=name, limit=3).pages())
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert [page.next_cursor is None for page in pages] == [False, False, True]
    rest = list(tandem.jobs.list(tag=name, limit=3, cursor=pages[0].next_cursor or ""))
    assert rest == listed[3:]
    assert tandem.jobs.list(tag=name, limit=2).first_page().items == listed[:2]
    assert list(tandem.jobs.list(tag=name, created_before=listed[0].created_at - timedelta(hours=1))) == []


def test_a_job_is_retried_after_its_end(tandem: Tandem) -> None:
    job = tandem.jobs.submit_and_wait(kind="test.fail", payload={"message": "once", "abort": True})
    assert tandem.jobs.retry(job.id).state in {JobState.QUEUED, JobState.RUNNING}
    assert tandem.jobs.wait(job.id).attempt == 2
    with pytest.raises(Conflict) as raised:
        tandem.jobs.cancel(job.id)
    assert raised.value.code == "already_finished"


def test_jobs_are_changed_in_bulk_by_filter(tandem: Tandem, name: str) -> None:
    tandem.jobs.submit_batch([{"kind": "test.echo", "tags": [name], "delay_ms": 3_600_000}] * 3)
    counted = tandem.jobs.bulk(action="cancel", filter={"tag": name}, dry_run=True)
    assert (counted.matched, counted.changed, counted.dry_run) == (3, 0, True)
    assert tandem.jobs.bulk(action="cancel", filter={"tag": name}).changed == 3
    assert {job.state for job in tandem.jobs.list(tag=name)} == {JobState.CANCELLED}


def test_what_is_not_there_is_not_found(tandem: Tandem) -> None:
    with pytest.raises(NotFound) as raised:
        tandem.jobs.get(uuid.uuid4())
    assert raised.value.code == "job_not_found"
    with pytest.raises(BadRequest) as malformed:
        tandem.jobs.get("no/id?")
    assert [error.parameter for error in malformed.value.errors] == ["id"]
    for nothing in ("", ".", ".."):
        with pytest.raises(ConfigurationError, match="names nothing"):
            tandem.jobs.get(nothing)
    with pytest.raises(ConfigurationError, match="can't be written as JSON"):
        tandem.jobs.submit(kind="test.echo", payload=object())


def test_the_kinds_of_workers_are_known_with_their_schemas(tandem: Tandem) -> None:
    kinds = eventually(lambda: {kind.name: kind for kind in tandem.kinds()})
    assert kinds["test.sleep"].live
    assert (kinds["test.sleep"].schema_ or {})["type"] == "object"

    def refusal() -> ValidationFailed | None:
        try:
            tandem.jobs.submit(kind="test.sleep", payload={"ms": "long"})
        except ValidationFailed as error:
            return error
        return None

    # A schema counts from a few seconds after its worker has come.
    assert [error.pointer for error in eventually(refusal).errors] == ["/payload/ms"]
