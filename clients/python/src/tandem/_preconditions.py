"""Changing only what has not changed meanwhile."""

from __future__ import annotations


def condition(if_version: int | None, *, only_new: bool = False) -> dict[str, str]:
    """Gives the headers that name the version to change, or that there must be none. Its `ETag` is made of it."""
    headers = {}
    if if_version is not None:
        headers["If-Match"] = f'"{if_version}"'
    if only_new:
        headers["If-None-Match"] = "*"
    return headers
