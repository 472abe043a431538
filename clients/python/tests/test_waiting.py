"""Waiting in rounds, without anything that waits."""

from __future__ import annotations

import pytest

from tandem import WaitTimeout
from tandem._waiting import LONGEST_ROUND_SECS, Seen, Waiting
from tandem.models import Job

from .test_answers import JOB

ALIVE = Job.model_validate(JOB)
ENDED = Job.model_validate({**JOB, "state": "a later one", "finished_at": "2026-01-02T00:00:00Z"})


class Clock:
    def __init__(self) -> None:
        self.secs = 1_000.0

    def __call__(self) -> float:
        return self.secs


def test_rounds_are_as_long_as_the_api_takes_and_the_last_one_as_is_left() -> None:
    clock = Clock()
    waiting = Waiting.until(60.5, clock)
    asked = []
    for _ in range(3):
        call = waiting.call("j1")
        asked.append((call.headers.get("Prefer"), call.patience_secs))
        clock.secs += call.patience_secs
    assert asked == [("wait=50", 50.0), ("wait=11", 11.0), (None, 0.0)]
    assert LONGEST_ROUND_SECS < 60


def test_who_found_no_place_to_wait_comes_back_later() -> None:
    clock = Clock()
    waiting = Waiting.until(10, clock)
    assert waiting.pause_secs(Seen(ALIVE, waited=True)) == 0.0
    assert waiting.pause_secs(Seen(ALIVE, waited=False)) == 1.0
    clock.secs += 9.75
    assert waiting.pause_secs(Seen(ALIVE, waited=False)) == 0.25


def test_a_job_has_ended_also_in_a_state_of_a_later_api_and_after_the_time() -> None:
    clock = Clock()
    waiting = Waiting.until(1, clock)
    clock.secs += 2
    assert waiting.pause_secs(Seen(ENDED, waited=True)) is None
    with pytest.raises(WaitTimeout):
        waiting.pause_secs(Seen(ALIVE, waited=True))
