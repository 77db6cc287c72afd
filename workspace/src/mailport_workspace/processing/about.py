"""Reading what is known about a mail before it is looked at: its inbox, the tenant's settings, its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport.errors import NotFound
from mailport_workspace.intake.verdict import Received
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.recognising import own_addresses, prefixes_of, recognition_rules
from mailport_workspace.sealing import KeyRing
from mailport_workspace.tables import JournalEntry
from mailport_workspace.tenants.configuration import incoming_rules
from mailport_workspace.tenants.conversation_secrets import conversation_secrets
from mailport_workspace.tenants.handling import Handling, handling_of
from mailport_workspace.tenants.incoming_rules import rules_of
from mailport_workspace.tenants.options import options_of

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["read_case"]

_LETS_IN = ("released", "created")
"""Decisions of a person by which a mail passes the gates."""


async def read_case(rows: TenantRows, received: Received, ring: KeyRing) -> Case:
    """Return the mail with everything that a tenant says about its mail."""
    tenant, configuration = await rows.tenant(), await rows.configuration()
    entry = await rows.journal_entry(received.journal_id)
    handling, options = await _handling(rows, received, entry), options_of(tenant)
    rules = recognition_rules(
        await rows.tabs(),
        handling=handling,
        options=options,
        own=own_addresses(configuration, await rows.inboxes()),
        secrets=await conversation_secrets(rows, ring),
        prefixes=prefixes_of(configuration, tenant.options),
    )
    held = await rows.quarantine_of(entry.id)
    connection = await rows.import_connection_named(handling.import_connection) if handling.import_connection else None
    return Case(
        received=received,
        inbox=handling.name,
        handling=handling,
        options=options,
        rules=rules,
        at=entry.created_at,
        key=entry.id,
        size=entry.size,
        incoming_rules=rules_of(await rows.incoming_rules_for(received.inbox_id)),
        stylesheet=connection.stylesheet if connection else None,
        users=frozenset(user.email.lower() for user in await rows.users() if user.active),
        keep_original=bool(incoming_rules(configuration.values)["keep_full_incoming_message"]),
        is_released=held is not None and held.decision in _LETS_IN,
    )


async def _handling(rows: TenantRows, received: Received, entry: JournalEntry) -> Handling:
    """Return what the inbox does; the mail of a deleted one is dealt with as a new inbox would (INB-24)."""
    try:
        return handling_of(await rows.inbox(received.inbox_id))
    except NotFound:
        return Handling(name=entry.inbox_name or "deleted inbox")
