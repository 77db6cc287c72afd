"""The inboxes of tenants: what each reads, and what it makes of the mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailport import Account, Mailport
from mailport.errors import ConfigurationError, Problem
from mailport.fields import Capabilities, ComponentType, Direction
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Inbox, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields, changed_settings
from mailport_workspace.tenants.configuration import incoming_rules
from mailport_workspace.tenants.handling import Handling, default_post_processing, handling_problems
from mailport_workspace.tenants.mailbox import mailbox_key, place, refuse_shared
from mailport_workspace.tenants.values import (
    Stored,
    account_of,
    complete,
    hidden_changes,
    keep,
    masked_of,
    problems_of,
    refuse,
    refuse_stale,
    refuse_unstorable,
    split,
    stored_of,
)

__all__ = ["FIRST_INBOX", "Inboxes"]

FIRST_INBOX = "Incidents"
"""The inbox that a fresh tenant has (CFG-02)."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A form, told apart into our own fields and those of the account."""

    handling: dict[str, Any]
    account: dict[str, Any]


class Inboxes:
    """The inboxes of all tenants."""

    def __init__(self, store: Store, mailport: Mailport, ring: KeyRing) -> None:
        self._store = store
        self._mailport = mailport
        self._ring = ring

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """Return all inboxes, secrets masked."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [_shown(inbox) for inbox in await rows.inboxes()]

    async def read(self, actor: Actor, inbox: str) -> dict[str, Any]:
        """Return one inbox, secrets masked."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return _shown(await rows.inbox(inbox))

    async def read_version(self, actor: Actor, inbox: str) -> tuple[dict[str, Any], int]:
        """Return what ``read`` returns, and the version that it has."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            row = await rows.inbox(inbox)
            return _shown(row), row.version

    async def account(self, tenant: str, inbox: str) -> Account:
        """Return the account by which an inbox is read, with the rules that all inboxes of the tenant share."""
        async with self._store.read(tenant) as rows:
            stored = stored_of(await rows.inbox(inbox), self._ring)
            shared = incoming_rules((await rows.configuration()).values)
        return account_of(self._mailport, Direction.INCOMING, Stored({**stored.values, **shared}, stored.secrets))

    async def unsaved_account(self, actor: Actor, inbox: str | None, form: Mapping[str, Any]) -> Account:
        """Return the account that a form describes, with stored secrets where they are bound to it, and store nothing.

        Without ``inbox`` it is the form of a new one.
        """
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            old = stored_of(await rows.inbox(inbox), self._ring, skip_broken=True) if inbox is not None else Stored()
            shared = incoming_rules((await rows.configuration()).values)
        given = _told_apart(form).account
        if not given.get("protocol"):
            refuse([Problem("protocol", "settings.missing", "Protocol is required.")])
        account = self._mailport.account(
            {**complete(self._mailport, Direction.INCOMING, given, old), **shared}, Direction.INCOMING
        )
        if not actor.operates:
            refuse(hidden_changes(account, old.values))
        return account

    async def create(self, actor: Actor, form: Mapping[str, Any]) -> str:
        """Store a new inbox; return its id."""
        async with self._store.write(actor.tenant) as rows:
            return await self.create_in(rows, actor, form)

    async def create_in(self, rows: TenantRows, actor: Actor, form: Mapping[str, Any]) -> str:
        """Do what ``create`` does, within the caller's transaction."""
        actor.require_administrator()
        inbox = Inbox(id=new_id(), tenant_id=actor.tenant, values={}, secrets={}, handling={}, enabled=False, name="")
        await self._save(actor, rows, inbox, form)
        await rows.add(inbox)
        return inbox.id

    async def save(self, actor: Actor, inbox: str, form: Mapping[str, Any], *, expected: int | None = None) -> None:
        """Store a form; fields of ours that it does not name keep their values, and so does the account without a protocol.

        Raises ``ConfigurationError`` (``store.stale``) where the stored version is not ``expected``.
        """
        async with self._store.write(actor.tenant) as rows:
            await self.save_in(rows, actor, inbox, form, expected=expected)

    async def save_in(
        self, rows: TenantRows, actor: Actor, inbox: str, form: Mapping[str, Any], *, expected: int | None = None
    ) -> None:
        """Do what ``save`` does, within the caller's transaction."""
        actor.require_administrator()
        row = await rows.inbox(inbox, for_update=True)
        refuse_stale(row, expected)
        await self._save(actor, rows, row, form)

    async def remove(self, actor: Actor, inbox: str) -> None:
        """Delete an inbox. The history of its mail stays (INB-24)."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.inbox(inbox)
            await rows.add(*changed_fields(actor, f"inbox {row.name}", {"name": row.name}, {}))
            await rows.remove(row)

    async def _save(self, actor: Actor, rows: TenantRows, row: Inbox, form: Mapping[str, Any]) -> None:
        before, old = _handling_of(row), stored_of(row, self._ring, skip_broken=True)
        parts = _told_apart(form)
        shared = incoming_rules((await rows.configuration()).values)
        handling = self._handling(before, parts, str(old.values.get("protocol", "")))
        await _refuse_taken_name(rows, row, handling.name)
        new = self._stored(actor, parts.account, old, shared, enabled=handling.enabled)
        if handling.enabled:
            await refuse_shared(rows, row, new.values, mailbox_key(new.values))
        await place(rows, row, new.values)
        after = handling.model_dump(mode="json")
        subject = f"inbox {handling.name}"
        await rows.add(*changed_fields(actor, subject, before, after), *changed_settings(actor, subject, old, new))
        row.name, row.enabled, row.handling = handling.name, handling.enabled, handling.stored
        keep(row, new, self._ring)

    def _handling(self, before: Mapping[str, Any], parts: _Form, old_protocol: str) -> Handling:
        protocol = str(parts.account.get("protocol") or old_protocol)
        values = {**before, **parts.handling}
        if protocol != old_protocol and "post_processing" not in parts.handling:
            values.pop("post_processing", None)  # what the former protocol could do, the new one perhaps cannot
        refuse(problems_of(Handling, values))
        handling = Handling.model_validate(values)
        capabilities = self._capabilities(protocol, is_needed=handling.enabled or protocol != old_protocol)
        if handling.post_processing is None and capabilities is not None:
            handling.post_processing = default_post_processing(capabilities)
        refuse(handling_problems(handling, capabilities, is_new=not before))
        return handling

    def _capabilities(self, protocol: str, *, is_needed: bool) -> Capabilities | None:
        """Return what the protocol can do; None without one, and where the inbox of a plugin that is gone is only put away."""
        try:
            return self._mailport.protocol(protocol).capabilities if protocol else None
        except ConfigurationError:
            if is_needed:
                raise
            return None

    def _stored(
        self, actor: Actor, form: Mapping[str, Any], old: Stored, shared: Mapping[str, Any], *, enabled: bool
    ) -> Stored:
        if not form.get("protocol"):
            _refuse_settings(form)
            if enabled:  # what is stored must fit the rules of today
                account_of(self._mailport, Direction.INCOMING, Stored({**old.values, **shared}, old.secrets))
            return old
        account = self._fitting({**complete(self._mailport, Direction.INCOMING, form, old), **shared}, enabled=enabled)
        if not actor.operates:
            refuse(hidden_changes(account, old.values))
        new = split(account, self._mailport.protocol(account.protocol))
        return Stored({name: value for name, value in new.values.items() if name not in shared}, new.secrets)

    def _fitting(self, values: Mapping[str, Any], *, enabled: bool) -> Account:
        """Return the account; one that the component type does not offer may be stored, and cannot be enabled (CMP-04)."""
        try:
            return self._mailport.account(values, Direction.INCOMING)
        except ConfigurationError as error:
            if enabled or error.code != "settings.component_type":
                raise
        return self._mailport.account({**values, "email_component_type": ComponentType.ADVANCED}, Direction.INCOMING)


def _told_apart(form: Mapping[str, Any]) -> _Form:
    own = {name: value for name, value in form.items() if name in Handling.model_fields}
    refuse_unstorable(form)
    if "custom" in form:
        refuse([Problem("custom", "settings.unknown_field", "Custom fields belong to the configuration, not to an inbox.")])
    return _Form(own, {name: value for name, value in form.items() if name not in own and name != "id"})


def _handling_of(row: Inbox) -> dict[str, Any]:
    """Return the stored fields of ours; those that a later release no longer has are left out."""
    if not row.name:
        return {}
    stored = {name: value for name, value in row.handling.items() if name in Handling.model_fields}
    return {**stored, "name": row.name, "enabled": row.enabled}


def _shown(row: Inbox) -> dict[str, Any]:
    return {"id": row.id, **_handling_of(row), **masked_of(row)}


def _refuse_settings(form: Mapping[str, Any]) -> None:
    strangers = sorted(set(form) - {"protocol"})
    refuse(Problem(name, "settings.unknown_field", f"“{name}” needs a protocol.") for name in strangers)


async def _refuse_taken_name(rows: TenantRows, row: Inbox, name: str) -> None:
    other = await rows.inbox_named(name)
    if other is not None and other.id != row.id:
        refuse([Problem("name", "settings.taken", f"There is an inbox “{name}” already.")])
