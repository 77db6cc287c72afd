"""Which mailbox an inbox reads, and which shard polls it."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from mailport.errors import Problem
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import Inbox, now
from mailport_workspace.tenants.values import refuse

__all__ = ["SHARDS", "mailbox_key", "place", "refuse_shared"]

SHARDS = 16
"""Inboxes are polled by so many jobs, each by at most one worker at a time."""


def mailbox_key(settings: Mapping[str, Any]) -> str:
    """Return a digest that is the same for two accounts on one mailbox and folder; empty without an account.

    Ports, encryption and credentials do not count: they are ways to the same mailbox.
    """
    if not settings.get("protocol"):
        return ""
    host, directory = (str(settings.get(name) or "").lower() for name in ("host", "directory"))
    user = str(settings.get("login") or settings.get("user_name") or "").lower()
    where = [host or str(settings["protocol"]), directory or user, str(settings.get("folder") or "INBOX").casefold()]
    return hashlib.sha256(json.dumps(where).encode()).hexdigest()


async def refuse_shared(rows: TenantRows, row: Inbox, settings: Mapping[str, Any], key: str) -> None:
    """Refuse a second enabled inbox of the tenant on the same mailbox and folder: one would take the other's mail (PLS-08)."""
    others = [inbox.name for inbox in await rows.inboxes_on(key) if inbox.id != row.id] if key else []
    field = "folder" if "folder" in settings else "user_name"
    refuse(
        Problem(field, "settings.mailbox_taken", f"The inbox “{name}” reads this mailbox and folder already.")
        for name in others
    )


async def place(rows: TenantRows, row: Inbox, settings: Mapping[str, Any]) -> None:
    """Note in the row which mailbox it reads, and let the next poll be at once: what was saved shall show its effect.

    Another mailbox is read from its beginning.
    """
    key = mailbox_key(settings)
    if key != (row.mailbox_key or "") or settings.get("protocol") != (row.values or {}).get("protocol"):
        await rows.forget_cursor(row.id)
    row.mailbox_key, row.shard, row.next_poll_at = key, zlib.crc32(row.id.encode()) % SHARDS, now()
