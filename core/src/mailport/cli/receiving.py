"""The work of ``mailport receive``: fetch, save, acknowledge, move the cursor on, in this order."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailport.account import Account
from mailport.cli.entry import Entry, EntryState, read_head
from mailport.cli.exits import Exit, of_error
from mailport.cli.output import Output, Table
from mailport.cli.progress import Progress, progress
from mailport.cli.saving import CursorFile, Folder
from mailport.errors import NotFound, TransportError
from mailport.host import Mailport
from mailport.poll import Round
from mailport.reading import Headers
from mailport.rules import IncomingRules
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Delivery

__all__ = ["Receiving"]

_WITHHELD = "read.withheld"
"""The code of servers that cannot hand out one message: the others behind it come all the same."""


@dataclass(kw_only=True)
class Receiving:
    """One run: what to do, and what became of it."""

    host: Mailport
    account: Account
    action: Action
    limit: int | None
    folder: Folder | None
    place: CursorFile | None
    output: Output
    entries: list[Entry] = field(default_factory=list)
    cursor: Cursor = None

    @property
    def exit(self) -> Exit:
        """The exit code of the first message to which ``--then`` could not be done."""
        undone = [entry.done for entry in self.entries if entry.done and entry.done.done is False]
        if not undone:
            return Exit.OK
        return of_error(undone[0].error) if undone[0].error else Exit.LATER

    async def run(self, table: Table) -> None:
        """Read on from the stored cursor; from the beginning where the server no longer knows it."""
        start = self.cursor = self._prepare()
        async with self.host:
            with progress("receiving") as bar:
                try:
                    await self._round(start, table, bar)
                except NotFound as error:
                    if start is None or error.code != "read.cursor":
                        raise
                    self.output.warn(f"{error} Reading the mailbox from the beginning.")
                    self.entries.clear()
                    await self._round(None, table, bar)

    @property
    def so_far(self) -> str:
        """What an interrupted run has done, for a person."""
        saved = sum(entry.state is EntryState.SAVED for entry in self.entries)
        return f"{saved} saved; the same command goes on" if self.folder else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the run as JSON-ready data; the cursor is that of the start until everything is done."""
        return {"messages": [entry.as_dict() for entry in self.entries], "cursor": self.cursor}

    def tell(self) -> None:
        """Say beside the list what does not stand in it: that nothing came, what was done to the messages."""
        if not self.entries and sys.stdout.isatty():
            self.output.note("No new messages.")
        done = [entry.done for entry in self.entries if entry.done and entry.done.done is not False]
        if done and self.action.kind is ActionKind.MOVE:
            self.output.note(f"{len(done)} moved to {self.action.folder}.")
        for note in dict.fromkeys(answer.note for answer in done):
            self.output.note(note)

    def move_on(self) -> None:
        """Store the cursor, unless something must be done again: what was saved is then found and not fetched anew."""
        if self.place is not None and self.exit is Exit.OK:
            self.place.write(self.cursor)

    def _prepare(self) -> Cursor:
        if self.folder is not None:
            self.folder.prepare()
        if self.place is None:
            return None
        self.place.check()
        return self.place.read()

    async def _round(self, start: Cursor, table: Table, bar: Progress) -> None:
        async with self.host.poll(self.account, start, self.limit) as round_:
            async for delivery in round_:
                entry = Entry(delivery=delivery)
                await self._take(entry, bar)
                self.entries.append(entry)  # only then: an interruption leaves out what it stopped
                table.add(entry.state, entry.sender, entry.subject, entry.date, entry.size, entry.file or "")
            answers = await self._acknowledge(round_)
        self._settle([*answers, *round_.settled])
        self.cursor = round_.cursor

    async def _take(self, entry: Entry, bar: Progress) -> None:
        """Save the message, or read its headers."""
        if self._is_too_large(entry.delivery):
            entry.state = EntryState.TOO_LARGE
            self.output.warn(f"{entry.delivery.key} is larger than max_message_size allows; it stays in the mailbox.")
            return
        try:
            if self.folder is None:
                entry.headers = await read_head(entry.delivery)
            else:
                await self._save(entry, self.folder, bar)
        except NotFound:
            entry.state = EntryState.GONE
        except TransportError as error:
            if error.code != _WITHHELD:
                raise
            entry.state = EntryState.WITHHELD
            self.output.warn(f"{entry.delivery.key} stays in the mailbox: {error} {error.remedy}")
        bar.advance()

    async def _save(self, entry: Entry, folder: Folder, bar: Progress) -> None:
        file = folder.file(entry.delivery.key)
        entry.state = EntryState.KNOWN
        if not file.exists():
            await folder.save(entry.delivery, bar.received)
            entry.state = EntryState.SAVED
        entry.file = file
        entry.headers = Headers(file)

    def _is_too_large(self, delivery: Delivery) -> bool:
        rules = self.account.rules
        return isinstance(rules, IncomingRules) and delivery.size is not None and delivery.size > rules.max_message_size

    async def _acknowledge(self, round_: Round) -> Sequence[Acknowledgement]:
        stored = [entry.delivery for entry in self.entries if entry.may_be_acknowledged]
        if self.action.kind is ActionKind.LEAVE or not stored:
            return ()
        return await round_.acknowledge(self.action, stored)

    def _settle(self, answers: Sequence[Acknowledgement]) -> None:
        """Put the outcomes to their messages; the last word of a protocol that commits at its end replaces the first."""
        by_key = {answer.key: answer for answer in answers}
        for entry in self.entries:
            entry.done = by_key.get(entry.delivery.key)
            if entry.done is not None and entry.done.error is not None:
                self.output.complain(entry.done.error, f"{entry.delivery.key}: {self.action.kind} failed")
