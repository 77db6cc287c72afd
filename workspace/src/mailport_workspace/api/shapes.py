"""What the bodies of all resources share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from mailport_workspace.storable import Text

__all__ = ["Form", "Id", "Input", "Secret", "Text"]


_DEEPEST = 30


def _shallow(form: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is nested so deep that nobody could work on it (SEC-07)."""
    level: list[Any] = [form]
    for _ in range(_DEEPEST):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return form
    raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


Secret = Annotated[SecretStr, Field(max_length=1024)]
"""A password."""

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["0190f3c2a1b4d0c4e5f60718293a4b5c"])]
"""The id of a thing, in a path."""

Form = Annotated[dict[str, Any], AfterValidator(_shallow)]
"""Fields by name, as the form of a protocol has them."""


class Input(BaseModel):
    """A body that is read: unknown fields are refused, and what was given is never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
