"""What is asked of the api, and how its answer is read. Nothing here sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from .errors import ConfigurationError, UnexpectedAnswer

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

SHOWN_CHARS = 200


@dataclass(frozen=True)
class Answer:
    """What came back, with the names of its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def beginning(self) -> str:
        """As much of the body as is worth showing."""
        return self.content.decode(errors="replace")[:SHOWN_CHARS]


Read = Callable[[Answer], T]


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    route: str
    """The path as the api's description has it, such as `/api/jobs/{id}`."""
    read: Read[T]
    at: Mapping[str, object] = field(default_factory=dict)
    """What stands in the route's braces."""
    query: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    """Sent as JSON, unless it is `None`."""
    repeatable: bool | None = None
    """Whether sending it twice does what sending it once does. Of a POST that is for its caller to know."""
    patience_secs: float = 0.0
    """How much longer than usual the answer may take."""
    welcome: frozenset[int] = frozenset()
    """Statuses beyond 2xx that are answers rather than refusals."""

    @property
    def is_harmless(self) -> bool:
        return self.method != "POST" if self.repeatable is None else self.repeatable

    @property
    def path(self) -> str:
        """The path to ask for. Whatever a part of it contains stays within that part."""
        return re.sub(r"\{(\w+)\}", lambda name: _part(self.at[name[1]]), self.route) if self.at else self.route

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query; what is `None` is left out."""
        return [(name, _text(value)) for name, value in self.query.items() if value is not None]

    @property
    def content(self) -> bytes | None:
        if self.body is None:
            return None
        try:
            return to_json(self.body)
        except PydanticSerializationError as error:
            message = f"the body can't be written as JSON: {error}"
            raise ConfigurationError(message) from error


def _part(value: object) -> str:
    text = _text(value)
    if text in {"", ".", ".."}:
        message = f"{text!r} names nothing"
        raise ConfigurationError(message)
    return quote(text, safe="")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value) if isinstance(value, Enum) else str(value)


def one(model: type[M]) -> Read[M]:
    """Reads an answer as this model."""

    def read(answer: Answer) -> M:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise unreadable(answer) from error

    return read


def part(model: type[M], pick: Callable[[M], T]) -> Read[T]:
    """Reads an answer that has a single interesting field."""
    return lambda answer: pick(one(model)(answer))


def nothing(_answer: Answer) -> None:
    """Reads an answer that has no body."""


def text(answer: Answer) -> str:
    return answer.content.decode()


_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def anything(answer: Answer) -> Any:
    """Reads JSON of whatever shape; `None` when there is none."""
    if not answer.content:
        return None
    try:
        return _ANY.validate_json(answer.content)
    except ValidationError as error:
        raise unreadable(answer) from error


def unreadable(answer: Answer) -> UnexpectedAnswer:
    message = f"the answer can't be read ({answer.status}): {answer.beginning}"
    return UnexpectedAnswer(message, status=answer.status)
