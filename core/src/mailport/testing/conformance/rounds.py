"""Rounds in a session of their own, as the cases of a receiver do them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest

from mailport.message import Message
from mailport.testing.conformance.harness import ReceiverHarness, Stored
from mailport.testing.messages import incoming
from mailport.transport import Acknowledgement, Action, Cursor, Delivery, Receiver

__all__ = [
    "Round",
    "acknowledge_all",
    "acknowledge_keys",
    "fill",
    "keys_by_subject",
    "listed_by",
    "must_be_able",
    "one_round",
    "read_subject",
    "stored_by_host",
    "subject_of",
    "subjects_of",
]


class Round(NamedTuple):
    """What a round listed, and the cursor at its end as it lay in the host's database."""

    subjects: list[str]
    keys: list[str]
    cursor: Cursor


async def fill(harness: ReceiverHarness, count: int, prefix: str = "No.") -> None:
    """Deliver ``count`` messages; their subjects are numbered."""
    for n in range(count):
        await harness.deliver(incoming(f"{prefix} {n}"))


async def listed_by(receiver: Receiver) -> list[Delivery]:
    """Return what an open receiver lists."""
    async with receiver.fetch(None) as deliveries:
        return [delivery async for delivery in deliveries]


async def one_round(harness: ReceiverHarness, cursor: Cursor = None, *, limit: int | None = None, **changes: Any) -> Round:
    """Do one round in a session of its own."""
    async with harness.receiver(**changes) as receiver, receiver.fetch(cursor, limit) as deliveries:
        listed = [(await read_subject(delivery), delivery.key) async for delivery in deliveries]
        cursor = stored_by_host(deliveries.cursor)
    return Round([subject for subject, _ in listed], [key for _, key in listed], cursor)


async def keys_by_subject(harness: ReceiverHarness) -> dict[str, str]:
    """Do one round; return the key of each message."""
    round_ = await one_round(harness)
    return dict(zip(round_.subjects, round_.keys, strict=True))


def stored_by_host(cursor: Cursor) -> Cursor:
    """Return the cursor after it lay in a database."""
    stored: Cursor = json.loads(json.dumps(cursor))
    return stored


async def read_subject(delivery: Delivery) -> str:
    """Return the subject of a delivery, which is read for it."""
    return subject_of(await delivery.read())


def subject_of(raw: bytes) -> str:
    """Return the subject of a message."""
    return Message.read(raw).subject


def subjects_of(mails: Sequence[Stored]) -> list[str]:
    """Return the subjects of a folder, sorted."""
    return sorted(subject_of(mail.raw) for mail in mails)


def must_be_able(harness: ReceiverHarness, capability: str) -> None:
    """Skip the case where the protocol lacks a capability."""
    if capability and not getattr(harness.protocol.capabilities, capability):
        pytest.skip(f"{harness.protocol.title} lacks the capability {capability}")


async def acknowledge_all(harness: ReceiverHarness, action: Action, *, but: str = "") -> list[Acknowledgement]:
    """Acknowledge every message but one; return the final answers, which some protocols give when the session ends."""
    async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
        listed = [delivery async for delivery in deliveries if await read_subject(delivery) != but]
        answers = await receiver.acknowledge(listed, action)
    return _settled(receiver, answers)


async def acknowledge_keys(harness: ReceiverHarness, keys: Sequence[str], action: Action) -> list[Acknowledgement]:
    """Acknowledge by key, in a session that listed nothing."""
    async with harness.receiver() as receiver:
        answers = await receiver.acknowledge([Delivery(key=key, load=_nothing) for key in keys], action)
    return _settled(receiver, answers)


def _settled(receiver: Receiver, answers: Sequence[Acknowledgement]) -> list[Acknowledgement]:
    late = {answer.key: answer for answer in receiver.settled}
    return [late.get(answer.key, answer) if answer.done is None else answer for answer in answers]


async def _nothing() -> AsyncIterator[bytes]:
    """Give no bytes: an acknowledgement needs none."""
    for chunk in list[bytes]():
        yield chunk
