"""Answers of another version, errors, and what nobody expects."""

from __future__ import annotations

import json

import pytest

from tandem import ApiError, ConfigurationError, NotFound, RetryPolicy, ServerError, Tandem, UnexpectedAnswer
from tandem._call import Call, nothing
from tandem.errors import FieldError, Problem
from tandem.models import Job, JobState

from .conftest import Connect
from .servers import Gateway, says

JOB = {
    "id": "00000000-0000-7000-8000-000000000000",
    "kind": "test.echo",
    "queue": "default",
    "state": "queued",
    "tags": [],
    "attempt": 0,
    "attempts_spent": 0,
    "max_attempts": 5,
    "created_at": "2026-01-01T00:00:00.123456Z",
    "run_at": "2026-01-01T00:00:00Z",
    "backoff": {"initial_ms": 1, "factor": 2.0, "max_ms": 3},
    "metadata": {},
    "payload": None,
    "sensitive": [],
    "timeout_ms": 1,
}


def test_fields_and_names_of_a_later_api_break_nothing(connect: Connect) -> None:
    later = {**JOB, "state": "blocked", "blocked_by": ["j1"], "backoff": {**JOB["backoff"], "shape": "flat"}}  # type: ignore[dict-item]
    with Gateway(says(200, json.dumps(later).encode())).serving() as through:
        job = connect(through).jobs.get("j1")
    assert job.state == "blocked"
    assert job.state not in set(JobState)
    assert (f"{job.state}", hash(job.state)) == ("blocked", hash("blocked"))
    assert job.model_extra == {"blocked_by": ["j1"]}
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert json.loads(job.model_dump_json())["state"] == "blocked"


def test_known_names_are_members_and_texts() -> None:
    job = Job.model_validate(JOB)
    assert job.state == "queued"
    assert job.state is JobState.QUEUED
    assert f"{job.state}" == str(job.state) == "queued"
    assert {JobState.QUEUED: 1}["queued"] == 1  # type: ignore[index]
    assert job.created_at.microsecond == 123456


def test_what_is_no_answer_of_the_api_says_so(connect: Connect) -> None:
    gateway = Gateway(
        says(200, b"<html>"), says(200, b"{}"), says(404, b"no such page"), says(418, b"{}"), says(502, b"<html>" * 999)
    )
    with gateway.serving() as through:
        tandem = connect(through, retry=RetryPolicy(max_tries=1))
        for status, shown in [(200, "<html>"), (200, "{}"), (404, "no such page"), (418, "{}"), (502, "<html>")]:
            with pytest.raises(UnexpectedAnswer, match=shown) as raised:
                tandem.jobs.get("j1")
            assert raised.value.status == status
            assert len(str(raised.value)) < 300


@pytest.mark.parametrize(("status", "kind"), [(418, ApiError), (507, ServerError), (404, NotFound)])
def test_errors_that_this_version_does_not_know_are_of_their_hundreds(status: int, kind: type[ApiError]) -> None:
    field = {"pointer": "/a", "code": "c", "message": "m", "more": 1}
    problem = {
        "status": status,
        "code": "new",
        "title": "T",
        "detail": "d",
        "request_id": "r",
        "errors": [field],
        "x": 1,
    }
    read = Problem.read(json.dumps(problem).encode())
    assert read is not None
    error = ApiError.of(read, retry_after=2.0)
    assert type(error) is kind
    assert (error.code, error.title, error.detail, error.request_id) == ("new", "T", "d", "r")
    assert error.errors == (FieldError.model_validate(field),)
    assert error.retry_after == 2.0
    assert str(error) == f"T\n  /a m ({status} new, request r)", "the places say all that the detail does"
    placeless = Problem.read(json.dumps(problem | {"errors": []}).encode())
    assert placeless is not None
    assert str(ApiError.of(placeless, retry_after=None)) == f"T: d ({status} new, request r)"
    job_id = "01a21a36-a03e-75f3-910e-21e295051f0b"
    in_the_way = Problem.read(json.dumps(problem | {"job_id": job_id, "resource": "/api/keys/k"}).encode())
    assert in_the_way is not None
    text = f"T\n  /a m\n  see /api/jobs/{job_id}\n  see /api/keys/k ({status} new, request r)"
    assert str(ApiError.of(in_the_way)) == text


def test_what_stands_in_a_path_stays_there() -> None:
    call = Call("GET", "/api/queues/{name}", nothing, at={"name": "../a b/c?d#e%"})
    assert call.path == "/api/queues/..%2Fa%20b%2Fc%3Fd%23e%25"


def test_queries_say_what_is_meant() -> None:
    query = {"state": JobState.FAILED, "limit": 3, "tag": "a&b", "all": True, "cursor": None}
    call = Call("GET", "/api/jobs", nothing, query=query)
    assert call.parameters == [("state", "failed"), ("limit", "3"), ("tag", "a&b"), ("all", "true")]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("api.example.com", "key"),
        ("ftp://api.example.com", "key"),
        ("http://", "key"),
        ("http://a\x00b", "key"),
        ("http://api.example.com?x=1", "key"),
        ("http://api.example.com", ""),
        ("http://api.example.com", "ke\ny"),
        ("http://api.example.com", "schlüssel"),
    ],
)
def test_a_client_that_can_not_work_is_refused_at_once(url: str, key: str) -> None:
    with pytest.raises(ConfigurationError):
        Tandem(url, key)


def test_a_client_is_set_up_by_the_environment_and_never_shows_its_key() -> None:
    with Tandem.from_env({"TANDEM_URL": "http://api/", "TANDEM_API_KEY": "secret"}, timeout=1.0) as tandem:
        assert repr(tandem) == "Tandem('http://api')"
        assert "secret" not in repr(tandem._transport.settings)
    with pytest.raises(ConfigurationError, match="TANDEM_URL and TANDEM_API_KEY"):
        Tandem.from_env({})


def test_an_api_below_a_path_is_asked_there_with_the_headers_of_the_client(connect: Connect) -> None:
    gateway = Gateway(says(200, b'{"queues": []}'))
    with gateway.serving() as through:
        connect(f"{through}/below/", "key", user_agent="tests/1").queues.list()
    [request] = gateway.requests
    assert request.path == "/below/api/queues"
    assert (request.headers["x-api-key"], request.headers["user-agent"]) == ("key", "tests/1")
