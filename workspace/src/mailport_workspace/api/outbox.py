"""The outbox: what waits to be sent and what became of it, and what people decide about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail import AcceptedMail
from mailport_workspace.api.mail_shapes import MailSummary, OutboxShown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.shapes import Id
from mailport_workspace.outbox.enqueue import Submitted
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.outbox.states import Action
from mailport_workspace.tables import JournalEntry, OutboxEntry, OutboxState, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.circuit import OUTGOING, is_open

__all__ = ["Closed", "router"]

router = APIRouter(prefix="/outbox", tags=["outbox"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.MAIL_READ)]
Sender = Annotated[Actor, allowed(Scope.MAIL_SEND)]

_CARRIED_OUT: dict[Action, Callable[[Outbox, Actor, str], Awaitable[Submitted]]] = {
    Action.RESEND: Outbox.resend,
    Action.CANCEL: Outbox.cancel,
    Action.HOLD: Outbox.hold,
    Action.RELEASE: Outbox.release,
    Action.MARK_SENT: Outbox.mark_sent,
}


class OutboxListed(OutboxShown):
    """What is to be done for an outgoing mail, with the mail."""

    mail: MailSummary


class AccountOfOutbox(BaseModel):
    """How the account fares by which the tenant sends.

    While the circuit is open nothing is sent: other settings, a passed test of the connection or a person close it. Nothing is
    sent before ``wait_until`` either: the server asked for it. ``next_at`` is when the rate limit lets the next mail go.
    """

    circuit_open: bool
    circuit_opened_at: datetime | None
    circuit_code: str
    circuit_error: str
    wait_until: datetime | None
    next_at: datetime | None


class Closed(BaseModel):
    """Whether the circuit was open."""

    was_open: bool


@router.get("")
async def list_outbox(
    actor: Reader,
    workspace: WorkspaceOf,
    paging: PagingOf,
    state: Annotated[list[OutboxState], Query(max_length=20, description="Several may be given.")] = [],  # noqa: B006
) -> Page[OutboxListed]:
    """List outgoing mails, the newest first."""
    with paging.asked():
        async with workspace.store.read(actor.tenant) as rows:
            found = await rows.outbox_page(states=state, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda pair: [pair[0].id], _listed)


@router.get("/account")
async def read_account(actor: Reader, workspace: WorkspaceOf) -> AccountOfOutbox:
    """Say how the account fares by which the tenant sends."""
    async with workspace.store.read(actor.tenant) as rows:
        state, version = (await rows.account_states()).get(OUTGOING), (await rows.configuration()).version
    return AccountOfOutbox(
        circuit_open=is_open(state, version, now()),
        circuit_opened_at=state.circuit_opened_at if state else None,
        circuit_code=state.circuit_code if state else "",
        circuit_error=state.circuit_error if state else "",
        wait_until=state.wait_until if state else None,
        next_at=state.arrival if state else None,
    )


@router.post("/account/close-circuit")
async def close_circuit(actor: Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)], workspace: WorkspaceOf) -> Closed:
    """Let mail leave again although the settings are the same."""
    return Closed(was_open=await workspace.outbox.close_circuit(actor))


@router.get("/{entry}", responses=can_fail_with(404))
async def read_outbox_entry(entry: Id, actor: Reader, workspace: WorkspaceOf) -> OutboxListed:
    """Read what is to be done for one mail."""
    async with workspace.store.read(actor.tenant) as rows:
        row = await rows.outbox_entry(entry)
        return _listed((row, await rows.journal_entry(row.journal_id)))


@router.post("/{entry}/{action}", responses=can_fail_with(404, 409))
async def act_on_outbox_entry(entry: Id, action: Action, actor: Sender, workspace: WorkspaceOf) -> AcceptedMail:
    """Resend, cancel, hold, release or mark as sent; the answer names the entry that counts from now on."""
    return AcceptedMail.of(await _CARRIED_OUT[action](workspace.outbox, actor, entry))


def _listed(pair: tuple[OutboxEntry, JournalEntry]) -> OutboxListed:
    entry, journal = pair
    return OutboxListed(**OutboxShown.of(entry).model_dump(), mail=MailSummary.of(journal))
