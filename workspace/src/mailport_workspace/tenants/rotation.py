"""Sealing every secret again under the first key of the ring, while the service runs."""

from __future__ import annotations

from mailport_workspace.queries.tenants import Sealed
from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import Store
from mailport_workspace.tables import Inbox, MailConfiguration, TenantSecrets, Webhook

__all__ = ["SEALED", "rotate_keys"]

BATCH = 100
SEALED: tuple[type[MailConfiguration | Inbox | TenantSecrets | Webhook], ...] = (
    MailConfiguration,
    Inbox,
    TenantSecrets,
    Webhook,
)
"""The tables whose secrets are kept; those of connection tests and shared access tokens live for minutes, and are made anew."""


async def rotate_keys(store: Store, ring: KeyRing, *, batch: int = BATCH) -> int:
    """Return how many rows were sealed anew. Interrupted, it goes on where it stopped: what is done is skipped.

    Each batch is one transaction that locks its rows, so that what a person saves meanwhile is neither lost nor undone.
    """
    return sum([await _rotate(store, ring, kind, batch) for kind in SEALED])


async def _rotate(store: Store, ring: KeyRing, kind: type[Sealed], batch: int) -> int:
    done, after = 0, ""
    while True:
        async with store.operate() as rows:
            found = await rows.sealed_rows(kind, after=after, limit=batch)
            done += sum(_reseal(row, ring) for row in found)
        if not found:
            return done
        after = found[-1].id


def _reseal(row: MailConfiguration | Inbox | TenantSecrets | Webhook, ring: KeyRing) -> bool:
    fresh = {name: ring.reseal(sealed, Place.of(row, name)) for name, sealed in row.secrets.items()}
    changed = fresh != row.secrets
    if changed:
        row.secrets = fresh
    return changed
