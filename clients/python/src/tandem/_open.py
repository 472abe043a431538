"""What answers may have beyond what this version knows."""

from __future__ import annotations

from enum import Enum

from pydantic import BaseModel, ConfigDict
from typing_extensions import Self


class OpenEnum(str, Enum):
    """Names that a later api may have more of.

    A member is equal to its text. A text that this version does not know becomes a value all the same, which is
    equal to its text as well and to no member, so a program sees it where it has an `else`.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    def __str__(self) -> str:
        return str(self._value_)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return str.__hash__(self)


class Answer(BaseModel):
    """What the api answers.

    Fields that this version does not know are kept, in `model_extra`.
    """

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)
