"""The whole story without a person: a mail comes, an incident is made, an answer goes, its reply finds the incident."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mailport import Message
from mailport.errors import TimedOut
from mailport.replying import reply
from mailport_workspace.demo.running import HOST, Demo
from mailport_workspace.demo.sample import DESK, GUEST, OUTBOX
from mailport_workspace.demo.telling import Say
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.desk import RecordPage
from mailport_workspace.tables import ActivityKind

__all__ = ["play"]

_PATIENCE = 60.0
_LOOK = 0.1

Found = TypeVar("Found")


async def play(demo: Demo, say: Say) -> None:
    """Play it through the mail server and the services, and tell each step. Raises ``TimedOut`` where it gets stuck."""
    before = await _answers(demo)
    known = await _numbers(demo)
    await _send(demo, Message.compose(sender=GUEST, to=DESK, subject="The printer is on fire", text="It smells.\n"))
    say(f"{GUEST} wrote to {DESK}: “The printer is on fire”.")
    incident = await _until("an incident", lambda: _new_incident(demo, known))
    say(f"It is the incident {incident.record.number}, linked to {incident.person.email if incident.person else 'nobody'}.")
    await demo.workspace.desk.answer(demo.sample.actor, incident.record.id, text="We are on our way.\n")
    answer = await _until("an answer", lambda: _new_answer(demo, before))
    say(f"The answer went to {', '.join(map(str, answer.to))}: “{answer.subject}”.")
    await _send(demo, _reply(answer))
    say(f"{GUEST} replied to it.")
    mails = await _until("the reply", lambda: _second_mail(demo, incident.record.id))
    assert await _numbers(demo) == {*known, incident.record.number}  # noqa: S101 - the story's point
    say(f"The reply is in {incident.record.number} as well, which has {mails} mails now. No second incident was made.")


def _reply(answer: Message) -> Message:
    """Return what a mail program makes of “reply”: the thread's header fields, and the answer quoted below."""
    quoted = "".join(f"> {line}\n" for line in answer.text.splitlines())
    return reply(answer, sender=GUEST, text=f"Thank you!\n\n{quoted}")


async def _send(demo: Demo, message: Message) -> None:
    def send() -> None:
        with smtplib.SMTP(HOST, demo.smtp_port, timeout=_PATIENCE) as server:
            server.sendmail(GUEST, [DESK], message.to_bytes())

    await asyncio.to_thread(send)


async def _new_incident(demo: Demo, known: set[str]) -> RecordPage | None:
    listed = await demo.workspace.desk.list(demo.sample.actor, RecordFilter())
    new = [one.record.id for one in listed if one.record.number not in known]
    return await demo.workspace.desk.read(demo.sample.actor, new[0]) if new else None


async def _new_answer(demo: Demo, before: set[str]) -> Message | None:
    new = sorted(await _answers(demo) - before)
    return Message.read(demo.mail / OUTBOX / "new" / new[0]) if new else None


async def _second_mail(demo: Demo, record: str) -> int | None:
    history = (await demo.workspace.desk.read(demo.sample.actor, record)).history
    came = sum(activity.kind is ActivityKind.MAIL_IN for activity in history)
    return len([a for a in history if a.journal_id]) if came > 1 else None


async def _numbers(demo: Demo) -> set[str]:
    return {one.record.number for one in await demo.workspace.desk.list(demo.sample.actor, RecordFilter())}


async def _answers(demo: Demo) -> set[str]:
    folder = demo.mail / OUTBOX / "new"
    return await asyncio.to_thread(lambda: {path.name for path in folder.glob("*")})


async def _until(what: str, look: Callable[[], Awaitable[Found | None]]) -> Found:
    try:
        async with asyncio.timeout(_PATIENCE):
            while True:
                found = await look()
                if found is not None:
                    return found
                await asyncio.sleep(_LOOK)
    except TimeoutError as error:
        raise TimedOut(f"Within {_PATIENCE:.0f} seconds there was not {what}.", code="demo.stuck") from error
