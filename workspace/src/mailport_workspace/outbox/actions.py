"""What a person decides about an outgoing mail: resend, cancel, hold, release, mark as sent.

Each is a change of one row from a state in which it is allowed (``states.py``), with its entries in history and audit.
"""

from __future__ import annotations

from mailport.errors import ConfigurationError
from mailport_workspace.outbox.states import FROM, Action
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import OutboxEntry, OutboxState, now
from mailport_workspace.tables.base import new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields

__all__ = ["act"]

_LEADS_TO = {
    Action.RESEND: OutboxState.QUEUED,
    Action.CANCEL: OutboxState.CANCELLED,
    Action.HOLD: OutboxState.HELD,
    Action.RELEASE: OutboxState.QUEUED,
    Action.MARK_SENT: OutboxState.SENT,
}
_CLOSED = frozenset({OutboxState.SENT, OutboxState.CANCELLED})


async def act(rows: TenantRows, actor: Actor, outbox: str, action: Action) -> OutboxEntry:
    """Carry out what a person decided; return the entry that counts now. Raises ``ConfigurationError`` (``store.state``)."""
    entry = await rows.outbox_entry(outbox, for_update=True)
    before = entry.state
    if before not in FROM[action]:
        raise _not_now(entry, action)
    if action is Action.RESEND:
        entry = await _resend(rows, entry)
    else:
        await _change(rows, entry, action, actor)
    await rows.note(entry.journal_id, action, f"{actor.name} decided: {before} becomes {entry.state}.")
    await rows.add(
        *changed_fields(actor, f"mail {entry.journal_id}", {"state": before}, {"state": f"{entry.state} ({action})"})
    )
    return entry


async def _change(rows: TenantRows, entry: OutboxEntry, action: Action, actor: Actor) -> None:
    entry.state = _LEADS_TO[action]
    entry.reason = f"{actor.name} held it." if action is Action.HOLD else ""
    if entry.state in _CLOSED:
        entry.finished_at = now()
    if action is Action.MARK_SENT:
        sent = {"sent": True, "sent_at": entry.finished_at, "last_error": "", "error_detail": ""}
        await rows.settle_journal([entry.journal_id], sent, is_attempt=False)


async def _resend(rows: TenantRows, entry: OutboxEntry) -> OutboxEntry:
    """Queue a mail again, for whom it was refused where others have it; one that is closed gets a new entry (SND-24)."""
    if entry.state is OutboxState.PARTLY_REFUSED:
        refused = await rows.refused_recipients(entry.id)
        if not refused:
            raise _nobody_refused()
        entry.envelope = {**entry.envelope, "only": list(refused)}
    if entry.state in _CLOSED:
        entry = _another(entry)
        await rows.add(entry)
    entry.state, entry.due_at, entry.reason, entry.finished_at, entry.lookups = OutboxState.QUEUED, now(), "", None, 0
    return entry


def _another(entry: OutboxEntry) -> OutboxEntry:
    return OutboxEntry(
        id=new_id(),
        journal_id=entry.journal_id,
        priority=entry.priority,
        attempts=entry.attempts,
        envelope=dict(entry.envelope),
        automatic=entry.automatic,
        origin=entry.origin,
        parent_id=entry.parent_id,
    )


def _not_now(entry: OutboxEntry, action: Action) -> ConfigurationError:
    allowed = ", ".join(sorted(FROM[action]))
    return ConfigurationError(
        f"The mail is {entry.state}; “{action}” is possible for: {allowed}.",
        code="store.state",
        remedy="Load it again." if entry.state is not OutboxState.UNCERTAIN else "Wait: it is being looked up.",
    )


def _nobody_refused() -> ConfigurationError:
    return ConfigurationError("Nobody was refused: the others have their own entry.", code="store.state")
