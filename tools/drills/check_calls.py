"""Reads commands of AWS's command line, one a line, and has it check each up to the moment at which it would call AWS.

Prints those that it does not take, with the reason. Whether it checks at all is tried first, with some that are wrong.
"""

import contextlib
import io
import shlex
import sys
from types import SimpleNamespace

from awscli.clidriver import create_clidriver

WRONG = [
    "aws ecs stop-task --clutser a --task b",
    "aws ecs stop-task --cluster a",
    "aws rds reboot-db-instance --db-instance-identifier a --force-fail-over",
    "aws rds restart-db-instance --db-instance-identifier a",
]


def answer_without_calling(**_):
    """Stands before the call itself: parameters are checked and written by then, and nothing is signed or sent yet."""
    return SimpleNamespace(status_code=200, headers={}), {}


def refusal(line):
    """What is wrong with a command, or nothing."""
    driver = create_clidriver()
    driver.session.register("before-call.*.*", answer_without_calling)
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            code = driver.main(shlex.split(line)[1:])
        except SystemExit as end:
            code = end.code
    return None if code == 0 else (said.getvalue().strip().splitlines() or ["no reason given"])[-1]


def main():
    for line in WRONG:
        if refusal(line) is None:
            sys.exit(f"this command line takes even: {line}")
    refused = [(line, why) for line in sys.stdin.read().splitlines() if (why := refusal(line))]
    for line, why in refused:
        print(f"{line}: {why}")
    sys.exit(1 if refused else 0)


main()
