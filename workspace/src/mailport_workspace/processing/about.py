"""Reading what is known about a mail before it is looked at: its inbox, the tenant's settings, its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailport.rules import RecognitionRules
from mailport_workspace.intake.verdict import Received
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.recognising import own_addresses, prefixes_of, recognition_rules
from mailport_workspace.sealing import KeyRing
from mailport_workspace.tables import ImportConnection, Inbox, IncomingRule, JournalEntry, MailConfiguration, TabRow, Tenant
from mailport_workspace.tenants.configuration import incoming_rules
from mailport_workspace.tenants.conversation_secrets import conversation_secrets
from mailport_workspace.tenants.handling import Handling, handling_of
from mailport_workspace.tenants.incoming_rules import rules_of
from mailport_workspace.tenants.options import TenantOptions, options_of

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["TenantSettings", "read_case", "read_settings"]

_LETS_IN = ("released", "created")
"""Decisions of a person by which a mail passes the gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSettings:
    """What a tenant says about its mail, read at one moment."""

    tenant: Tenant
    configuration: MailConfiguration
    options: TenantOptions
    tabs: Sequence[TabRow]
    inboxes: Sequence[Inbox]
    rules: Sequence[IncomingRule]
    connections: Sequence[ImportConnection]
    secrets: Sequence[bytes] = field(repr=False)
    users: frozenset[str]


async def read_settings(rows: TenantRows, ring: KeyRing) -> TenantSettings:
    """Return what the tenant says now."""
    tenant = await rows.tenant()
    return TenantSettings(
        tenant=tenant,
        configuration=await rows.configuration(),
        options=options_of(tenant),
        tabs=await rows.tabs(),
        inboxes=await rows.inboxes(),
        rules=[rule for rule in await rows.incoming_rules() if rule.enabled],
        connections=await rows.import_connections(),
        secrets=await conversation_secrets(rows, ring),
        users=frozenset(user.email.lower() for user in await rows.users() if user.active),
    )


async def read_case(rows: TenantRows, received: Received, settings: TenantSettings) -> Case:
    """Return the mail with everything that is known before it is looked at."""
    entry, held = await rows.mail_with_quarantine(received.journal_id)
    handling = _handling(settings, received, entry)
    stylesheets = {connection.name: connection.stylesheet for connection in settings.connections}
    fitting = [rule for rule in settings.rules if rule.inbox_id in (None, received.inbox_id)]
    return Case(
        received=received,
        inbox=handling.name,
        handling=handling,
        options=settings.options,
        rules=_recognition(settings, handling),
        entry=entry,
        incoming_rules=rules_of(fitting),
        stylesheet=stylesheets.get(handling.import_connection),
        users=settings.users,
        keep_original=bool(incoming_rules(settings.configuration.values)["keep_full_incoming_message"]),
        is_released=held is not None and held.decision in _LETS_IN,
    )


def _recognition(settings: TenantSettings, handling: Handling) -> RecognitionRules:
    return recognition_rules(
        settings.tabs,
        handling=handling,
        options=settings.options,
        own=own_addresses(settings.configuration, settings.inboxes),
        secrets=settings.secrets,
        prefixes=prefixes_of(settings.configuration, settings.tenant.options),
    )


def _handling(settings: TenantSettings, received: Received, entry: JournalEntry) -> Handling:
    """Return what the inbox does; the mail of a deleted one is dealt with as a new inbox would (INB-24)."""
    inbox = next((inbox for inbox in settings.inboxes if inbox.id == received.inbox_id), None)
    return handling_of(inbox) if inbox else Handling(name=entry.inbox_name or "deleted inbox")
