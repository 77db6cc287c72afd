"""Filing: what the mailbox does with a message, after the transaction that made it count (REL-02).

Only keys count: what a crash left over is filed in the next session, before anything else.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailport.errors import AuthenticationFailed, MailportError, Throttled, Unreachable
from mailport.poll import Round
from mailport.transport import Acknowledgement, Action, Delivery
from mailport_workspace.intake.lease import Reached
from mailport_workspace.intake.plan import Plan
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import FinishState, IntakeEntry, StepState
from mailport_workspace.tables.base import INDEXED_LENGTH

__all__ = ["FINISH_ATTEMPTS", "Finish"]

FINISH_ATTEMPTS = 5
"""How often a mailbox is asked to file a message; then it stays where it is, and its history says why."""
_AT_ONCE = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A message that is to be filed."""

    journal: str
    key: str
    action: str


class Finish:
    """Files the messages of one poll. ``trouble`` is why the mailbox did not do what it was asked."""

    def __init__(self, store: Store, plan: Plan, *, reached: Reached, clock: Callable[[], datetime]) -> None:
        self.trouble: MailportError | None = None
        self._store = store
        self._plan = plan
        self._reached = reached
        self._clock = clock
        self._open: dict[str, str] = {}

    async def run(self, round_: Round) -> None:
        """File what was processed, here or by others, and what a crash left over."""
        by_action: defaultdict[str, list[_Pending]] = defaultdict(list)
        for pending in await self._pending():
            by_action[pending.action].append(pending)
        for action, messages in by_action.items():
            await self._file(round_, Action.parse(action), messages)

    async def end(self, settled: Sequence[Acknowledgement]) -> None:
        """Note what the protocol committed when the session ended."""
        answers = [(self._open.pop(answer.key), answer) for answer in settled if answer.key in self._open]
        await self._note(answers)

    async def _pending(self) -> list[_Pending]:
        async with self._store.read(self._plan.tenant) as rows:
            found = await rows.pending_finishes(self._plan.inbox, limit=_AT_ONCE)
        known = {entry.journal_id for entry, _ in found} & set(self._open.values())
        return [_Pending(entry.journal_id, key, entry.action) for entry, key in found if entry.journal_id not in known]

    async def _file(self, round_: Round, action: Action, messages: Sequence[_Pending]) -> None:
        try:
            answers = await round_.acknowledge(action, [Delivery(key=message.key, load=_nothing) for message in messages])
        except Throttled:
            raise
        except MailportError as error:
            refused = [Acknowledgement(key=message.key, done=False, error=error) for message in messages]
            await self._note(list(zip((message.journal for message in messages), refused, strict=True)))
            if isinstance(error, (Unreachable, AuthenticationFailed)):  # the session has ended with it
                raise
        else:
            await self._note(list(zip((message.journal for message in messages), answers, strict=True)))
        self._reached("acknowledged")

    async def _note(self, answers: Sequence[tuple[str, Acknowledgement]]) -> None:
        self._open |= {answer.key: journal for journal, answer in answers if answer.done is None}
        final = [(journal, answer) for journal, answer in answers if answer.done is not None]
        if not final:
            return
        async with self._store.write(self._plan.tenant) as rows:
            for journal, answer in final:
                await self._write(rows, journal, answer)

    async def _write(self, rows: TenantRows, journal: str, answer: Acknowledgement) -> None:
        entry = await rows.find_intake_entry(journal, for_update=True)
        if entry is None or entry.finish is not FinishState.PENDING:  # deleted, or processed again meanwhile
            return
        if answer.done:
            entry.finish = FinishState.DONE
            entry.moved_key = (answer.new_key or "")[:INDEXED_LENGTH] or None
            await rows.note(journal, "filed", answer.note or entry.action)
        else:
            await self._write_refusal(rows, entry, answer)

    async def _write_refusal(self, rows: TenantRows, entry: IntakeEntry, answer: Acknowledgement) -> None:
        error = answer.error or MailportError("The mailbox did not say why.", code="folder.refused")
        self.trouble = error
        entry.finish_attempts += 1
        if entry.finish_attempts < FINISH_ATTEMPTS:
            return
        entry.finish = FinishState.FAILED
        said = f"The mailbox refuses “{entry.action}”, so the message stays where it is: {error.message}"
        await rows.note(entry.journal_id, "filed", said, state=StepState.FAILED, code=error.code)
        _log.error("%s", said)


async def _nothing() -> AsyncIterator[bytes]:
    """Stand for the bytes of a message of which only the key counts."""
    nobody: tuple[bytes, ...] = ()
    for piece in nobody:
        yield piece
