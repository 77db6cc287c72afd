"""The mail configuration: one for each tenant, with what the tenant's inboxes share (CFG-01).

A row is written as validation returned it and read as it is: the next sender or poll sees a saved change, one that is under
way keeps the account that it has (CFG-04, CFG-05).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from mailport import Account, Mailport
from mailport.errors import ConfigurationError, Problem
from mailport.fields import ComponentType, Direction
from mailport.rules import IncomingRules, OutgoingRules
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Inbox, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields, changed_settings
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

__all__ = ["FORMER_PREFIXES", "AffectedInbox", "Configurations", "component_of", "incoming_rules"]

SUBJECT = "configuration"
FORMER_PREFIXES = "former_prefixes"
"""Where a tenant's options keep the prefixes that its conversation ids once had (SND-21)."""
_RULES: tuple[type[BaseModel], ...] = (OutgoingRules, IncomingRules)
_RULE_NAMES = frozenset(name for model in _RULES for name in model.model_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedInbox:
    """What a change of the component type means for one inbox: ``allowed`` are the authentications it could have then."""

    id: str
    name: str
    enabled: bool
    fits: bool
    allowed: tuple[str, ...]


class Configurations:
    """The mail configurations of all tenants."""

    def __init__(self, store: Store, mailport: Mailport, ring: KeyRing) -> None:
        self._store = store
        self._mailport = mailport
        self._ring = ring

    async def read(self, actor: Actor) -> dict[str, Any]:
        """Return every field that is stored, secrets masked (CFG-03, CFG-07)."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return masked_of(await rows.configuration())

    async def read_version(self, actor: Actor) -> tuple[dict[str, Any], int]:
        """Return what ``read`` returns, and the version that it has."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            row = await rows.configuration()
            return masked_of(row), row.version

    async def account(self, tenant: str) -> Account:
        """Return the account by which a tenant sends. Raises ``ConfigurationError`` where it is not filled in."""
        async with self._store.read(tenant) as rows:
            stored = stored_of(await rows.configuration(), self._ring)
        return account_of(self._mailport, Direction.OUTGOING, stored)

    async def save(self, actor: Actor, form: Mapping[str, Any], *, expected: int | None = None) -> None:
        """Store a form. Secrets that it leaves empty or masked stay, as long as no field that binds them changes.

        Rules that the form does not name keep their values; without a protocol it changes the rules only. Another component
        type disables the tenant's inboxes (CMP-02). Raises ``ConfigurationError`` (``store.stale``) where the stored version
        is not ``expected``.
        """
        async with self._store.write(actor.tenant) as rows:
            await self.save_in(rows, actor, form, expected=expected)

    async def save_in(self, rows: TenantRows, actor: Actor, form: Mapping[str, Any], *, expected: int | None = None) -> None:
        """Do what ``save`` does, within the caller's transaction."""
        actor.require_administrator()
        row = await rows.configuration(for_update=True)
        refuse_stale(row, expected)
        old = stored_of(row, self._ring, skip_broken=True)
        new = self._validated(actor, form, old)
        if component_of(new.values) is not component_of(old.values):
            await _disable_inboxes(actor, rows)
        await rows.add(*changed_settings(actor, SUBJECT, old, new))
        await _remember_prefix(rows, old.values, new.values)
        keep(row, new, self._ring)
        row.updated_at = now()

    async def unsaved_account(self, actor: Actor, form: Mapping[str, Any]) -> Account:
        """Return the account that a form describes, with stored secrets where they are bound to it, and store nothing."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            stored = stored_of(await rows.configuration(), self._ring, skip_broken=True)
        return self._account(actor, _with_rules(form, stored), stored)

    async def affected_inboxes(self, actor: Actor, component: ComponentType) -> Sequence[AffectedInbox]:
        """Say, before it is saved, what another component type means for each inbox (CMP-02)."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [self._affected(inbox, component) for inbox in await rows.inboxes()]

    def _affected(self, inbox: Inbox, component: ComponentType) -> AffectedInbox:
        try:
            allowed = self._mailport.protocol(inbox.values.get("protocol", "")).options(Direction.INCOMING, component)
        except ConfigurationError:  # not filled in yet, or the plugin is gone
            allowed = ()
        fits = inbox.values.get("authentication") in allowed
        return AffectedInbox(id=inbox.id, name=inbox.name, enabled=inbox.enabled, fits=fits, allowed=allowed)

    def _validated(self, actor: Actor, form: Mapping[str, Any], old: Stored) -> Stored:
        whole = _with_rules(form, old)
        rules = _validated_rules(whole)
        if not form.get("protocol"):
            _refuse_settings(form)
            return replace(old, values={**old.values, **rules}, custom=whole["custom"])
        account = self._account(actor, whole, old)
        new = split(account, self._mailport.protocol(account.protocol))
        return replace(new, values={**new.values, **rules})

    def _account(self, actor: Actor, form: Mapping[str, Any], old: Stored) -> Account:
        account = self._mailport.account(complete(self._mailport, Direction.OUTGOING, form, old), Direction.OUTGOING)
        if not actor.operates:
            refuse(hidden_changes(account, old.values))
        return account


def component_of(values: Mapping[str, Any]) -> ComponentType:
    """Return the component type of stored values; a record without one is an old one, and counts as Basic (CMP-01)."""
    return ComponentType(incoming_rules(values)["email_component_type"])


def incoming_rules(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules that all inboxes of a tenant share, each with its value or default."""
    named = {name: value for name, value in values.items() if name in IncomingRules.model_fields}
    return IncomingRules.model_validate(named).model_dump(mode="json")


def _with_rules(form: Mapping[str, Any], old: Stored) -> dict[str, Any]:
    refuse_unstorable(form)
    if not isinstance(form.get("custom", {}), Mapping):
        refuse([Problem("custom", "settings.invalid", "custom: holds fields by their names.")])
    rules = {name: value for name, value in old.values.items() if name in _RULE_NAMES}
    return {"custom": dict(old.custom), **rules, **form}


def _validated_rules(form: Mapping[str, Any]) -> dict[str, Any]:
    parts = [(model, {name: form[name] for name in model.model_fields if name in form}) for model in _RULES]
    refuse(problem for model, values in parts for problem in problems_of(model, values))
    rules: dict[str, Any] = {}
    for model, values in parts:
        rules |= model.model_validate(values).model_dump(mode="json", exclude_unset=True)
    return rules


def _refuse_settings(form: Mapping[str, Any]) -> None:
    strangers = sorted(set(form) - _RULE_NAMES - {"protocol", "custom"})
    refuse(Problem(name, "settings.unknown_field", f"“{name}” needs a Mail Protocol.") for name in strangers)


async def _disable_inboxes(actor: Actor, rows: TenantRows) -> None:
    for inbox in await rows.readable_inboxes():
        inbox.enabled = False
        inbox.version += 1
        await rows.add(*changed_fields(actor, f"inbox {inbox.name}", {"enabled": True}, {"enabled": False}))


async def _remember_prefix(rows: TenantRows, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Keep a prefix that goes: replies still carry it (SND-21)."""
    gone = old.get("conversation_id_prefix")
    if not gone or gone == new.get("conversation_id_prefix"):
        return
    await rows.lock_tenant()
    tenant = await rows.tenant()
    kept = tenant.options.get(FORMER_PREFIXES, [])
    if gone not in kept:
        tenant.options = {**tenant.options, FORMER_PREFIXES: [*kept, gone]}
