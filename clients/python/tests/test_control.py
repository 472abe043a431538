"""Queues, schedules, dead letters and endpoints, as an operator uses them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tandem import Conflict, NotFound, PreconditionFailed, Tandem, ValidationFailed
from tandem.models import CreatedEndpoint, MissedPolicy

from .conftest import Fresh
from .eventually import eventually


def test_a_queue_is_paused_and_resumed(fresh: Fresh) -> None:
    tandem = fresh.client
    assert not tandem.queues.get("default").paused
    paused = tandem.queues.pause("default", reason="the target is being replaced")
    assert paused.paused
    assert [(pause.by, pause.reason) for pause in paused.pauses] == [("tenant", "the target is being replaced")]
    job = tandem.jobs.submit(kind="test.echo")
    explained = eventually(lambda: tandem.jobs.explain(job.id))
    assert explained.reason == "queue_paused"
    assert not tandem.queues.resume("default").paused
    assert tandem.jobs.wait(job.id).state == "succeeded"
    assert "default" in {queue.name for queue in tandem.queues.list()}
    with pytest.raises(NotFound):
        tandem.queues.get("nowhere")


def test_a_schedule_lives(tandem: Tandem, name: str) -> None:
    expected = tandem.schedules.preview_expression(
        cron="30 2 * * *", time_zone="Europe/Berlin", after=datetime(2026, 3, 28, 12, tzinfo=timezone.utc), count=2
    )
    assert [fire.at.isoformat() for fire in expected.fires] == [
        "2026-03-29T01:00:00+00:00",
        "2026-03-30T00:30:00+00:00",
    ]
    made = tandem.schedules.put(
        name, cron="0 0 1 1 *", job={"kind": "test.echo", "payload": [1]}, missed="skip", only_new=True
    )
    assert (made.version, made.missed, made.job.payload) == (1, MissedPolicy.SKIP, [1])
    with pytest.raises(PreconditionFailed):
        tandem.schedules.put(name, cron="0 0 1 1 *", job={"kind": "test.echo"}, only_new=True)
    changed = tandem.schedules.put(name, cron="0 1 1 1 *", job={"kind": "test.echo", "payload": 2}, if_version=1)
    assert tandem.schedules.get(name) == changed
    assert name in {schedule.name for schedule in tandem.schedules.list()}
    assert len(tandem.schedules.preview(name, count=3).fires) == 3
    assert tandem.schedules.pause(name).paused_at is not None
    assert tandem.schedules.resume(name).paused_at is None
    fired = tandem.schedules.fire(name, idempotency_key=f"fire-{name}")
    assert tandem.schedules.fire(name, idempotency_key=f"fire-{name}") == fired
    job = tandem.jobs.wait(fired.id)
    assert (job.result, job.schedule) == (2, name)
    with pytest.raises(PreconditionFailed):
        tandem.schedules.delete(name, if_version=1)
    tandem.schedules.delete(name, if_version=tandem.schedules.get(name).version)
    with pytest.raises(NotFound):
        tandem.schedules.get(name)
    with pytest.raises(ValidationFailed) as raised:
        tandem.schedules.put(name, cron="61 * * * *", job={"kind": "test.echo"})
    assert [error.pointer for error in raised.value.errors] == ["/cron"]


def test_dead_letters_are_grouped_retried_and_discarded(tandem: Tandem, name: str) -> None:
    payload = {"message": f"it never works: {name}", "abort": True}
    jobs = tandem.jobs.submit_batch([{"kind": "test.fail", "payload": payload, "tags": [name]} for _ in range(3)])
    for job in jobs:
        tandem.jobs.wait(job.id)
    letters = list(tandem.dead_letters.list(tag=name, limit=2))
    assert {letter.job_id for letter in letters} == {job.id for job in jobs}
    [group] = tandem.dead_letters.groups(tag=name)
    assert (group.count, group.error_code) == (3, "handler_error")
    counted = tandem.dead_letters.retry(filter={"fingerprint": group.fingerprint, "tag": name}, dry_run=True)
    assert (counted.matched, counted.retried) == (3, 0)
    retried = tandem.dead_letters.retry(filter={"job_ids": [jobs[0].id]}, rate_per_second=100)
    assert retried.retried == 1
    assert tandem.jobs.wait(jobs[0].id).attempt == 2
    assert tandem.dead_letters.discard(filter={"tag": name}).discarded == 3
    assert list(tandem.dead_letters.list(tag=name)) == []


def test_an_endpoint_lives(tandem: Tandem, name: str) -> None:
    made = tandem.endpoints.put(
        name, url="https://example.com/hook", headers={"Authorization": "Bearer abc"}, only_new=True
    )
    assert isinstance(made, CreatedEndpoint)
    assert made.secret.secret.startswith("whsec_")
    assert made.header_names == ["authorization"]
    changed = tandem.endpoints.put(name, url="https://example.com/other", disabled=True, if_version=made.version)
    assert not isinstance(changed, CreatedEndpoint)
    assert tandem.endpoints.get(name) == changed
    assert changed.disabled
    assert name in {endpoint.name for endpoint in tandem.endpoints.list(limit=100)}
    rotated = tandem.endpoints.rotate_secret(name, overlap_secs=3_600)
    secrets = tandem.endpoints.secrets(name)
    assert secrets == rotated.secrets
    assert {secret.id for secret in secrets} == {made.secret.id, rotated.secret.id}
    with pytest.raises(Conflict):
        [tandem.endpoints.rotate_secret(name, overlap_secs=3_600) for _ in range(10)]
    tandem.endpoints.delete(name)
    with pytest.raises(NotFound):
        tandem.endpoints.get(name)
