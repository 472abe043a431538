"""How a client is set up, and what each of its requests has in common."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from ._call import Call
from ._version import __version__
from .errors import ConfigurationError
from .retry import RetryPolicy

URL_VARIABLE = "TANDEM_URL"
KEY_VARIABLE = "TANDEM_API_KEY"

USER_AGENT = f"tandem-python/{__version__} python/{platform.python_version()}"
# The api shows more often than that that a stream is alive.
STREAM_SILENCE_SECS = 45.0


@dataclass(frozen=True)
class Settings:
    """What a client needs to know."""

    url: str
    api_key: str = field(repr=False)
    timeout_secs: float
    user_agent: str
    retry: RetryPolicy

    def __post_init__(self) -> None:
        url = _url(self.url)
        object.__setattr__(self, "url", str(url).rstrip("/"))
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable():
            message = "the API key is empty, or no key at all"
            raise ConfigurationError(message)

    def changed(self, timeout: float | None, retry: RetryPolicy | None) -> Settings:
        """Gives the same settings, but for these."""
        timeout_secs = self.timeout_secs if timeout is None else timeout
        return replace(self, timeout_secs=timeout_secs, retry=retry or self.retry)

    def request(self, call: Call[Any], *, is_stream: bool = False) -> dict[str, Any]:
        """Gives the arguments of httpx' `build_request`."""
        headers = {"X-API-Key": self.api_key, "User-Agent": self.user_agent, "Accept": "application/json"}
        content = call.content
        if content is not None:
            headers["Content-Type"] = "application/json"
        read_secs = STREAM_SILENCE_SECS if is_stream else self.timeout_secs + call.patience_secs
        return {
            "method": call.method,
            "url": self.url + call.path,
            "params": call.parameters or None,
            "headers": {**headers, **call.headers},
            "content": content,
            "timeout": httpx.Timeout(self.timeout_secs, read=read_secs),
        }


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        message = f"{text!r} is no URL: {error}"
        raise ConfigurationError(message) from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        message = f"{text!r} is not the URL of an api: it must begin with https:// or http://, and have no query"
        raise ConfigurationError(message)
    return url


def from_environment(environment: Mapping[str, str]) -> tuple[str, str]:
    """Gives the URL and the key as `tandem dev` and the command line name them."""
    missing = [name for name in (URL_VARIABLE, KEY_VARIABLE) if not environment.get(name)]
    if missing:
        message = f"{' and '.join(missing)} must be set"
        raise ConfigurationError(message)
    return environment[URL_VARIABLE], environment[KEY_VARIABLE]
