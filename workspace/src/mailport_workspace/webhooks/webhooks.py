"""The webhooks of tenants: who is told what, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, Problem
from mailport_workspace.queries.paging import Position
from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Webhook, WebhookDelivery, WebhookState, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import problems_of, refuse, refuse_unstorable
from mailport_workspace.web import url_problem
from mailport_workspace.webhooks.events import Event
from mailport_workspace.webhooks.signing import new_signing_key

__all__ = ["FORMER_KEY", "MOST_WEBHOOKS", "SIGNING_KEY", "NewWebhook", "WebhookForm", "Webhooks"]

SIGNING_KEY = "signing_key"
FORMER_KEY = "former_signing_key"
MOST_WEBHOOKS = 50
"""Of one tenant: each event is written once for each of them."""


def _known(events: list[str]) -> list[str]:
    strangers = sorted(set(events) - set(Event))
    if strangers:
        raise ValueError(f"there is no event {', '.join(strangers)[:200]}")
    return sorted(set(events))


class WebhookForm(BaseModel):
    """What a person decides about a webhook."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    url: str
    events: Annotated[list[str], AfterValidator(_known)]
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook that was made, or that has a new key: the only time that anybody sees the key."""

    id: str
    signing_key: str = field(repr=False)


class Webhooks:
    """The webhooks of all tenants; only administrators see and change them."""

    def __init__(self, store: Store, ring: KeyRing, policy: EgressPolicy, *, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._ring = ring
        self._policy = policy
        self._clock = clock

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """Return all webhooks, without their keys."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [_shown(row) for row in await rows.webhooks()]

    async def read(self, actor: Actor, webhook: str) -> dict[str, Any]:
        """Return one webhook, without its key."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return _shown(await rows.webhook(webhook))

    async def create(self, actor: Actor, form: Mapping[str, Any]) -> NewWebhook:
        """Make a webhook with a key of its own."""
        actor.require_administrator()
        values = self._validated(form)
        row = Webhook(id=new_id(), tenant_id=actor.tenant, secrets={}, **values.model_dump())
        key = self._give_key(row)
        async with self._store.write(actor.tenant) as rows:
            await _refuse_more(rows)
            await _refuse_taken(rows, row, values.name)
            await rows.add(row, *changed_fields(actor, _subject(row), {}, values.model_dump()))
        return NewWebhook(row.id, key)

    async def change(self, actor: Actor, webhook: str, form: Mapping[str, Any]) -> None:
        """Store what the form names; what waits for a webhook that is switched off is given up."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.webhook(webhook, for_update=True)
            before = _settings(row)
            values = self._validated({**before, **form})
            await _refuse_taken(rows, row, values.name)
            for name, value in values:
                setattr(row, name, value)
            await rows.add(*changed_fields(actor, _subject(row), before, values.model_dump()))
            if not row.enabled:
                await rows.give_up_deliveries(row.id, "The webhook was switched off.", self._clock())

    async def renew_key(self, actor: Actor, webhook: str) -> NewWebhook:
        """Give a new key. Until it is renewed once more, deliveries are signed with the former one as well."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.webhook(webhook, for_update=True)
            former = self._ring.open(row.secrets[SIGNING_KEY], Place.of(row, SIGNING_KEY))
            key = self._give_key(row, former)
            await rows.add(*changed_fields(actor, _subject(row), {}, {SIGNING_KEY: "renewed"}))
        return NewWebhook(row.id, key)

    async def remove(self, actor: Actor, webhook: str) -> None:
        """Delete a webhook with what waits for it."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.webhook(webhook, for_update=True)
            await rows.add(*changed_fields(actor, _subject(row), _settings(row), {}))
            await rows.remove(row)

    async def test(self, actor: Actor, webhook: str) -> str:
        """Write a test event for one webhook; return the id of its delivery, where the result will stand."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.webhook(webhook)
            if not row.enabled:
                said = "The webhook is switched off."
                raise ConfigurationError(said, code="webhook.disabled", field="enabled", remedy="Switch it on first.")
            delivery = _delivery(row.id, Event.WEBHOOK_TEST, {"asked_by": actor.name}, self._clock())
            await rows.add(delivery)
        return delivery.id

    async def deliveries(
        self, actor: Actor, webhook: str, *, after: Position | None = None, limit: int = 50
    ) -> Sequence[WebhookDelivery]:
        """Return a page of deliveries, the newest first, and one more where another page follows."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return await rows.deliveries((await rows.webhook(webhook)).id, after=after, limit=limit)

    async def deliver_again(self, actor: Actor, delivery: str) -> None:
        """Deliver once more what was delivered or given up, under the same id."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.delivery(delivery, for_update=True)
            if row.state in (WebhookState.DELIVERED, WebhookState.FAILED):
                row.state, row.finished_at = WebhookState.QUEUED, None
                row.leased_at = row.due_at = self._clock()
                row.attempts, row.last_error = 0, ""

    def _validated(self, form: Mapping[str, Any]) -> WebhookForm:
        refuse_unstorable(form)
        refuse(problems_of(WebhookForm, form))
        values = WebhookForm.model_validate(form)
        problem = url_problem(values.url, self._policy)
        refuse([problem] if problem is not None else [])
        return values

    def _give_key(self, row: Webhook, former: str = "") -> str:
        key = new_signing_key()
        fresh = {SIGNING_KEY: key} | ({FORMER_KEY: former} if former else {})
        row.secrets = {name: self._ring.seal(value, Place.of(row, name)) for name, value in fresh.items()}
        return key


def _settings(row: Webhook) -> dict[str, Any]:
    return {"name": row.name, "url": row.url, "events": list(row.events), "enabled": row.enabled}


def _shown(row: Webhook) -> dict[str, Any]:
    return {"id": row.id, **_settings(row), "created_at": row.created_at}


def _subject(row: Webhook) -> str:
    return f"webhook {row.name}"


def _delivery(webhook: str, event: Event, payload: Mapping[str, Any], moment: datetime) -> WebhookDelivery:
    return WebhookDelivery(
        id=new_id(), webhook_id=webhook, event=event, payload=dict(payload), created_at=moment, due_at=moment
    )


async def _refuse_taken(rows: TenantRows, row: Webhook, name: str) -> None:
    taken = [other for other in await rows.webhooks() if other.name == name and other.id != row.id]
    refuse(Problem("name", "settings.taken", f"There is a webhook “{name}” already.") for _ in taken)


async def _refuse_more(rows: TenantRows) -> None:
    if len(await rows.webhooks()) >= MOST_WEBHOOKS:
        said = f"A tenant has at most {MOST_WEBHOOKS} webhooks."
        raise ConfigurationError(said, code="webhook.too_many", remedy="Remove one first.")
