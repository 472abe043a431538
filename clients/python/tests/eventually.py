"""Waiting for conditions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_SECS = 60.0
INTERVAL_SECS = 0.05


def eventually(look: Callable[[], T | None]) -> T:
    """Gives what a look at last sees. A look that sees nothing gives `None` or false."""
    deadline = time.monotonic() + LIMIT_SECS
    while not (seen := look()):
        if time.monotonic() > deadline:
            message = f"not within {LIMIT_SECS} s"
            raise AssertionError(message)
        time.sleep(INTERVAL_SECS)
    return seen
