"""What the bodies of all resources share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from mailport_workspace.tenants.values import is_storable

__all__ = ["Form", "Id", "Input", "Secret", "Text"]


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds characters that cannot be stored")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Text that every database can keep."""

Secret = Annotated[SecretStr, Field(max_length=1024)]
"""A password."""

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["0190f3c2a1b4d0c4e5f60718293a4b5c"])]
"""The id of a thing, in a path."""

Form = dict[str, Any]
"""Flat fields by name, as the form of a protocol has them."""


class Input(BaseModel):
    """A body that is read: unknown fields are refused, and what was given is never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
