"""What signs the conversation ids of a tenant: made when first needed, sealed, and never thrown away (SND-20, SND-21).

A later secret signs new ids; an earlier one still tells that an id is ours.
"""

from __future__ import annotations

import base64
import secrets

from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import TenantSecrets

__all__ = ["NAME", "conversation_secrets", "signing_secret"]

NAME = "conversation"
"""Under which name the secrets of a tenant are kept."""

_LENGTH = 32


async def conversation_secrets(rows: TenantRows, ring: KeyRing) -> tuple[bytes, ...]:
    """Return the secrets by which an id of this tenant may be signed, the newest first; none where none was ever issued."""
    row = await rows.tenant_secrets(NAME)
    return _opened(row, ring) if row is not None else ()


async def signing_secret(rows: TenantRows, ring: KeyRing) -> bytes:
    """Return the secret that signs new ids; the first one is made here."""
    row = await rows.ensure_tenant_secrets(NAME)
    if not row.secrets:
        place = Place.of(row, "1")
        row.secrets = {"1": ring.seal(base64.b64encode(secrets.token_bytes(_LENGTH)).decode(), place)}
    return _opened(row, ring)[0]


def _opened(row: TenantSecrets, ring: KeyRing) -> tuple[bytes, ...]:
    """Secrets are numbered in the order in which they were made."""
    numbers = sorted(row.secrets, key=int, reverse=True)
    return tuple(base64.b64decode(ring.open(row.secrets[number], Place.of(row, number))) for number in numbers)
