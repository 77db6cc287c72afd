"""Accepting a mail: its history, its bytes and what is to be done, in one transaction (SND-22).

It is stored as bytes with its Bcc, and read back when it is sent; what stands beside the bytes is kept in columns.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from mailport import Message
from mailport.errors import ConfigurationError
from mailport.policies.conversation_ids import new_conversation_id
from mailport_workspace.outbox.sameness import is_same_mail
from mailport_workspace.records.history import enter_outgoing
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.sealing import KeyRing
from mailport_workspace.storable import storable
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import JournalEntry, MailDirection, OutboxEntry, OutboxState, RawMessage, now
from mailport_workspace.tables.base import INDEXED_LENGTH, new_id
from mailport_workspace.tenants.conversation_secrets import signing_secret

__all__ = ["PLAIN", "Submitted", "Wish", "store_mail"]

_Row: TypeAlias = dict[str, Any]
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A mail that is stored. ``journal_id`` traces it; ``is_new`` is False where its idempotency key was used before."""

    journal_id: str
    outbox_id: str
    state: OutboxState
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a mail shall leave: about which record, not before ``due_at``, before others with a lower ``priority``.

    ``hold`` keeps it until a person releases it; the same ``idempotency_key`` twice sends one mail.
    """

    record: RecordRef | None = None
    due_at: datetime | None = None
    priority: int = 0
    idempotency_key: str | None = None
    origin: str = "api"
    hold: bool = False


PLAIN = Wish()
"""Now, once for every call, about no record."""


async def store_mail(rows: TenantRows, ring: KeyRing, message: Message, content: bytes, wish: Wish) -> Submitted:
    """Store a mail, or return the one that has its key. Raises ``ConfigurationError`` (``store.key_used``) for another mail."""
    if wish.idempotency_key and (first := await rows.outbox_keyed(wish.idempotency_key)) is not None:
        return await _again(rows, first, message, content, wish)
    conversation_id = message.conversation_id or await _conversation_of(rows, ring, wish.record)
    raw = {"id": new_id(), "content": content, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    journal = _history(message, raw, conversation_id, wish)
    await rows.insert(RawMessage, [raw])
    await rows.insert(JournalEntry, [journal])
    return await _with_entry(rows, journal, message, content, wish)


async def _with_entry(rows: TenantRows, journal: _Row, message: Message, content: bytes, wish: Wish) -> Submitted:
    entry = _entry(journal, message, wish)
    first = await rows.insert_outbox(entry)
    if first is not None:  # another caller used the key at the same moment
        await rows.forget_mail(journal["id"], journal["raw_id"])
        return await _again(rows, first, message, content, wish)
    if wish.record is not None:
        await enter_outgoing(rows, wish.record, await rows.journal_entry(journal["id"]), message.text)
    return Submitted(journal_id=journal["id"], outbox_id=entry["id"], state=entry["state"], is_new=True)


async def _again(rows: TenantRows, first: OutboxEntry, message: Message, content: bytes, wish: Wish) -> Submitted:
    journal = await rows.journal_entry(first.journal_id)
    stored = await rows.raw_content(journal.raw_id) if journal.raw_id else None
    if not _is_same_way(first, journal, message, wish) or (stored is not None and not is_same_mail(stored, content)):
        raise ConfigurationError(
            "Another mail was sent with this idempotency key.",
            code="store.key_used",
            field="idempotency_key",
            remedy="Use a key of its own for every mail.",
        )
    return Submitted(journal_id=journal.id, outbox_id=first.id, state=first.state, is_new=False)


async def _conversation_of(rows: TenantRows, ring: KeyRing, record: RecordRef | None) -> str:
    """Return the conversation id of a record: that of its latest mail, else a fresh one."""
    if record is None:
        return ""
    latest = await rows.latest_conversation(record.type, record.id)
    if latest:
        return latest
    reference = record.number if _REFERENCE.fullmatch(record.number) else ""
    return new_conversation_id(await signing_secret(rows, ring), reference)


def _is_same_way(first: OutboxEntry, journal: JournalEntry, message: Message, wish: Wish) -> bool:
    record = wish.record.id if wish.record else None
    is_same_envelope = first.envelope.get("from") == message.envelope_from and journal.recipients == _recipients(message)
    return is_same_envelope and journal.record_id == record


def _history(message: Message, raw: _Row, conversation_id: str, wish: Wish) -> _Row:
    record = wish.record
    return {
        "id": new_id(),
        "direction": MailDirection.OUTGOING,
        "message_id": storable(message.message_id)[:INDEXED_LENGTH],
        "sender": storable(message.sender.mailbox) if message.sender else "",
        "recipients": _recipients(message),
        "subject": storable(message.subject),
        "record_type": record.type if record else "",
        "record_id": record.id if record else None,
        "record_number": record.number if record else "",
        "conversation_id": conversation_id,
        "raw_id": raw["id"],
        "size": raw["size"],
    }


def _recipients(message: Message) -> list[str]:
    return [storable(mailbox) for mailbox in message.recipients]


def _entry(journal: _Row, message: Message, wish: Wish) -> _Row:
    return {
        "id": new_id(),
        "journal_id": journal["id"],
        "state": OutboxState.HELD if wish.hold else OutboxState.QUEUED,
        "due_at": wish.due_at or now(),
        "priority": wish.priority,
        "idempotency_key": wish.idempotency_key,
        "envelope": _envelope(message),
        "automatic": message.automatic or "",
        "origin": wish.origin,
        "reason": "It was held when it was sent." if wish.hold else "",
    }


def _envelope(message: Message) -> dict[str, Any]:
    """Return what the envelope says beside the headers; empty where it says nothing."""
    sender = {} if message.envelope_from is None else {"from": message.envelope_from}
    return sender | ({} if message.envelope_to is None else {"to": list(message.envelope_to)})
