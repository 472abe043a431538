"""Receiving what jobs of kind `http.request` send: is it really from the platform?"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from .errors import ConfigurationError, TandemError

_PREFIX = "whsec_"
# Standard Webhooks 1.0: a secret has at least so many bytes. An empty one would let everybody sign.
_MIN_SECRET_BYTES = 24
# Numbers in headers are digits, and no more of them than make sense.
_MAX_DIGITS = 12


class Headers(Protocol):
    """The headers of a request, as every framework has them."""

    def items(self) -> Iterable[tuple[str, str]]: ...


class VerificationFailed(TandemError):
    """The message is not to be trusted: answer 400, and do nothing."""


@dataclass(frozen=True)
class Delivery:
    """A message that is from the platform."""

    id: str
    """The job. The same on every attempt: who remembers it for a day sees each job once."""
    sent_at: datetime
    """When this attempt was signed."""
    attempt: int | None
    """The attempt's number. It is not signed."""
    body: bytes
    """As it came."""


class Verifier:
    """Checks signatures with one or several secrets: with the old and the new one while they are rotated.

    The rules are those of Standard Webhooks, and so is the library that applies them. A message is refused when it was
    signed more than five minutes ago.
    """

    def __init__(self, secrets: str | Iterable[str]) -> None:
        secrets = [secrets] if isinstance(secrets, str) else list(secrets)
        if not secrets:
            message = "at least one signing secret is needed"
            raise ConfigurationError(message)
        self._webhooks = [_webhook(secret) for secret in secrets]

    def verify(self, body: bytes | str, headers: Headers) -> Delivery:
        """Checks a message by its headers, in any spelling of their names, and its body, byte for byte as it came.

        Raises `VerificationFailed`.
        """
        content = body.encode() if isinstance(body, str) else body
        named = {name.lower(): value for name, value in headers.items()}
        sent_at = _number(named, "webhook-timestamp")
        if sent_at is None or not any(_accepts(webhook, content, named) for webhook in self._webhooks):
            message = "the signature does not belong to the message"
            raise VerificationFailed(message)
        return Delivery(
            id=named["webhook-id"],
            sent_at=datetime.fromtimestamp(sent_at, timezone.utc),
            attempt=_number(named, "tandem-attempt"),
            body=content,
        )


def _webhook(secret: str) -> Webhook:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    # HMAC fills a key up with zeros, so one of zeros alone is the empty one.
    if len(key) < _MIN_SECRET_BYTES or not any(key) or not secret.startswith(_PREFIX):
        message = f"a signing secret begins with {_PREFIX}, followed by {_MIN_SECRET_BYTES} bytes or more in base64"
        raise ConfigurationError(message)
    return Webhook(key)


def _number(headers: dict[str, str], name: str) -> int | None:
    digits = headers.get(name, "")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS else None


def _accepts(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        # The library lets the errors of its parsers through.
        return False
    return True
