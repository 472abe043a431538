"""When a request is sent again, and after which wait. Nothing here waits or sends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

TOO_MANY_REQUESTS = 429
BAD_GATEWAY = 502
SERVICE_UNAVAILABLE = 503
GATEWAY_TIMEOUT = 504

# Beyond this the ceiling of a wait has long been reached.
_MOST_DOUBLINGS = 30


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently requests are repeated."""

    max_tries: int = 5
    """The most times that one request is sent, the first one included. 1 for never again."""
    initial_secs: float = 0.2
    """The ceiling of the first wait; it doubles with each further one."""
    max_secs: float = 30.0
    """The most that a wait is, also one that the api asks for: who is told to wait longer gives up."""

    def wait_secs(self, tries: int, setback: Setback, *, harmless: bool, jitter: float) -> float | None:
        """Gives the wait before the next try; `None` when there should be none.

        `tries` have been made, `harmless` says whether sending twice does what sending once does, and `jitter` is drawn
        from 0 to 1. A wait that the api asks for is kept, and a little more, so that those who were told the same don't
        come back at the same moment; any other is drawn between 0 and its ceiling ("full jitter").
        """
        if tries >= self.max_tries or not setback.allows_repeat(harmless=harmless):
            return None
        drawn = self.drawn_secs(tries, jitter)
        asked = setback.retry_after_secs
        if asked is None:
            return drawn
        return asked + min(drawn, max(self.initial_secs, asked / 4)) if asked <= self.max_secs else None

    def drawn_secs(self, tries: int, jitter: float) -> float:
        """Gives a wait that nobody asked for."""
        doublings = min(max(tries - 1, 0), _MOST_DOUBLINGS)
        return min(self.initial_secs * float(2**doublings), self.max_secs) * jitter


class Doubt(Enum):
    """What is known of a request that did not succeed."""

    NOT_DONE = "not done"
    """It was not sent, or was refused before anything was done."""
    MAY_BE_DONE = "may be done"
    """The connection broke, the time was up, or somebody in between answered."""
    FINAL = "final"
    """Sending it again would not help."""


@dataclass(frozen=True)
class Setback:
    """What a try came to, if not to an answer that the caller wants."""

    doubt: Doubt
    retry_after_secs: float | None = None

    @classmethod
    def of_answer(cls, status: int, code: str, retry_after_secs: float | None) -> Setback:
        """Reads a refusal. `code` is empty when it is not the api's own."""
        if status == TOO_MANY_REQUESTS or code == "idempotency_in_progress":
            doubt = Doubt.NOT_DONE
        elif status == SERVICE_UNAVAILABLE:
            # The api says `timed_out` when it does not know whether the request was done.
            doubt = Doubt.MAY_BE_DONE if code == "timed_out" else Doubt.NOT_DONE
        elif status in {BAD_GATEWAY, GATEWAY_TIMEOUT}:
            doubt = Doubt.MAY_BE_DONE
        else:
            doubt = Doubt.FINAL
        return cls(doubt, retry_after_secs)

    def allows_repeat(self, *, harmless: bool) -> bool:
        return self.doubt is Doubt.NOT_DONE or (self.doubt is Doubt.MAY_BE_DONE and harmless)
