"""Changes of what was seen: ``ETag`` says the version, ``If-Match`` says which one is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Header, Response

from mailport.errors import ConfigurationError

__all__ = ["Expected", "merged", "tag"]

_VERSION = re.compile(r'"(\d{1,18})"')


async def _expected(
    if_match: Annotated[
        str | None,
        Header(description="The `ETag` of what is changed, or `*` for whatever is there.", examples=['"3"']),
    ] = None,
) -> int | None:
    if if_match == "*":
        return None
    match = _VERSION.fullmatch(if_match or "")
    if match is None:
        raise ConfigurationError(
            "Say which version is changed.",
            code="request.precondition",
            remedy="Send the ETag of the present version as If-Match, or “*” to change whatever is there.",
        )
    return int(match[1])


Expected = Annotated[int | None, Depends(_expected)]
"""The version that a change is for; None for whatever is there."""


def tag(response: Response, version: int) -> None:
    """Say which version the answer shows."""
    response.headers["ETag"] = f'"{version}"'


def merged(shown: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form that a merge patch makes of what is shown: null takes a field away, secrets that are left out stay.

    With another protocol the fields of the former one go.
    """
    base = {} if patch.get("protocol", shown.get("protocol")) != shown.get("protocol") else shown
    form = {**base, **patch}
    if isinstance(shown.get("custom"), Mapping) and isinstance(patch.get("custom"), Mapping):
        form["custom"] = _without_null({**shown["custom"], **patch["custom"]})
    return _without_null(form)


def _without_null(form: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if value is not None}
