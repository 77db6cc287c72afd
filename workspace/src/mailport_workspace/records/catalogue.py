"""The types of records that a tenant has: the built-in ones, its changes of them, and its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from mailport_workspace.records.interface import RecordKind
from mailport_workspace.records.types import BUILT_IN, RecordDefinition, extended, kind_of

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["Catalogue", "Types", "defined", "read_catalogue"]

_log = logging.getLogger(__name__)

Catalogue: TypeAlias = Mapping[str, RecordDefinition]


class Types:
    """The types of a tenant, and what processing needs to know of them, by name."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.kinds: Mapping[str, RecordKind] = {name: kind_of(definition) for name, definition in catalogue.items()}


async def read_catalogue(rows: TenantRows) -> Catalogue:
    """Return every type by name."""
    catalogue = dict(BUILT_IN)
    for row in await rows.record_types():
        try:
            catalogue[row.name] = defined(row.name, row.definition)
        except ValidationError:  # written by another release; a broken type must not stop the mail for all others
            _log.warning("the type of records %s cannot be read", row.name)
    return catalogue


def defined(name: str, definition: Mapping[str, Any]) -> RecordDefinition:
    """Return the type that a stored definition makes. Raises ``pydantic.ValidationError``."""
    if name in BUILT_IN:
        return extended(BUILT_IN[name], {**definition, "name": name})
    return RecordDefinition.model_validate({**definition, "name": name})
