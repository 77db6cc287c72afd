"""Receivers with one small mistake each, and the case of the kit that must notice it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from mailport.errors import MailportError
from mailport.fields import Capabilities
from mailport.testing.memory.harness import PASSWORD
from mailport.testing.memory.mailbox import StoredMail
from mailport.testing.memory.receiver import MemoryDeliveries, MemoryReceiver
from mailport.testing.memory.session import connect, sign_in
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery
from tests.meta.breakage import Breakages

BREAKAGES = Breakages("receiver")
Answers = Sequence[Acknowledgement]
noticed_by = BREAKAGES.noticed_by


def listing(change: Callable[[list[Delivery], Cursor], tuple[list[Delivery], Cursor]]) -> type[MemoryReceiver]:
    """A receiver whose listing, with the cursor at its end, is changed."""

    class Changed(MemoryReceiver):
        @asynccontextmanager
        async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
            async with super().fetch(cursor, limit) as deliveries:
                listed = [delivery async for delivery in deliveries]
                changed, end = change(listed, deliveries.cursor)
                yield _Listed(changed, end)

    return Changed


class _Listed(Deliveries):
    def __init__(self, deliveries: list[Delivery], end: Cursor) -> None:
        self._deliveries = deliveries
        self._end = end

    async def iterate(self) -> AsyncIterator[Delivery]:
        for delivery in self._deliveries:
            yield delivery
        self.cursor = self._end


def moved_by(cursor: Cursor, by: int) -> Cursor:
    """A cursor that is off by some messages."""
    return {**cast("dict[str, Any]", cursor), "uid": cast("dict[str, Any]", cursor)["uid"] + by}


noticed_by("test_everything_is_listed_once")(listing(lambda listed, end: ([*listed, *listed[:1]], end)))
noticed_by("test_an_empty_mailbox_gives_a_cursor")(listing(lambda listed, end: (listed, end if listed else moved_by(end, 1))))
noticed_by("test_facts_are_plausible")(listing(lambda listed, end: ([replace(one, size=7) for one in listed], end)))
noticed_by("test_a_cursor_goes_on_where_it_stood")(listing(lambda listed, end: (listed, moved_by(end, -1) if listed else end)))
noticed_by("test_a_broken_round_loses_nothing")(
    listing(lambda listed, end: ([replace(one, cursor=end) for one in listed], end))
)
noticed_by("test_each_cursor_goes_on_after_its_message")(
    listing(lambda listed, end: ([replace(one, cursor=moved_by(one.cursor, -1)) for one in listed], end))
)


@noticed_by("test_keys_are_stable")
class KeysHoldTheFlags(MemoryReceiver):
    def _delivery(self, mail: StoredMail, epoch: int) -> Delivery:
        return replace(super()._delivery(mail, epoch), key=f"{epoch}/{mail.uid}{'S' if mail.seen else ''}")


@noticed_by("test_order_is_stable")
class TurnsTheOrder(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        async with super().fetch(cursor, limit) as deliveries:
            step = 1 if len(self._mail.connections) % 2 else -1
            yield _Listed([delivery async for delivery in deliveries][::step], deliveries.cursor)


@noticed_by("test_limit_bounds_a_round")
class IgnoresTheLimit(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        async with super().fetch(cursor) as deliveries:
            yield deliveries


@noticed_by("test_the_end_of_a_round_comes_last")
class TellsTheEndAtOnce(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        async with super().fetch(cursor, limit) as deliveries:
            deliveries.cursor = cast("MemoryDeliveries", deliveries)._deliveries[-1].cursor
            yield deliveries


@noticed_by("test_what_was_dealt_with_disturbs_no_cursor")
class CountsInsteadOfNaming(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        skip = cast("int", cursor or 0)
        async with super().fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries][skip:][:limit]
            yield _Listed(listed, skip + len(listed))


@noticed_by("test_a_forgotten_cursor_is_not_found")
class IgnoresTheEpoch(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        epoch = (await self._mailbox()).epoch
        current = {**cursor, "epoch": epoch} if isinstance(cursor, dict) else cursor
        async with super().fetch(current, limit) as deliveries:
            yield deliveries


@noticed_by("test_a_foreign_cursor_is_not_found", foreign={"of": "another protocol"}, fails_with=KeyError)
class TrustsEveryCursor(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        async with super().fetch(moved_by(cursor, 0) if cursor else None, limit) as deliveries:
            yield deliveries


@noticed_by("test_bytes_are_the_servers")
class ChangesLineEnds(MemoryReceiver):
    async def _load(self, key: str) -> AsyncIterator[bytes]:
        async for chunk in super()._load(key):
            yield chunk.replace(b"\r\n", b"\n")


@noticed_by("test_bytes_come_in_chunks")
class LoadsInOnePiece(MemoryReceiver):
    async def _load(self, key: str) -> AsyncIterator[bytes]:
        yield b"".join([chunk async for chunk in super()._load(key)])


@noticed_by("test_bytes_come_in_any_order")
class LoadsOnce(MemoryReceiver):
    async def _load(self, key: str) -> AsyncIterator[bytes]:
        loaded = vars(self).setdefault("loaded", set())
        if key not in loaded:
            loaded.add(key)
            async for chunk in super()._load(key):
                yield chunk


@noticed_by("test_reading_leaves_no_mark")
class MarksWhatItReads(MemoryReceiver):
    async def _load(self, key: str) -> AsyncIterator[bytes]:
        mail = await self._find(key)
        assert mail is not None
        mail.seen = True
        yield mail.raw


@noticed_by("test_reading_what_is_gone_is_not_found")
class ReadsNothingFromNothing(MemoryReceiver):
    async def _load(self, key: str) -> AsyncIterator[bytes]:
        mail = await self._find(key)
        yield mail.raw if mail else b""


@noticed_by("test_leave_leaves_everything")
class MarksWhatItLeaves(MemoryReceiver):
    async def _settle(self, key: str, action: Action) -> Acknowledgement:
        await super()._settle(key, Action(ActionKind.MARK_READ))
        return await super()._settle(key, action)


@noticed_by("test_delete_removes")
class DeletesEverything(MemoryReceiver):
    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Answers:
        answers = await super().acknowledge(deliveries, action)
        (await self._mailbox()).folders["INBOX"].clear()
        return answers


@noticed_by("test_mark_read_marks", "test_move_moves", "test_a_key_is_enough")
class OnlySaysSo(MemoryReceiver):
    async def _settle(self, key: str, action: Action) -> Acknowledgement:
        return Acknowledgement(key=key, done=True)


@noticed_by("test_flags_tell_what_was_read")
class HasItsOwnFlags(MemoryReceiver):
    def _delivery(self, mail: StoredMail, epoch: int) -> Delivery:
        return replace(super()._delivery(mail, epoch), flags=frozenset({"read"} if mail.seen else ()))


@noticed_by("test_a_new_key_is_the_key_there")
class KeepsTheKey(MemoryReceiver):
    async def _settle(self, key: str, action: Action) -> Acknowledgement:
        return replace(await super()._settle(key, action), new_key=key)


@noticed_by("test_answers_come_in_order")
class SortsTheAnswers(MemoryReceiver):
    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Answers:
        return sorted(await super().acknowledge(deliveries, action), key=lambda answer: answer.key)


@noticed_by("test_doing_it_twice_is_harmless", kind=ActionKind.DELETE)
class MissesWhatIsGone(MemoryReceiver):
    async def _settle(self, key: str, action: Action) -> Acknowledgement:
        gone = await self._find(key) is None
        return replace(await super()._settle(key, action), done=not gone)


@noticed_by("test_an_unsupported_action_does_nothing", capabilities=Capabilities(local=True))
class TriesEverything(MemoryReceiver):
    def _check(self, action: Action) -> None:
        """Let everything pass."""


@noticed_by("test_a_folder_is_one_line", folder="Ar\r\nchive")
class TakesAnyFolder(MemoryReceiver):
    def _check(self, action: Action) -> None:
        """Let everything pass."""


@noticed_by("test_close_is_idempotent", fails_with=AttributeError)
class ClosesOnce(MemoryReceiver):
    async def close(self) -> None:
        await super().close()
        del self._connection


@noticed_by("test_close_does_not_wait_for_silence", patience=0.5)
class SaysGoodbye(MemoryReceiver):
    async def close(self) -> None:
        await self._mail.obey_faults()
        await super().close()


@noticed_by("test_silence_ends_in_time", patience=0.8)
class HasNoTimeout(MemoryReceiver):
    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        await self._mail.obey_faults()
        async with super().fetch(cursor, limit) as deliveries:
            yield deliveries


@noticed_by("test_wrong_credentials_fail_once")
class TriesTwice(MemoryReceiver):
    async def open(self) -> None:
        try:
            await super().open()
        except MailportError:
            await asyncio.sleep(0)
            await super().open()


@noticed_by("test_a_failed_open_leaves_nothing")
class LeavesTheConnection(MemoryReceiver):
    async def open(self) -> None:
        self._connection = await connect(self._account, self._mail)
        await sign_in(self._account, self._connection)


@noticed_by("test_secrets_are_untold")
class ShowsThePassword(MemoryReceiver):
    def __repr__(self) -> str:
        return f"<MemoryReceiver {PASSWORD}>"
