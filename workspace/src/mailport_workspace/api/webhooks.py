"""Webhooks: which other systems are told what, and every delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from mailport.errors import NotFound
from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail_shapes import Shown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.shapes import Id, Input, Text
from mailport_workspace.store import Store
from mailport_workspace.tables import WebhookState
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.webhooks.events import EVENT_MEANINGS, Event

__all__ = ["router"]

router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Address = Annotated[Text, Field(max_length=2000, examples=["https://hooks.example.org/mailport"])]
Events = Annotated[list[Event], Field(max_length=100)]


class WebhookForm(Input):
    """A webhook that is wanted."""

    name: Name
    url: Address
    events: Events
    enabled: bool = True


class WebhookPatch(Input):
    """What shall change; what is left out stays."""

    name: Name | None = None
    url: Address | None = None
    events: Events | None = None
    enabled: bool | None = None


class WebhookShown(BaseModel):
    """A webhook, without its key."""

    id: str
    name: str
    url: str
    events: list[Event]
    enabled: bool
    created_at: datetime


class SigningKey(BaseModel):
    """A webhook's key, which is shown this once: signatures are those of Standard Webhooks 1.0."""

    id: str
    signing_key: str


class DeliveryShown(Shown):
    """One event for one webhook, and how far its delivery is."""

    id: str
    event: Event
    payload: dict[str, Any]
    state: WebhookState
    due_at: datetime
    attempts: int
    last_status: int | None
    last_error: str
    created_at: datetime
    finished_at: datetime | None


class EventShown(BaseModel):
    """Something that can be told."""

    name: Event
    meaning: str


@router.get("")
async def list_webhooks(actor: Reader, workspace: WorkspaceOf) -> list[WebhookShown]:
    """List the webhooks by name."""
    return [WebhookShown.model_validate(webhook) for webhook in await workspace.webhooks.list(actor)]


@router.get("/events")
async def list_events(_actor: Reader) -> list[EventShown]:
    """List what can be told."""
    return [EventShown(name=event, meaning=meaning) for event, meaning in EVENT_MEANINGS.items()]


@router.post("", status_code=201, responses=can_fail_with(409))
async def create_webhook(
    form: WebhookForm, request: Request, response: Response, actor: Writer, workspace: WorkspaceOf
) -> SigningKey:
    """Make a webhook; the answer has the key that signs."""
    made = await workspace.webhooks.create(actor, form.model_dump(mode="json"))
    response.headers["Location"] = request.url_for("read_webhook", webhook=made.id).path
    return SigningKey(id=made.id, signing_key=made.signing_key)


@router.get("/{webhook}", responses=can_fail_with(404))
async def read_webhook(webhook: Id, actor: Reader, workspace: WorkspaceOf) -> WebhookShown:
    """Read one webhook."""
    return WebhookShown.model_validate(await workspace.webhooks.read(actor, webhook))


@router.patch("/{webhook}", responses=can_fail_with(404, 409))
async def change_webhook(webhook: Id, patch: WebhookPatch, actor: Writer, workspace: WorkspaceOf) -> WebhookShown:
    """Change a webhook; what waits for one that is switched off is given up."""
    await workspace.webhooks.change(actor, webhook, patch.model_dump(mode="json", exclude_none=True))
    return WebhookShown.model_validate(await workspace.webhooks.read(actor, webhook))


@router.delete("/{webhook}", status_code=204, responses=can_fail_with(404))
async def remove_webhook(webhook: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Delete a webhook and its deliveries."""
    await workspace.webhooks.remove(actor, webhook)


@router.post("/{webhook}/key", responses=can_fail_with(404))
async def renew_webhook_key(webhook: Id, actor: Writer, workspace: WorkspaceOf) -> SigningKey:
    """Give a new key; deliveries are signed with the former one as well until the next time."""
    made = await workspace.webhooks.renew_key(actor, webhook)
    return SigningKey(id=made.id, signing_key=made.signing_key)


@router.post("/{webhook}/test", status_code=202, responses=can_fail_with(404))
async def test_webhook(webhook: Id, actor: Writer, workspace: WorkspaceOf) -> DeliveryShown:
    """Write a test event for this webhook; its delivery tells how it ends."""
    return await _delivery(workspace.store, actor, await workspace.webhooks.test(actor, webhook))


@router.get("/{webhook}/deliveries", responses=can_fail_with(404))
async def list_deliveries(webhook: Id, actor: Reader, workspace: WorkspaceOf, paging: PagingOf) -> Page[DeliveryShown]:
    """List deliveries, the newest first."""
    with paging.asked():
        found = await workspace.webhooks.deliveries(actor, webhook, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda row: [row.id], DeliveryShown.model_validate)


@router.post("/{webhook}/deliveries/{delivery}/redeliver", status_code=202, responses=can_fail_with(404))
async def deliver_again(webhook: Id, delivery: Id, actor: Writer, workspace: WorkspaceOf) -> DeliveryShown:
    """Deliver once more what was delivered or given up, under the same id."""
    async with workspace.store.read(actor.tenant) as rows:
        if (await rows.delivery(delivery)).webhook_id != webhook:
            raise NotFound("There is no such delivery.", code="store.missing", remedy="Reload the list.")
    await workspace.webhooks.deliver_again(actor, delivery)
    return await _delivery(workspace.store, actor, delivery)


async def _delivery(store: Store, actor: Actor, delivery: str) -> DeliveryShown:
    async with store.read(actor.tenant) as rows:
        return DeliveryShown.model_validate(await rows.delivery(delivery))
