"""The examples, as they stand in the README, run by an interpreter of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem import Tandem

from .conftest import Fresh

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LIMIT_SECS = 60


def environment(**more: str) -> dict[str, str]:
    of_api = {"TANDEM_URL": os.environ["TANDEM_TEST_URL"], "TANDEM_API_KEY": os.environ["TANDEM_TEST_API_KEY"]}
    return {**of_api, "PATH": os.environ["PATH"], **more}


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(  # noqa: S603
        command, env=environment(), capture_output=True, text=True, timeout=LIMIT_SECS, check=False
    )


@contextmanager
def receiving(secrets: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(EXAMPLES / "receive_webhook.py")]
    environ = environment(WEBHOOK_SECRETS=secrets)
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as receiver:  # noqa: S603
        try:
            yield receiver
        finally:
            receiver.kill()


def test_every_example_is_tested() -> None:
    tests = Path(__file__).read_text()
    assert [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in tests] == []


def test_submit_and_wait() -> None:
    ran = run("submit_and_wait.py", "test.echo", '{"hello": "world"}')
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, '{"hello": "world"}\n', "")
    failed = run("submit_and_wait.py", "test.fail", '{"message": "no", "abort": true}')
    assert (failed.returncode, failed.stderr) == (1, "it has failed: no\n")
    invalid = run("submit_and_wait.py", "Not a kind", "1")
    assert invalid.returncode == 1
    assert "/kind: " in invalid.stderr


def test_async_watch() -> None:
    ran = run("async_watch.py", "3")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[-1] == "3 of 3 succeeded"
    assert len([line for line in lines if line.endswith(" 1 submitted")]) == 3


def test_receive_webhook(fresh: Fresh, tandem: Tandem) -> None:
    with receiving(fresh.webhook_secret) as receiver:
        assert receiver.stdout is not None
        url = receiver.stdout.readline().strip()
        payload = {"url": url, "body": {"hello": "world"}}
        job = fresh.client.jobs.submit_and_wait(kind="http.request", payload=payload)
        assert job.state == "succeeded"
        assert receiver.stdout.readline() == f'{job.id} {{"hello":"world"}}\n'
        # Signed by another tenant's secret.
        other = tandem.jobs.submit_and_wait(kind="http.request", payload=payload, max_attempts=1)
        assert other.state == "failed"
