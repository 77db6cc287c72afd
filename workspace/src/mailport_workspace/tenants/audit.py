"""What changed: one entry for each field, with secrets masked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mailport_workspace.tables import AuditEntry
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.values import MASK, Stored

__all__ = ["changed_fields", "changed_settings"]


def changed_fields(actor: Actor, subject: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[AuditEntry]:
    """Return an entry for every field whose value differs, in the order of their names."""
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [_entry(actor, subject, name, _text(old.get(name)), _text(new.get(name))) for name in names]


def changed_settings(actor: Actor, subject: str, old: Stored, new: Stored) -> list[AuditEntry]:
    """Return an entry for every setting, secret and custom field that differs."""
    plain = changed_fields(actor, subject, old.values, new.values)
    custom = changed_fields(actor, subject, _prefixed(old.custom), _prefixed(new.custom))
    return [*plain, *custom, *_changed_secrets(actor, subject, old.secrets, new.secrets)]


def _changed_secrets(actor: Actor, subject: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[AuditEntry]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield _entry(actor, subject, name, MASK if name in old else "", MASK if name in new else "")


def _prefixed(custom: Mapping[str, Any]) -> dict[str, Any]:
    return {f"custom.{name}": value for name, value in custom.items()}


def _entry(actor: Actor, subject: str, field: str, old: str, new: str) -> AuditEntry:
    return AuditEntry(user_id=actor.user, user_name=actor.name, subject=subject, field=field[:200], old=old, new=new)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
